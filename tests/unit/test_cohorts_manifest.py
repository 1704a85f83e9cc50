"""Exact duplicates and counts, on tables whose answer is known by construction."""

import pandas as pd
import pytest

from nonmass.cohorts.manifest import CohortNames, flow, mark_copies, merge_copies
from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.tables import MANIFEST

# cohort, file, bytes, patient, finding, pathology
FILES = [
    ("A", "1", "aa", "p", "mass", "benign"),
    ("A", "2", "bb", "p", "mass", "benign"),
    ("A", "3", "bb", "p", "mass", "benign"),  # the same once more
    ("A", "4", "cc", "q", "mass", "benign"),
    ("A", "5", "cc", "q", "mass", "malignant"),  # one of them is wrong
    ("A", "6", "dd", "q", "normal", ""),
    ("A", "7", "dd", "r", "normal", ""),  # whose is it?
    ("B", "1", "aa", "s", "mass", "benign"),  # A's too
    ("B", "2", "ee", "s", "non_mass", ""),
    ("B", "3", "dd", "s", "normal", ""),  # undecided in A, so here
]


@pytest.fixture
def rows():
    columns = ["cohort", "file", "content", "patient", "finding", "pathology"]
    files = pd.DataFrame(FILES, columns=columns, dtype="string")
    files = files.assign(
        image_id=files["cohort"] + "-" + files["content"],
        path=files["cohort"] + "/" + files["file"],
        patient_id=files["cohort"] + "-" + files["patient"],
        **{"device": "", "width_px": 1, "height_px": 1, "mask_path": "", "mask_id": ""},
    )
    return mark_copies(files.sample(frac=1, random_state=1))


def test_every_copy_has_its_reason(rows):
    assert dict(zip(rows["path"], rows["excluded"], strict=True)) == {
        "A/1": "",
        "A/2": "",
        "A/3": "exact duplicate",
        "A/4": "contradictory duplicate",
        "A/5": "contradictory duplicate",
        "A/6": "contradictory duplicate",
        "A/7": "contradictory duplicate",
        "B/1": "duplicate in another cohort",
        "B/2": "",
        "B/3": "contradictory duplicate",
    }


def test_patients_who_share_a_file_are_one_group_whatever_becomes_of_it(rows):
    """p and s share aa, and s shares dd with q and r: excluded files count, and links reach over several patients."""
    assert set(rows["patient_group"]) == {"A-p"}
    apart = mark_copies(rows[~rows["path"].isin(["A/6", "A/7"])].drop(columns=["excluded", "patient_group"]))
    groups = dict(zip(apart["patient_id"], apart["patient_group"], strict=True))
    assert groups == {"A-p": "A-p", "A-q": "A-q", "B-s": "A-p"}


def test_the_manifest_keeps_one_row_an_image(rows):
    manifest = MANIFEST.check(merge_copies(rows), "test")
    assert list(manifest["path"]) == ["A/1", "A/2", "A/4", "A/6", "B/1", "B/3", "B/2"]
    assert list(manifest["excluded"] == "") == [True, True, False, False, False, False, True]


def test_every_file_is_counted_once(rows):
    counts = flow(rows)
    assert counts["A"] == {
        "images": 2,
        "patients": 1,
        "excluded_images": {"contradictory_duplicate": 4, "exact_duplicate": 1},
        "mass_benign": {"images": 2, "patients": 1},
    }
    assert counts["B"]["non_mass"] == {"images": 1, "patients": 1}
    assert "excluded_images" not in flow(rows[rows["excluded"] == ""])["all"]
    assert counts["all"]["images"] + sum(counts["all"]["excluded_images"].values()) == len(FILES)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], "a name stands twice"),
        (["all"], "'all' is the name of the total"),
        (["../a"], "should match pattern"),
        ([], "at least 1 item"),
    ],
)
def test_names_of_cohorts(names, message):
    with pytest.raises(InputError, match=message):
        validate(names, CohortNames, "params.yaml: cohorts")
