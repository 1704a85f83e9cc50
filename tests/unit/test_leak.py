"""Arms of the leak experiment: the same images, and just the leak that each is named after."""

import numpy as np
import pytest
from split_inputs import DETECT, patient_rows, table, task

from nonmass.assignment import ON_PURPOSE, read_seal
from nonmass.errors import InputError
from nonmass.files import write_json
from nonmass.leak import assign_arm, certify_arm
from nonmass.roc.bridge import call
from nonmass.splitting import SplitParams

SPLIT = SplitParams(seed=1)


def registered_twice():
    """60 patients of two images; every third stands there again, her images near-duplicates of the first ones."""
    rows = [row for n in range(60) for row in patient_rows(n, 2)]
    again = []
    for n in range(0, 60, 3):
        for image in (0, 1):
            row = rows[2 * n + image]
            rows[2 * n + image] = (*row[:4], f"d{n}-{image}")
            again.append((f"again{n}", *row[1:4], f"d{n}-{image}"))
    return table(rows + again)


def arm(name, images=None, given=DETECT):
    images = registered_twice() if images is None else images
    folds = assign_arm(images, task(given), "detect", SPLIT, 4, name)
    return folds, certify_arm(folds, images, task(given), "detect", name)


def fold_that_tests(folds):
    """Image id -> fold that tests on it."""
    return {image: fold for fold, split in folds.items() for image in split.table.query("part == 'test'")["image_id"]}


def test_all_arms_test_on_every_image_once_and_train_on_as_many():
    arms = {name: arm(name)[0] for name in ("patient", "duplicates", "image")}
    for folds in arms.values():
        assert sorted(fold_that_tests(folds)) == sorted(registered_twice()["image_id"])
    sizes = [[int((split.table["part"] == "train").sum()) for split in folds.values()] for folds in arms.values()]
    assert np.ptp(sizes) <= 8  # twice the images of a linked group


def test_each_arm_leaks_what_it_is_named_after():
    images = registered_twice().set_index("image_id")
    pictures = images["duplicate_group"][images["duplicate_group"] != ""]

    def scattered(name, group):
        fold = (
            pictures.index.map(fold_that_tests(arm(name)[0]))
            if group is pictures
            else images.index.map(fold_that_tests(arm(name)[0]))
        )
        return int((np.array([len(set(fold[group == value])) for value in sorted(set(group))]) > 1).sum())

    patients = images["patient_id"]
    assert (scattered("patient", patients), scattered("patient", pictures)) == (0, 0)
    assert scattered("duplicates", patients) == 0 < scattered("duplicates", pictures)
    assert scattered("image", patients) > 0 < scattered("image", pictures)


def test_leaking_certificates_say_so_and_nobody_else_takes_them(tmp_path):
    assert ON_PURPOSE not in arm("patient")[1]
    for name in ("duplicates", "image"):
        certificates = arm(name)[1]
        assert certificates[ON_PURPOSE] == name
        assert certificates["1"]["NOT_DISJOINT"] == 1
        write_json(tmp_path / "split.json", certificates)
        with pytest.raises(InputError, match=r"LEAKY_ON_PURPOSE: belongs to leak/dvc.yaml"):
            read_seal(tmp_path / "split.json", "1")
        assert not read_seal(tmp_path / "split.json", "1", may_leak=True).disjoint


def test_without_anything_to_leak_there_is_no_experiment():
    images = table([row for n in range(60) for row in patient_rows(n, 2)])
    with pytest.raises(InputError, match=r"nothing leaks in arm 'duplicates'.*registered_twice"):
        arm("duplicates", images)


def gain(truth, patient, clean_fold, clean, other_fold, other):
    words = {"truth": truth, "patient": patient, "clean_fold": clean_fold, "clean": clean}
    words |= {"other_fold": other_fold, "other": other}
    return call(
        "fold_gain",
        **{key: list(map(float if key in ("clean", "other") else int, values)) for key, values in words.items()},
        level=0.95,
    )


def scores(n=120):
    rng = np.random.default_rng(3)
    truth = rng.permutation(np.arange(n) % 2)
    return truth, truth + rng.normal(size=n), 2 * truth + rng.normal(size=n)


def test_one_fold_of_single_images_is_delongs_paired_test():
    """DeLong, DeLong & Clarke-Pearson 1988, written again: structural components and their covariance."""
    truth, clean, other = scores()
    cases, controls = truth == 1, truth == 0

    def parts(score):
        wins = (score[cases][:, None] > score[controls][None]).astype(float)
        return wins.mean(), wins.mean(axis=1), wins.mean(axis=0)

    (a, a1, a0), (b, b1, b0) = parts(clean), parts(other)
    error = np.sqrt(np.var(b1 - a1, ddof=1) / cases.sum() + np.var(b0 - a0, ddof=1) / controls.sum())
    one = np.ones(len(truth))
    found = gain(truth, np.arange(len(truth)), one, clean, one, other)
    assert found["clean"]["est"] == pytest.approx(a)
    assert found["gain"]["est"] == pytest.approx(b - a)
    assert found["gain"]["lo"] == pytest.approx(b - a - 1.959964 * error, abs=1e-6)


def test_scales_of_folds_do_not_count_and_equal_scores_gain_nothing():
    truth, clean, _ = scores()
    fold = np.arange(len(truth)) // 2 % 3
    moved = clean * (1 + fold) + 100 * fold
    found = gain(truth, np.arange(len(truth)) // 2, fold, clean, fold, moved)
    assert found["gain"]["est"] == pytest.approx(0, abs=1e-12)
    assert found["clean"]["est"] == pytest.approx(found["other"]["est"])


def mean_area(kept, truth, fold, score):
    """Mean over folds of the share of pairs in the right order; a fold weighs what all its cases do, kept or not."""
    areas, weights = [], []
    for one in np.unique(fold):
        cases, controls = ((fold == one) & (truth == label) for label in (1, 0))
        areas.append((score[cases & kept][:, None] > score[controls & kept][None]).mean())
        weights.append(cases.sum())
    return np.average(areas, weights=weights)


def test_the_interval_of_a_gain_is_the_jackknife_s_over_patients():
    """Patients with several images, in one fold of the clean arm and in several of the other; both classes count."""
    rng = np.random.default_rng(11)
    patient = np.repeat(np.arange(150), rng.integers(1, 5, 150))
    truth = patient % 2
    own = rng.normal(size=150)[patient]
    clean = 1.2 * truth + own + rng.normal(size=len(patient))
    other = 1.8 * truth + 0.5 * own + rng.normal(size=len(patient))
    clean_fold, other_fold = patient // 2 % 3, np.arange(len(patient)) % 3

    def gain_without(gone):
        kept = patient != gone
        first, second = (mean_area(kept, truth, fold, score) for fold, score in folds)
        return second - first

    folds = ((clean_fold, clean), (other_fold, other))
    left = np.array([gain_without(one) for one in range(150)])
    error = np.sqrt(149 / 150 * ((left - left.mean()) ** 2).sum())
    found = gain(truth, patient, clean_fold, clean, other_fold, other)["gain"]
    assert found["est"] == pytest.approx(gain_without(-1))
    assert (found["hi"] - found["lo"]) / 2 == pytest.approx(1.959964 * error, rel=0.05)
