"""The leak experiment from a manifest to the points that a leak buys, with made-up scores in place of networks."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from split_inputs import DETECT

from nonmass import tables
from nonmass.assignment import assignment_hash
from nonmass.errors import InputError

ARMS = ("patient", "duplicates", "image")
PARAMS = {"tasks": {"detect": DETECT}, "backbones": ["net"]}


@pytest.fixture(autouse=True)
def cohort(tmp_path, monkeypatch):
    """60 patients of two images; the first twenty stand there again, as near-duplicates under another name."""
    monkeypatch.chdir(tmp_path)
    names = [f"c-p{n:02}" for n in range(60)] + [f"c-again{n:02}" for n in range(20)]
    rows = [(name, ("normal", "non_mass")[int(name[-2:]) % 2], image) for name in names for image in (0, 1)]
    manifest = pd.DataFrame(rows, columns=["patient_id", "finding", "image"])
    group = manifest["patient_id"].str[-2:] + "-" + manifest["image"].astype(str)
    blank = {
        "frame": 0,
        "us_regions": "",
        "width_px": 9,
        "height_px": 9,
        "mask_path": "",
        "mask_id": "",
        "pathology": "",
    }
    manifest = manifest.assign(cohort="c", excluded="", device="X", patient_group=manifest["patient_id"], **blank)
    manifest["image_id"] = [f"c-{n:016x}" for n in range(len(rows))]
    manifest["path"] = manifest["image_id"]
    tables.MANIFEST.write(manifest.drop(columns="image"), Path("manifest.csv"))
    people = manifest[["patient_id", "cohort"]].drop_duplicates()
    tables.PATIENTS.write(people.assign(birads="4"), Path("patients.csv"))
    columns = {name: 0 if kind != "text" else "" for name, kind in tables.FOV_INDEX.columns.items()}
    duplicates = group.where(group.duplicated(keep=False), "")
    index = pd.DataFrame({**columns, "image_id": manifest["image_id"], "duplicate_group": duplicates})
    tables.FOV_INDEX.write(index, Path("index.csv"))


def score(split, arm):
    """Noise, but of images of whom training has seen a patient or picture: those it knows by heart."""
    pictures = tables.FOV_INDEX.read(Path("index.csv")).set_index("image_id")["duplicate_group"]
    who = split["patient_id"] if arm == "image" else split["image_id"].map(pictures).replace("", pd.NA)
    known = who.isin(set(who[split["part"] == "train"].dropna()))
    noise = np.random.default_rng(7).normal(size=1000)[split["image_id"].str[2:].map(lambda text: int(text, 16))]
    return noise + 3 * known.to_numpy() * (2 * split["truth"].to_numpy() - 1)


def experiment(run_stage):
    for arm in ARMS:
        out = (Path(f"split/{arm}"), Path(f"certificates/{arm}.json"))
        run_stage(
            "leak_split",
            "detect",
            arm,
            4,
            *map(Path, ("manifest.csv", "patients.csv", "index.csv")),
            *out,
            params=PARAMS,
        )
        for fold in range(1, 5):
            split = tables.SPLIT.read(out[0] / f"{fold}.csv")
            logit = score(split, arm)
            rows = split.assign(logit=logit, score=1 / (1 + np.exp(-logit)), assignment=assignment_hash(split))
            rows = rows[rows["part"] != "train"]
            tables.PREDICTIONS.write(rows, Path(f"predictions/{arm}/{fold}/net.csv"))


def compare(run_stage):
    words = map(Path, ("predictions", "certificates", "manifest.csv", "index.csv", "leak.json"))
    run_stage("leak_compare", 4, *words, params=PARAMS)
    return json.loads(Path("leak.json").read_text())


def test_what_is_known_by_heart_is_what_a_leak_buys(run_stage):
    experiment(run_stage)
    found = compare(run_stage)
    assert found["LEAKY_ON_PURPOSE"] == 1
    assert found["net"]["n"] == {"images": 160, "patients": 60}
    for arm in ("duplicates", "image"):
        gain = found["net"][arm]["auc_gain"]
        assert 0 < gain["lo"] < gain["est"] < gain["hi"]
        difference = found["net"][arm]["auc_leaking"]["est"] - found["net"][arm]["auc_clean"]["est"]
        assert gain["est"] == pytest.approx(difference, abs=2e-6)
    assert found["net"]["image"]["auc_gain"]["est"] > found["net"]["duplicates"]["auc_gain"]["est"]


def test_predictions_of_another_fold_are_refused(run_stage):
    experiment(run_stage)
    Path("predictions/image/2/net.csv").replace("predictions/image/1/net.csv")
    with pytest.raises(InputError, match="stale predictions"):
        compare(run_stage)
