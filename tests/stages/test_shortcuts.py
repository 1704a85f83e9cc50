"""The stage as DVC calls it: tables, crops and splits in, key figures and tables of areas out."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.errors import InputError
from nonmass.shortcut_table import GROUPS, SHORTCUTS

CLASSES = (("normal", ""), ("mass", "benign"), ("mass", "malignant"), ("non_mass", "benign"), ("non_mass", "malignant"))
SIDE = 32


def filled(table, rows):
    empty = {name: "" if kind == "text" else 0 for name, kind in table.columns.items()}
    return table.check(pd.DataFrame([empty | row for row in rows]), table.name)


@pytest.fixture
def inputs(tmp_path):
    """Non-mass lesions were all seen on one device; malignant ones bear calipers; one screen is refused."""
    images, fields, crops, marks, splits = [], [], [], [], {"detect": [], "classify": []}
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(100):
        finding, pathology = CLASSES[number % 5]
        who = {"image_id": f"c-{number:03}", "patient_id": f"p{number:03}"}
        device = "A" if finding == "non_mass" else "B"
        screen = {"device": device, "width_px": 200, "height_px": 100, "path": f"c/{number}.png"}
        classes = {"finding": finding, "pathology": pathology}
        images.append(who | screen | classes | {"cohort": "c", "patient_group": who["patient_id"]})
        box = {"x1_px": 60, "y1_px": 60, "method": "layout", "accepted": 1, "confidence": 0.9}
        fields.append(
            {"image_id": who["image_id"]} | box | ({"reject": "m-mode", "accepted": 0} if number == 99 else {})
        )
        if number == 99:
            continue
        crops.append({"image_id": who["image_id"], "side_px": SIDE, "square": "pad_br", "overlays": "keep"})
        cv2.imwrite(str(tmp_path / "images" / f"{who['image_id']}.png"), rng.integers(0, 255, (SIDE, SIDE), np.uint8))
        if pathology == "malignant":
            marks.append({"image_id": who["image_id"], "mark": 1, "kind": "caliper", "area_px": 9})
        part = ("train", "val", "test")[number // 5 % 3]
        if finding != "mass":
            splits["detect"].append(who | {"part": part, "truth": int(finding == "non_mass")})
        if finding != "normal":
            part = "external" if finding == "non_mass" else part
            splits["classify"].append(who | {"part": part, "truth": int(pathology == "malignant")})
    for table, rows, name in (
        (tables.MANIFEST, images, "manifest"),
        (tables.FOV_INDEX, fields, "index"),
        (tables.CROPS, crops, "crops"),
        (tables.MARKS, marks, "marks"),
    ):
        table.write(filled(table, rows), tmp_path / f"{name}.csv")
    for task, rows in splits.items():
        tables.SPLIT.write(pd.DataFrame(rows), tmp_path / "splits" / f"{task}.csv")
    return tmp_path


def arguments(folder):
    files = [folder / f"{name}.csv" for name in ("manifest", "index", "crops", "marks")]
    return [*files, folder / "images", folder / "splits", folder / "out" / "shortcuts.json", folder / "out" / "tables"]


@pytest.mark.slow
def test_stage_finds_the_planted_shortcuts_and_no_other(inputs, run_stage):
    run_stage("shortcuts", *arguments(inputs))
    metrics = json.loads((inputs / "out" / "shortcuts.json").read_text())
    assert metrics["detect"]["develop"]["device"]["auc"] == {"est": 1.0}
    assert (
        metrics["classify"]["develop"]["marks"]["auc"]
        == metrics["classify"]["external"]["marks"]["auc"]
        == {"est": 1.0}
    )
    assert metrics["classify"]["develop"]["device"]["auc"] == {"est": 0.5}
    assert metrics["detect"]["develop"]["n"] == {"images": 59, "patients": 59}
    for task in ("detect", "classify"):
        assert metrics[task]["assignment"] == assignment_hash(tables.SPLIT.read(inputs / "splits" / f"{task}.csv"))
        rows = SHORTCUTS.read(inputs / "out" / "tables" / f"{task}.csv")
        assert set(rows.loc[rows["feature"] == "", "group"]) == set(GROUPS)
        random = rows[(rows["group"] == "margins") & (rows["feature"] == "") & (rows["part"] == "develop")]
        assert 0.25 < float(random["auc"].iloc[0]) < 0.75
    first = {path.name: path.read_bytes() for path in (inputs / "out").rglob("*.*")}
    run_stage("shortcuts", *arguments(inputs))
    assert {path.name: path.read_bytes() for path in (inputs / "out").rglob("*.*")} == first


def test_stage_names_what_is_missing(inputs, run_stage):
    (inputs / "images" / "c-003.png").unlink()
    with pytest.raises(InputError, match=r"c-003\.png: image not found"):
        run_stage("shortcuts", *arguments(inputs))
    (inputs / "marks.csv").unlink()
    with pytest.raises(InputError, match=r"marks\.csv: burned-in marks not found"):
        run_stage("shortcuts", *arguments(inputs))
