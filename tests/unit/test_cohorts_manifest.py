"""Exact duplicates, exclusions, problems and counts, on tables whose answer is known by construction."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass.cohorts.criteria import Criteria
from nonmass.cohorts.manifest import (
    CohortNames,
    IngestParams,
    exclude,
    flow,
    mark_copies,
    merge_copies,
    refuse_problems,
)
from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.tables import MANIFEST, PROBLEMS

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


NO_RULES = Criteria(())
NO_PROBLEMS = pd.DataFrame(columns=list(PROBLEMS.columns))


def inventory(files):
    columns = ["cohort", "file", "content", "patient", "finding", "pathology"]
    table = pd.DataFrame(files, columns=columns, dtype="string")
    return table.assign(
        image_id=table["cohort"] + "-" + table["content"],
        path=table["cohort"] + "/" + table["file"],
        patient_id=table["cohort"] + "-" + table["patient"],
        **{"frame": 0, "device": "", "us_regions": "", "width_px": 1, "height_px": 1, "mask_path": "", "mask_id": ""},
    )


def patients_of(rows, **columns):
    return rows[["cohort", "patient_id"]].drop_duplicates().assign(**columns)


def rules(*content):
    return validate(list(content), Criteria, "params.yaml: criteria")


@pytest.fixture
def rows():
    return mark_copies(inventory(FILES).sample(frac=1, random_state=1))


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


def test_frames_of_one_file_are_no_copies_of_each_other():
    """Each frame has an id of its own; that a cohort has the file twice is seen frame by frame."""
    frames = inventory([("A", "1", f"a{n}", "p", "mass", "benign") for n in (0, 1)]).assign(frame=[0, 1])
    again = inventory([("A", "2", f"a{n}", "p", "mass", "benign") for n in (1, 0)]).assign(frame=[1, 0])
    marked = mark_copies(pd.concat([again, frames]))
    assert list(zip(marked["path"], marked["frame"], marked["excluded"], strict=True)) == [
        ("A/1", 0, ""),
        ("A/1", 1, ""),
        ("A/2", 0, "exact duplicate"),
        ("A/2", 1, "exact duplicate"),
    ]


def clip(cohort, frame, patient="p", pathology="benign", name="1"):
    """One frame of a clip that several cohorts have."""
    digits = f"aa-{frame}" if frame else "aa"
    return inventory([(cohort, name, digits, patient, "mass", pathology)]).assign(frame=frame)


def test_another_frame_of_a_file_is_no_copy_but_links_its_patients():
    marked = mark_copies(pd.concat([clip("B", 5, "q"), clip("A", 0, "p")]))
    assert list(marked["excluded"]) == ["", ""]
    assert list(marked["patient_group"]) == ["A-p", "A-p"]


@pytest.mark.parametrize(
    "rows",
    [
        (clip("A", 0), clip("B", 5, pathology="malignant")),
        (clip("A", 0), clip("A", 5, patient="q", name="2"), clip("B", 7)),
    ],
)
def test_a_file_s_frames_have_one_label_and_one_patient(rows):
    assert set(mark_copies(pd.concat(rows))["excluded"]) == {"contradictory duplicate"}


def test_frames_of_an_unknown_patient_do_not_contradict_each_other():
    """Without a patient's id, an image is its own patient; the frames of one file are one all the same."""
    rows = pd.concat([clip("A", 0), clip("A", 5)]).assign(patient_id=lambda rows: rows["image_id"])
    marked = mark_copies(rows)
    assert list(marked["excluded"]) == ["", ""]
    assert set(marked["patient_group"]) == {"A-aa"}


def size(images, patients):
    return {"images": images, "patients": patients}


def step(excluded, left):
    return {"excluded": size(*excluded), "left": size(*left)}


def test_the_way_into_the_study_step_by_step(rows):
    criteria = rules(
        {"name": "Lesion without pathology!", "of": {"finding": "non_mass"}, "keep": {"pathology": {"known": True}}},
        {"name": "of the moon", "drop": {"device": "moon"}},
    )
    counts = flow(exclude(rows, patients_of(rows), criteria), criteria, NO_PROBLEMS)
    assert counts["A"] == {
        "read": size(7, 3),
        "steps": {
            "1_contradictory_duplicate": step((4, 2), (3, 1)),
            "2_exact_duplicate": step((1, 0), (2, 1)),
            "3_duplicate_in_another_cohort": step((0, 0), (2, 1)),
            "4_lesion_without_pathology": step((0, 0), (2, 1)),
            "5_of_the_moon": step((0, 0), (2, 1)),
        },
        **size(2, 1),
        "mass_benign": size(2, 1),
    }
    assert counts["B"]["steps"]["4_lesion_without_pathology"] == step((1, 1), (0, 0))
    assert counts["B"]["images"] == counts["B"]["patients"] == 0
    assert list(counts) == ["all", "A", "B"]
    assert flow(rows, NO_RULES, NO_PROBLEMS)["B"]["non_mass"] == size(1, 1)


def test_a_copy_keeps_its_reason_and_is_no_business_of_the_rules(rows):
    everything = rules({"name": "all", "keep": {"device": {"known": True}}})
    excluded = exclude(rows, patients_of(rows), everything)["excluded"]
    pd.testing.assert_series_equal(excluded.mask(rows["excluded"] == "", ""), rows["excluded"], check_dtype=False)
    assert set(excluded[rows["excluded"] == ""]) == {"all"}
    MANIFEST.check(merge_copies(exclude(rows, patients_of(rows), everything)), "test")


def test_steps_keep_their_order_where_keys_are_sorted(rows):
    criteria = rules(*({"name": f"rule {letter}", "drop": {"device": letter}} for letter in "hgfedcba"))
    steps = flow(rows, criteria, NO_PROBLEMS)["all"]["steps"]
    assert list(steps) == sorted(steps)
    assert [key.split("_")[-1] for key in sorted(steps)][3:] == list("hgfedcba")


DRAWN_FILES = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.integers(0, 10**6).map(str),
        st.sampled_from("abcdefghijkl"),
        st.sampled_from("pqrstu"),
        st.sampled_from(["normal", "mass"]),
        st.just(""),
    ),
    unique_by=lambda file: file[:2],
    min_size=1,
    max_size=30,
)


@given(DRAWN_FILES, st.lists(st.sampled_from("pqrstu"), max_size=4, unique=True), st.randoms(use_true_random=False))
def test_what_is_read_is_either_excluded_once_or_used(files, dropped, random):
    """Images and patients, in all and by cohort; and the order of files plays no part."""
    criteria = rules(*({"name": name, "drop": {"ward": name}} for name in dropped))
    table = inventory(files)
    patients = patients_of(table).assign(ward=lambda rows: rows["patient_id"].str[-1])
    counts = [
        flow(exclude(mark_copies(part), patients, criteria), criteria, NO_PROBLEMS)
        for part in (table, inventory(random.sample(files, len(files))))
    ]
    assert counts[0] == counts[1]
    for cohort in counts[0].values():
        for what in ("images", "patients"):
            left = cohort["read"][what]
            for one in cohort["steps"].values():
                assert one["excluded"][what] >= 0
                left -= one["excluded"][what]
                assert one["left"][what] == left
            assert left == cohort[what]
        used = [value for key, value in cohort.items() if key in {"normal", "mass"}]
        assert sum(part["images"] for part in used) == cohort["images"]
    for what in ("images", "patients"):
        assert counts[0]["all"][what] == sum(c[what] for name, c in counts[0].items() if name != "all")


PROBLEM_ROWS = [
    ("A", "1.png", 3, "row without an image file", "", "add it"),
    ("A", "2.png", 4, "row without an image file", "", "add it"),
    ("C", "x.png", 0, "file is no readable image", "truncated", "export it again"),
]


def test_problems_stop_the_run_with_one_line():
    problems = pd.DataFrame(PROBLEM_ROWS, columns=list(PROBLEMS.columns))
    with pytest.raises(InputError) as error:
        refuse_problems(problems, IngestParams(on_problem="stop"), Path("reports/ingest_problems.csv"))
    assert str(error.value) == (
        "3 problem(s) in A, C: file is no readable image (1), row without an image file (2); "
        "see reports/ingest_problems.csv; mend them, or set ingest.on_problem to exclude, "
        "which goes on without these files"
    )
    refuse_problems(problems[:0], IngestParams(on_problem="stop"), Path("x.csv"))


def test_problems_that_params_exclude_are_counted_by_kind(rows):
    problems = pd.DataFrame(PROBLEM_ROWS, columns=list(PROBLEMS.columns))
    refuse_problems(problems, IngestParams(on_problem="exclude"), Path("x.csv"))
    counts = flow(rows, NO_RULES, problems)
    assert counts["all"]["problems"] == {"file_is_no_readable_image": 1, "row_without_an_image_file": 2}
    assert counts["A"]["problems"] == {"row_without_an_image_file": 2}
    assert counts["C"]["read"] == counts["C"]["steps"]["1_contradictory_duplicate"]["left"] == size(0, 0)
    assert "problems" not in counts["B"]


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
