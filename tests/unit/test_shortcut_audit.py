"""Shortcuts: tables whose answer is known by construction, areas of scikit-learn, and BUSI's sharpness."""

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from nonmass import tables
from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.images import read_gray
from nonmass.roc import bridge
from nonmass.shortcut_features import border_strip, picture_features, sharpness, shortcut_features
from nonmass.shortcut_table import GROUPS
from nonmass.shortcuts import FOLDS, NO_DIFFERENCE, TOO_FEW, audit, patient_folds

SPLIT = ["image_id", "patient_id", "part", "truth"]


def study(n_patients=80, views=2, external=0):
    """A split in which every second patient is positive; the last ones are external."""
    rows = []
    for number in range(n_patients + external):
        part = "external" if number >= n_patients else ("train", "val", "test")[number % 3]
        rows += [(f"c-{number:04}{view}", f"p{number:04}", part, number % 2) for view in range(views)]
    return pd.DataFrame(rows, columns=SPLIT)


def audited(split, level=0.95, patients=None, **columns):
    """`group__feature` -> (estimate, lo, hi, note) by (part, group, feature), and the metrics."""
    names = [tuple(name.split("__")) for name in columns]
    features = pd.DataFrame(dict(zip(names, columns.values(), strict=True)), dtype=float)
    features.index = pd.Index(split["image_id"])
    patients = split.set_index("image_id")["patient_id"] if patients is None else patients
    result = audit("detect", split, patients, features, level)
    rows = result.table.set_index(["part", "group", "feature"])
    return rows.assign(
        **{name: rows[name].replace("", "nan").astype(float) for name in ("auc", "lo", "hi")}
    ), result.metrics


def noise(split, name):
    return np.array([generator(name, image).normal() for image in split["image_id"]])


def test_a_feature_that_is_the_truth_tells_the_classes_apart():
    split = study()
    rows, metrics = audited(split, marks__calipers=split["truth"], marks__texts=noise(split, "a"))
    assert rows.loc[("develop", "marks", "calipers"), "auc"] == 1
    assert rows.loc[("develop", "marks", ""), "auc"] == rows.loc[("develop", "all", ""), "auc"] == 1
    assert np.isnan(rows.loc[("develop", "marks", ""), "lo"])
    assert "exactly 0 or 1" in rows.loc[("develop", "marks", ""), "note"]
    assert metrics["develop"]["marks"] == {"auc": {"est": 1.0}}


def test_a_class_at_both_ends_of_a_feature_is_seen():
    """A logistic regression gives 0.5 here."""
    split = study(n_patients=160)
    values = np.where(split["truth"] == 1, 3 * np.sign(noise(split, "side")), 0) + noise(split, "a")
    rows, _ = audited(split, border__mean=values)
    assert abs(roc_auc_score(split["truth"], values) - 0.5) < 0.1
    assert rows.loc[("develop", "border", ""), "lo"] > 0.85


@pytest.mark.slow
def test_noise_tells_nothing_apart():
    """Intervals are somewhat short: models of overlapping images vary together, which no interval can know."""
    split = study(n_patients=120)
    rows, _ = audited(split, **{f"border__{n}": noise(split, str(n)) for n in range(40)})
    single = rows.xs("border", level="group").drop(index=("develop", ""))
    assert len(single) == 40
    assert ((single["lo"] < 0.5) & (single["hi"] > 0.5)).mean() >= 0.7
    assert (single["lo"] > 0.5).mean() <= 0.125
    assert abs(single["auc"].mean() - 0.5) < 0.03


def test_a_patient_is_not_recognised_again():
    """A number that names the patient tells the classes apart by image, where it is no shortcut to new patients."""
    split = study(n_patients=60, views=6)
    name = split["patient_id"].map(lambda patient: generator(patient).random()).to_numpy()
    by_image = cross_val_predict(DecisionTreeClassifier(), name[:, None], split["truth"], cv=KFold(5, shuffle=True))
    assert roc_auc_score(split["truth"], by_image) > 0.9
    rows, _ = audited(split, size__width=name)
    found = rows.loc[("develop", "size", "")]
    assert found["lo"] < 0.5 < found["hi"] or found["auc"] < 0.5
    assert found[["images", "patients"]].to_list() == [360, 60]


def test_patients_whom_a_duplicate_links_are_one():
    split = study(n_patients=60, views=1)
    pairs = pd.Series([f"g{int(name[1:]) // 4}" for name in split["patient_id"]], index=split["image_id"])
    rows, metrics = audited(split, patients=pairs, size__width=noise(split, "w"))
    assert set(rows["patients"]) == {15}
    assert metrics["develop"]["n"] == {"images": 60, "patients": 15}


def test_folds_hold_patients_together_and_both_classes():
    truth = np.array([0, 1] * 40 + [0] * 40)
    patient = np.arange(120) // 3
    fold = patient_folds(truth, patient, "detect")
    assert pd.Series(fold).groupby(patient).nunique().max() == 1
    assert set(fold) == set(range(FOLDS))
    shares = pd.Series(truth).groupby(fold).mean()
    assert shares.between(0.25, 0.42).all()
    assert not np.array_equal(fold, patient_folds(truth, patient, "classify"))


def test_external_images_are_judged_by_a_model_of_the_others():
    split = study(n_patients=60, external=30)
    outside = split["part"] == "external"
    rows, _ = audited(split, device__a=np.where(outside, 1 - split["truth"], split["truth"]))
    assert rows.loc[("develop", "device", ""), "auc"] == 1
    assert rows.loc[("external", "device", ""), "auc"] == 0
    assert rows.loc[("external", "device", ""), "images"] == 60


def test_what_is_the_same_for_every_image_is_said_to_be():
    split = study()
    rows, metrics = audited(split, padding__share=np.zeros(len(split)), size__width=noise(split, "w"))
    assert rows.loc[("develop", "padding", ""), ["auc", "note"]].to_list() == [0.5, NO_DIFFERENCE]
    assert metrics["develop"]["padding"] == {"auc": {"est": 0.5}}
    assert set(metrics["develop"]) == {*GROUPS, "n"}


def test_too_few_patients_leave_the_area_undefined():
    split = study(n_patients=3)
    rows, metrics = audited(split, size__width=noise(split, "w"))
    assert set(rows["note"]) == {TOO_FEW}
    assert set(metrics["develop"]) == {"n"}


def test_order_of_rows_changes_nothing():
    split = study(n_patients=40)
    columns = {"size__width": noise(split, "w"), "size__height": noise(split, "h")}
    first, _ = audited(split, **columns)
    turned = split.iloc[::-1].reset_index(drop=True)
    second, _ = audited(turned, **{name: values[::-1] for name, values in columns.items()})
    pd.testing.assert_frame_equal(first, second)


def test_an_image_without_features_stops_the_audit():
    split = study()
    features = pd.DataFrame({("size", "width"): [1.0]}, index=["c-00000"])
    with pytest.raises(InputError, match=r"tasks.detect: the split holds c-00001, the manifest does not"):
        audit("detect", split, split.set_index("image_id")["patient_id"], features, 0.95)


# ---- R: cross_validated ---------------------------------------------------------------------------------------------


def scored(n=150, views=2, folds=4):
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(n), views)
    fold = patient % folds
    truth = np.repeat(rng.random(n) < 0.3 + 0.1 * (np.arange(n) % folds), views).astype(int)
    score = rng.normal(size=n).repeat(views) + 0.5 * rng.normal(size=n * views) + truth - 10 * fold
    return truth, patient, fold, score


def areas(truth, patient, fold, score):
    whole = {"truth": truth.tolist(), "patient": patient.tolist(), "fold": fold.tolist()}
    found = bridge.call("cross_validated", **whole, scores={"0": score.tolist()}, level=0.95)
    return {name: values[0] for name, values in found.items()}


def test_only_images_of_one_fold_are_compared():
    truth, patient, fold, score = scored()
    by_fold = [roc_auc_score(truth[fold == k], score[fold == k]) for k in range(4)]
    positives = [truth[fold == k].sum() for k in range(4)]
    found = areas(truth, patient, fold, score)
    assert found["auc"] == pytest.approx(np.average(by_fold, weights=positives), abs=1e-12)
    assert abs(roc_auc_score(truth, score) - found["auc"]) > 0.05  # scales of models are not compared


def test_one_fold_is_the_plain_clustered_area():
    truth, patient, fold, score = scored()
    found = areas(truth, patient, np.zeros_like(fold), score)
    plain = {"truth": truth.tolist(), "part": ["test"] * len(truth), "scores": {"a": score.tolist()}}
    units = {"patient": patient.tolist(), "cluster": patient.tolist()}
    measures = bridge.call("analyse", **plain, **units, level=0.95, rule="youden", sensitivity=0.95)["measures"]
    row = measures["measure"].index("auc")
    for name, column in (("auc", "estimate"), ("lo", "lo"), ("hi", "hi")):
        assert found[name] == pytest.approx(measures[column][row], abs=1e-12)


def test_the_interval_is_that_of_a_mean_of_independent_areas():
    """Against patients drawn again within their folds (Efron's bootstrap)."""
    truth, patient, fold, score = scored(n=400, views=2)
    rng = np.random.default_rng(0)
    rows_of = [np.flatnonzero(patient == number) for number in range(400)]
    draws = []
    for _ in range(400):
        total, positives = 0.0, 0
        for k in range(4):
            rows = np.concatenate([rows_of[number] for number in rng.choice(np.arange(k, 400, 4), 100)])
            total += roc_auc_score(truth[rows], score[rows]) * truth[rows].sum()
            positives += truth[rows].sum()
        draws.append(total / positives)
    found = areas(truth, patient, fold, score)
    assert found["hi"] - found["lo"] == pytest.approx(2 * 1.97 * np.std(draws), rel=0.12)


# ---- features -------------------------------------------------------------------------------------------------------


def tables_of(tmp_path, square, **changes):
    """One image with a box of 80 x 40 pixels on a screen of 200 x 100, and another that no table asks for."""
    manifest = {"image_id": "c-1", "cohort": "c", "path": "c/1.JPG", "device": "", "width_px": 200, "height_px": 100}
    rest = {name: 0 if kind == "int" else "" for name, kind in tables.MANIFEST.columns.items() if name not in manifest}
    images = tables.MANIFEST.check(pd.DataFrame([manifest | rest | {"finding": "normal"}]), "m")
    box = {"image_id": "c-1", "x0_px": 10, "y0_px": 20, "x1_px": 90, "y1_px": 60, "accepted": 1, "confidence": 0.75}
    rest = {name: "" for name in tables.FOV_INDEX.columns if name not in box}
    index = tables.FOV_INDEX.check(pd.DataFrame([rest | box | {"method": "layout", "flags": "colour|small"}]), "f")
    crop = {"image_id": "c-1", "side_px": 40, "square": "pad_br", "resampling": "area", "overlays": "keep"}
    crops = tables.CROPS.check(pd.DataFrame([crop | {"masked_lines": 2} | changes]), "c")
    columns = list(tables.MARKS.columns)
    marks = [
        ("c-1", 1, "caliper", 0, 0, 9, 9, 20),
        ("c-1", 2, "caliper", 0, 0, 9, 9, 12),
        ("c-2", 1, "text", 0, 0, 9, 9, 5),
    ]
    cv2.imwrite(str(tmp_path / "c-1.png"), square)
    return images, index, crops, tables.MARKS.check(pd.DataFrame(marks, columns=columns), "k"), tmp_path


def test_features_are_those_of_the_tables_and_of_the_crop(tmp_path):
    square = np.zeros((40, 40), np.uint8)
    square[:20] = 100
    square[1:19, 1:39] = 50
    square[20:] = 255  # padding: no feature may see it
    (row,) = shortcut_features(*tables_of(tmp_path, square)).to_dict("records")
    known = {
        ("marks", "calipers"): 2, ("marks", "texts"): 0, ("marks", "area share"): 32 / 3200,
        ("marks", "covered lines"): 2, ("size", "width"): 200, ("size", "height"): 100, ("device", "unknown"): 1,
        ("aspect", "width to height"): 2, ("aspect", "area"): 3200, ("aspect", "share of the screen"): 0.16,
        ("padding", "share of the square"): 0.5, ("format", ".jpg"): 1, ("fov", "accepted"): 1,
        ("fov", "confidence"): 0.75, ("fov", "method layout"): 1, ("fov", "flag colour"): 1, ("fov", "flag small"): 1,
        ("border", "mean"): 100, ("border", "standard deviation"): 0, ("border", "corner top left"): 100,
        ("centre", "mean"): 50, ("centre", "standard deviation"): 0, ("acquisition", "percentile 50"): 50,
    }  # fmt: skip
    assert {name: row[name] for name in known} == pytest.approx(known)
    assert {group for group, _ in row} == set(GROUPS) - {"all"}


def test_a_missing_crop_is_named(tmp_path):
    images, index, crops, marks, folder = tables_of(tmp_path, np.zeros((40, 40), np.uint8))
    with pytest.raises(InputError, match=r"1 image\(s\) of the splits have no crop, such as c-1"):
        shortcut_features(images, index, crops.iloc[:0], marks, folder)
    with pytest.raises(InputError, match=r"c-1\.png: is not a square of 64 pixels"):
        shortcut_features(images, index, crops.assign(side_px=64), marks, folder)
    (tmp_path / "c-1.png").unlink()
    with pytest.raises(InputError, match=r"c-1\.png: image not found"):
        shortcut_features(images, index, crops, marks, folder)


def test_marks_and_flags_need_not_exist(tmp_path):
    images, index, crops, marks, folder = tables_of(tmp_path, np.zeros((40, 40), np.uint8))
    features = shortcut_features(images, index.assign(flags=""), crops, marks.iloc[:0], folder)
    assert features[("marks", "calipers")].tolist() == features[("marks", "area share")].tolist() == [0]
    assert not [name for name in features["fov"] if name.startswith("flag")]


def test_a_blurred_picture_is_less_sharp_by_every_figure():
    noisy = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
    blurred = cv2.GaussianBlur(noisy, (0, 0), 1.5)
    sharp, soft = sharpness(noisy), sharpness(blurred)
    assert all(sharp[name] > 1.5 * soft[name] for name in sharp)
    assert sharpness(np.full((9, 9), 70, np.uint8)) == {"laplacian variance": 0, "mean step": 0, "fineness": 0}


def test_margins_do_not_see_the_middle_and_the_border_strip_is_an_edge():
    field = np.random.default_rng(0).integers(0, 255, (50, 100)).astype(np.uint8)
    other = field.copy()
    other[10:40, 25:75] = 3
    first, second = picture_features(field), picture_features(other)
    changed = {group for group, name in first if first[(group, name)] != second[(group, name)]}
    assert changed == {"sharpness", "acquisition", "centre"}
    assert len(border_strip(field, 2)) == 50 * 100 - 46 * 96


@pytest.mark.slow
@pytest.mark.real_data
def test_one_sharpness_figure_finds_the_lesions_of_busi():
    """Known of BUSI: a single sharpness figure gives about 0.68 for lesion against normal, image by image."""
    folder = Path(os.environ.get("NONMASS_DATA", "/nowhere")) / "BUSI"
    if not folder.is_dir():
        pytest.skip("NOT RUN: set NONMASS_DATA to the folder that holds BUSI")
    paths = [path for path in sorted(folder.rglob("*.png")) if "_mask" not in path.name]
    truth = np.array([path.parent.name != "normal" for path in paths]).astype(int)
    features = pd.DataFrame([picture_features(read_gray(path)) for path in paths])
    raw = {name: roc_auc_score(truth, features[("sharpness", name)]) for name in ("laplacian variance", "fineness")}
    assert all(0.63 < area < 0.73 for area in raw.values()), raw
    split = pd.DataFrame({"image_id": [f"{n:04}" for n in range(len(paths))], "part": "train", "truth": truth})
    split["patient_id"] = split["image_id"]
    columns = {f"{group}__{name}": values for (group, name), values in features.items()}
    rows, _ = audited(split, **columns)
    assert rows.loc[("develop", "sharpness", ""), "lo"] > 0.6
