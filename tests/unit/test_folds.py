"""Folds of the cross-validation: who is tested on, and how even they are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_inputs import CLASSIFY, cohort, cohorts, table, task

from nonmass.certificate import certify
from nonmass.errors import InputError
from nonmass.folds import Folds, assign_folds
from nonmass.params import validate
from nonmass.splitting import SplitParams, linked_groups


def folds_of(images, given=None, name="detect", seed=1, n=4, **params):
    return assign_folds(images, given or task(), name, SplitParams(seed=seed, **params), n)


@settings(max_examples=20)
@given(cohorts, st.integers(3, 6), st.sampled_from(["quarantine", "keep"]))
def test_every_usable_image_is_tested_on_in_one_fold_and_validated_on_in_one(images, n, conflicts):
    splits = folds_of(images, n=n, conflicts=conflicts)
    assert list(splits) == list(range(1, n + 1))
    for part in ("test", "val"):
        found = [image for s in splits.values() for image in s.table.loc[s.table["part"] == part, "image_id"]]
        assert sorted([*found, *splits[1].quarantined]) == sorted(images["image_id"])
    for fold, split in splits.items():
        certify(split, images, task(), "detect")
        assert len(split.table) + len(split.quarantined) == len(images)
        later = splits[fold % n + 1].table.query("part == 'test'")["image_id"]
        assert set(split.table.query("part == 'val'")["image_id"]) == set(later)


@settings(max_examples=20)
@given(cohorts, st.randoms(use_true_random=False))
def test_folds_are_even_by_class_and_know_no_order_of_rows(images, random):
    splits = folds_of(images, conflicts="keep")
    group = linked_groups(images)
    stratum = (images["finding"] == "non_mass").groupby(group).transform("any")
    stratum.index = images["image_id"]
    tested = {fold: s.table.loc[s.table["part"] == "test", "image_id"] for fold, s in splits.items()}
    for of_class in (True, False):
        sizes = [int((stratum[ids] == of_class).sum()) for ids in tested.values()]
        assert max(sizes) - min(sizes) <= group.value_counts().max()
    order = list(range(len(images)))
    random.shuffle(order)
    shuffled = folds_of(images.iloc[order].reset_index(drop=True), conflicts="keep")
    assert all(shuffled[fold].table.equals(splits[fold].table) for fold in splits)


def test_folds_are_even_by_device():
    images = cohort([1] * 480)  # 80 patients of each class and device
    for split in folds_of(images).values():
        tested = split.table[split.table["part"] == "test"].merge(images, on="image_id")
        assert set(tested.groupby(["truth", "device"]).size()) == {20}


def test_seed_and_task_draw_other_folds():
    images = cohort([1] * 60)
    drawn = {tuple(folds_of(images, name=name, seed=seed)[1].table["part"]) for name in "ab" for seed in (1, 2)}
    assert len(drawn) == 4


def test_the_external_set_stands_in_every_fold_and_nobody_of_it_is_trained_on():
    rows = [(f"m{n}", "mass", ("benign", "malignant")[n % 2], "X", "") for n in range(60)]
    rows += [(f"n{n}", "non_mass", ("benign", "malignant")[n % 2], "X", "") for n in range(20)]
    images = table([*rows, ("n0", "mass", "benign", "X", "")])
    for split in folds_of(images, task(CLASSIFY), "classify").values():
        assert (split.table["part"] == "external").sum() == 20
        assert split.withheld == ("c-00080",)
        certify(split, images, task(CLASSIFY), "classify")


def test_an_official_test_part_is_shared_out_too():
    images = cohort([1] * 60)
    splits = folds_of(images, task(test={"device": "device 0"}))
    assert sum((s.table["part"] == "test").sum() for s in splits.values()) == 60


def test_a_fold_without_a_class_is_one_line():
    with pytest.raises(InputError, match=r"tasks.detect: no negative image .* in part val of fold 3; the class has 3"):
        folds_of(cohort([1] * 7), n=5)


@pytest.mark.parametrize(
    ("folds", "message"),
    [([1, 2], "folds are counted"), ([1, 2, 4], "folds are counted"), ([0, 1, 2], "folds are counted")],
)
def test_folds_are_counted(folds, message):
    assert validate([1, 2, 3], Folds, "folds") == (1, 2, 3)
    with pytest.raises(InputError, match=message):
        validate(folds, Folds, "folds")
