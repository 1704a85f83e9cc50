"""Filters: what they take, what they refuse, and which columns they know."""

import pandas as pd
import pytest
from split_inputs import cohort, parted, task

from nonmass.errors import InputError
from nonmass.tasks import join_patients, select


def test_a_filter_takes_several_values_and_columns():
    images = cohort([1] * 85).assign(device=["X", "Y"] * 41 + ["X", "Z", "Z"], finding="mass")
    both = task(positive={"finding": ["mass", "normal"], "device": "X"}, negative={"device": ["Y", "Z"]})
    truth = parted(images, both).table.set_index("image_id")["truth"]
    expected = images.set_index("image_id")["device"].map({"X": 1, "Y": 0, "Z": 0})
    assert truth.sort_index().tolist() == expected.sort_index().tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negative": {"device": "device 0"}}, r"image\(s\) match both positive and negative"),
        ({"negative": {"finding": "mass"}}, r"no image matches negative \(\{'finding': 'mass'\}\)"),
    ],
)
def test_filters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        parted(cohort([1] * 30), task(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive": {"finding": "nonmass"}}, "finding cannot be 'nonmass'; allowed: 'normal', 'mass', 'non_mass'"),
        ({"test": {"official_fold": 1}}, "tasks.test.test.official_fold: filters compare texts; put 1 in quotes"),
        ({"test": {"official_fold": ["1", 2]}}, "filters compare texts; put 2 in quotes"),
        ({"test": {"official_fold": None}}, "tasks.test.test.official_fold"),
        ({"positive": {}}, "at least 1 item"),
        ({"ratio": [7, 0, 2]}, "greater than 0"),
        ({"ratio": [7, 3]}, "tasks.test.ratio: number 3 of the list is missing"),
        ({"unit": "image_id"}, "input should be 'patient' or 'image'"),
    ],
)
def test_params_are_strict(changes, message):
    with pytest.raises(InputError, match=message):
        task(**changes)


def patients(**columns):
    """Table of patients p0 to p3 of cohort c."""
    names = [f"p{n}" for n in range(4)]
    return pd.DataFrame({"patient_id": names, "cohort": "c", **columns}, dtype="string")


def test_a_filter_takes_the_sources_own_columns():
    images = join_patients(cohort([2, 1, 1, 1]), patients(birads=["4A", "3", "5", ""], truth=list("abcd")))
    chosen = select(images, task(positive={"birads": ["4A", "5"]}, negative={"truth": "b"}), "t")
    assert dict(zip(chosen["patient_id"], chosen["truth"], strict=True)) == {"p0": 1, "p1": 0, "p2": 1}


def test_a_patient_that_the_table_lacks_and_one_of_another_cohort_match_nothing():
    known = patients(birads=["4", "4", "4", "4"]).iloc[1:].assign(cohort=["c", "other", "c"])
    images = join_patients(cohort([1, 1, 1, 1]), known)
    assert len(images) == 4
    chosen = select(images, task(positive={"birads": "4"}, negative={"birads": ""}), "t")
    assert dict(zip(chosen["patient_id"], chosen["truth"], strict=True)) == {"p0": 0, "p1": 1, "p2": 0, "p3": 1}


def test_the_manifests_device_goes_before_the_patients():
    images = join_patients(cohort([1, 1, 1, 1]), patients(device=["other"] * 4))
    chosen = select(images, task(positive={"device": "device 0"}, negative={"device": "device 1"}), "t")
    assert chosen["patient_id"].tolist() == ["p0", "p1", "p3"]


@pytest.mark.parametrize("label", ["positive", "develop", "test", "external"])
def test_an_unknown_column_is_one_line(label):
    images = join_patients(cohort([1, 1, 1, 1]), patients(official_fold=["1"] * 4, age_years=["40"] * 4))
    known = "there are: cohort, finding, pathology, device, age_years, official_fold, patient_id"
    with pytest.raises(InputError, match=rf"tasks.t.{label}: no column 'ofical_fold' in .*{known}$"):
        select(images, task(**{label: {"ofical_fold": "1"}}), "t")
