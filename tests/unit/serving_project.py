"""A finished project of drawn screens with two tiny ensembles: what the stages fov to eval would leave behind."""

import hashlib
import json
import os
import runpy
from pathlib import Path

import cv2
import pandas as pd
import torch
from ruamel.yaml import YAML
from screen_project import FIELD, ROOT, draw, row

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.network import build_network, save_weights
from nonmass.serving.release import TASKS

PARTS = ["train"] * 21 + ["val"] * 19 + ["test"] * 4  # the fewest that let a notice be given
SEEDS = (1, 2)
CUTOFFS = {"detect": 0.125, "classify": -0.25}
TEMPERATURE = 1.75
DECIDED = 3  # the number of a screen whose box a person has drawn
DECIDED_BOX = (100, 70, 400, 350)
STAGES = {
    "fov": "data/raw data/manifest.csv data/fov_overrides.csv data/fov/index.csv data/fov/duplicates.csv "
    "metrics/fov.json data/fov/layouts.csv",
    "text": "data/raw data/manifest.csv data/fov/index.csv data/fov/text.csv metrics/text.json",
    "crop": "data/raw data/manifest.csv data/fov/index.csv data/fov/text.csv data/fov/images data/fov/crops.csv "
    "data/fov/marks.csv",
}


def write_project(folder: Path) -> dict[int, str]:
    """Screens, fields, crops, splits, models, predictions and measures; number of a screen -> its image_id."""
    params = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["crop"]["side_px"] = 64
    params["backbones"], params["networks"] = ["tiny"], {"tiny": {"timm": "test_resnet", "weights": "none"}}
    params["train"]["seeds"] = list(SEEDS)
    params["runtime"]["threads"] = 1
    YAML(typ="safe", pure=True).dump(params, folder / "params.yaml")
    image_ids = _write_screens(folder)
    for name, words in STAGES.items():
        run_stage(folder, name, *words.split())
    for task in TASKS:
        _write_task(folder, task, image_ids)
    return image_ids


def run_stage(folder: Path, name: str, *words: str) -> None:
    """A stage's own function, in the folder that holds params.yaml."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        runpy.run_path(str(ROOT / "stages" / f"{name}.py"))["main"](*map(Path, words))
    finally:
        os.chdir(before)


def _write_screens(folder: Path) -> dict[int, str]:
    raw = folder / "data" / "raw" / "drawn"
    raw.mkdir(parents=True)
    rows, image_ids = [], {}
    for number in range(len(PARTS)):
        cv2.imwrite(str(raw / f"{number}.png"), draw(number, fading=number % 5 == 4))
        digits = hashlib.sha256((raw / f"{number}.png").read_bytes()).hexdigest()[:16]
        image_ids[number] = f"drawn-{digits}"
        rows.append(row(number, image_id=image_ids[number]))
    tables.MANIFEST.write(pd.DataFrame(rows), folder / "data" / "manifest.csv")
    decided = dict(zip(tables.BOX_COLUMNS, DECIDED_BOX, strict=True), action="box", note="")
    overrides = pd.DataFrame([{"target": image_ids[DECIDED], **decided}], columns=list(tables.FOV_OVERRIDES.columns))
    tables.FOV_OVERRIDES.write(overrides, folder / "data" / "fov_overrides.csv")
    return image_ids


def _write_task(folder: Path, task: str, image_ids: dict[int, str]) -> None:
    truth = [number // (1 + (task == "detect")) % 2 for number in image_ids]
    split = pd.DataFrame(
        {
            "image_id": list(image_ids.values()),
            "patient_id": [f"p{number}" for number in image_ids],
            "part": PARTS,
            "truth": truth,
        }
    )
    split_csv = folder / "data" / "splits" / f"{task}.csv"
    tables.SPLIT.write(split, split_csv)
    for seed in SEEDS:
        torch.manual_seed(10 * seed + (task == "detect"))
        network = build_network("test_resnet", head="default").eval()
        model = folder / "models" / task / "tiny" / str(seed)
        save_weights(network.state_dict(), model / "model.safetensors")
        (model / "model.json").write_text(json.dumps({"timm": "test_resnet", "side_px": 64}))
    run_stage(
        folder, "predict", f"models/{task}/tiny", f"data/splits/{task}.csv", "data/fov/images",
        f"predictions/{task}/tiny.csv", f"predictions/seeds/{task}/tiny.csv",
    )  # fmt: skip
    seal = {"assignment": assignment_hash(tables.SPLIT.read(split_csv)), "disjoint": 1, "unit": "patient"}
    (folder / "metrics" / f"{task}.json").write_text(json.dumps({"certificate": seal}))
    measured = [("val", "", "auc", 0.75), ("test", "frozen", "cutoff", CUTOFFS[task])]
    if task == "detect":
        measured.append(("val", "calibration_scaled", "temperature", TEMPERATURE))
    rows = [
        {
            "backbone": "tiny",
            "part": part,
            "group": group,
            "measure": name,
            "estimate": repr(value),
            "lo": "",
            "hi": "",
            "note": "",
        }
        for part, group, name, value in measured
    ]
    measures = pd.DataFrame(rows, columns=list(tables.MEASURES.columns))
    tables.MEASURES.write(measures, folder / "reports" / "measures" / f"{task}.csv")
    _write_reliability(folder, task)


def _write_reliability(folder: Path, task: str) -> None:
    """All images of a part in one bin, with an interval that is known by construction."""
    rows = tables.PREDICTIONS.read(folder / "predictions" / task / "tiny.csv")
    parts = [
        {
            "backbone": "tiny",
            "part": part,
            "scale": "raw",
            "bin": 1,
            "images": len(some),
            "patients": some["patient_id"].nunique(),
            "probability": some["score"].mean(),
            "observed": some["truth"].mean(),
            "lo": "0.25",
            "hi": "0.75",
        }
        for part, some in rows.groupby("part")
    ]
    reliability = pd.DataFrame(parts, columns=list(tables.RELIABILITY.columns))
    tables.RELIABILITY.write(reliability, folder / "reports" / "calibration" / f"{task}.csv")


__all__ = ["CUTOFFS", "DECIDED", "DECIDED_BOX", "FIELD", "PARTS", "ROOT", "TEMPERATURE", "write_project"]
