"""A small finished graph in a folder: every file that the report reads, with numbers known by construction."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from PIL import Image
from split_inputs import CLASSIFY, DETECT

from nonmass import tables
from nonmass.determinism import generator
from nonmass.report.folders import Folders
from nonmass.shortcut_table import GROUPS, SHORTCUTS
from nonmass.tables import MEASURES

BACKBONES = ("mobilenet_448", "densenet121_448")

PARAMS = {
    "cohorts": ["phantom"],
    "sources": {"phantom": {"adapter": "phantom"}},
    "crop": {"side_px": 128, "square": "pad_br", "overlays": "keep"},
    "tasks": {"detect": DETECT, "classify": CLASSIFY},
    "criteria": [{"name": "BI-RADS 0", "drop": {"birads": "0"}}],
    "backbones": list(BACKBONES),
    "train": {"seeds": [1], "epochs": 6, "lr": 0.001, "schedule": "plateau", "kept_epoch": "lowest_loss"},
    "roc": {"confidence_level": 0.95, "cutoff_rule": "youden", "sensitivity": 0.95},
    "subgroups": {"min_patients": 10, "age_years": [50], "lesion_size_mm": [20]},
}

EXPLAINED = {
    "backbone": BACKBONES[0],
    "doubtful_crops": 0,
    "not_perturbed": {"lesion": 0, "marks": 3},
}

BLOCK = {"kind": "Conv2d", "channels": 32, "height_px": 64, "width_px": 64, "layers": 1}
NETWORK = {"timm": "some_net", "side_px": 128, "layers": 2, "parameters": 12345, "multiply_adds": 3210987}
NETWORK["blocks"] = {
    "01_stem": BLOCK | {"name": "stem", "parameters": 320, "multiply_adds": 1179648},
    "02_head": BLOCK | {"name": "head", "height_px": 0, "width_px": 0, "parameters": 33, "multiply_adds": 32},
}

TESTS = pd.DataFrame(
    [
        ("mass", "age_years", "Welch's t-test", "0.012345678901234567", ""),
        ("mass", "birads", "Pearson's chi-squared test", "1e-07", ""),
        ("mass", "lesion_size_mm", "", "", "no variance in a group"),
        ("non_mass", "age_years", "", "", "fewer than two known values in a group"),
        ("non_mass", "birads", "Fisher's exact test", "1", "1 patient with benign and malignant lesions left out"),
        ("non_mass", "lesion_size_mm", "Welch's t-test", "0.5", ""),
    ],
    columns=list(tables.CHARACTERISTICS.columns),
)

AT_THE_END = "the AUC is exactly 0 or 1, where its variance cannot be estimated"

BALANCE = {
    "positive_share": 0.5,
    "device_share": {"phantom_a": 1.0},
    "device_patient_share": {"phantom_a": 1.0},
    "max_device_difference": 0.031,
}

CLASSES = (("normal", ""), ("mass", "benign"), ("mass", "malignant"), ("non_mass", "benign"), ("non_mass", "malignant"))


def folders(root: Path) -> Folders:
    return Folders(
        root / "metrics",
        root / "data",
        root / "curves",
        root / "measures",
        root / "characteristics",
        root / "ingest_problems.csv",
        root / "models",
        root / "gradcam",
        root / "shortcuts",
        root / "calibration",
        root / "decisions",
        root / "subgroups",
        root / "explanations",
    )


def write_inputs(root: Path, patients_per_class: int = 30, seeds: tuple[int, ...] = (1,)) -> Folders:
    for name, content in _contents(patients_per_class, seeds).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return folders(root)


@cache
def _contents(patients_per_class: int, seeds: tuple[int, ...]) -> dict[Path, bytes]:
    """The files, which are the same in every folder."""
    with TemporaryDirectory() as name:
        root = Path(name)
        _write(folders(root), patients_per_class, seeds)
        return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _write(places: Folders, patients_per_class: int, seeds: tuple[int, ...]) -> None:
    manifest = _manifest(patients_per_class)
    tables.MANIFEST.write(manifest, places.data / "manifest.csv")
    tables.PATIENTS.write(_patients(manifest), places.data / "patients.csv")
    _write_fields(manifest, places)
    write_json(places.metrics / "data.json", {"all": _flow(manifest), "phantom": _flow(manifest)})
    tables.CHARACTERISTICS.write(TESTS, places.characteristics / "tests.csv")
    write_json(places.characteristics / "software.json", {"R": "4.2.2", "pROC": "1.18.0"})
    tables.PROBLEMS.write(pd.DataFrame(columns=list(tables.PROBLEMS.columns)), places.problems_csv)
    tables.QUARANTINE.write(
        pd.DataFrame(columns=list(tables.QUARANTINE.columns)), places.data / "splits" / "quarantine.csv"
    )
    certificates = {}
    for name in PARAMS["tasks"]:
        split = _split(manifest, name)
        tables.SPLIT.write(split, places.data / "splits" / f"{name}.csv")
        certificates[name] = _certificate(split)
        SHORTCUTS.write(_shortcuts(name), places.shortcuts / f"{name}.csv")
        parts = [part for part in ("val", "test", "external") if (split["part"] == part).any()]
        tables.RELIABILITY.write(_reliability(parts), places.calibration / f"{name}.csv")
        tables.DECISIONS.write(_decisions(parts), places.decisions / f"{name}.csv")
        tables.SUBGROUPS.write(_subgroups(parts), places.subgroups / f"{name}.csv")
        write_json(places.metrics / f"{name}.json", {"certificate": certificates[name]})
        predictions = {backbone: _scores(split, name, backbone) for backbone in BACKBONES}
        tables.CURVES.write(_curves(predictions), places.curves / f"{name}.csv")
        MEASURES.write(_measures(predictions, len(seeds)), places.measures / f"{name}.csv")
        for backbone in BACKBONES:
            for seed in seeds:
                folder = places.models / name / backbone / str(seed)
                tables.HISTORY.write(_history(name, backbone, seed), folder / "history.csv")
                card = {"backbone": backbone, "seed": seed, "parameters": 3207329, "side_px": 128, "torch": "2.12.1"}
                write_json(folder / "model.json", card)
        _write_heat_maps(split, places.gradcam / name)
        write_json(places.metrics / f"explain_{name}.json", EXPLAINED)
        tables.EXPLANATION_MEASURES.write(explanation_measures(), places.explanations / f"{name}.csv")
        write_json(places.measures / f"{name}_software.json", {"R": "4.2.2", "pROC": "1.18.0", "python": "3.11.2"})
    write_json(places.metrics / "split.json", certificates)
    write_json(places.metrics / "networks.json", {backbone: NETWORK for backbone in BACKBONES})
    write_json(places.metrics / "environment.json", {"training": {"threads": "2"}, "statistics": {"R": "4.2.2"}})
    audited = {name: {"assignment": content["assignment"]} for name, content in certificates.items()}
    write_json(places.metrics / "shortcuts.json", audited)


def write_params(root: Path) -> None:
    write_json(root / "params.yaml", PARAMS)  # JSON is YAML


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _manifest(patients_per_class: int) -> pd.DataFrame:
    rows = []
    for finding, pathology in CLASSES:
        for number in range(patients_per_class):
            patient = f"phantom-{finding}-{pathology}-{number:03d}"
            for view in range(1 + number % 3):
                digest = hashlib.sha256(f"{patient}/{view}".encode()).hexdigest()[:16]
                rows.append((f"phantom-{digest}", "phantom", f"{patient}-{view}.jpg", patient, finding, pathology))
    frame = pd.DataFrame(rows, columns=["image_id", "cohort", "path", "patient_id", "finding", "pathology"])
    frame = frame.assign(device="Phantom A", width_px=1024, height_px=768, mask_path="", mask_id="", excluded="")
    frame = frame.assign(frame=0, us_regions="")
    frame.loc[3, "excluded"] = "BI-RADS 0"
    return frame.assign(patient_group=frame["patient_id"])


def _patients(manifest: pd.DataFrame) -> pd.DataFrame:
    frame = manifest[["patient_id", "cohort", "finding"]].drop_duplicates("patient_id")
    ages = [20 + int(generator("age", p).integers(60)) for p in frame["patient_id"]]
    sizes = [
        "" if f == "normal" else f"{5 + generator('s', p).random() * 30:.1f}"
        for p, f in zip(frame["patient_id"], frame["finding"], strict=True)
    ]
    birads = [("3", "4A", "4B")[int(generator("b", p).integers(3))] for p in frame["patient_id"]]
    return frame.drop(columns="finding").assign(
        age_years=[str(age) for age in ages], lesion_size_mm=sizes, birads=birads, remark=frame["patient_id"]
    )


def _write_fields(manifest: pd.DataFrame, places: Folders) -> None:
    """Two doubtful fields, none refused, none read; every third image bears a caliper."""
    index = _fov_index(manifest)
    tables.FOV_INDEX.write(index, places.data / "fov" / "index.csv")
    counts = {"images": len(index), "accepted": len(index) - 2, "doubtful": 2, "refused": 0, "overridden": 0}
    write_json(places.metrics / "fov.json", counts)
    write_json(places.metrics / "text.json", {"engine": "none"})
    crops = index[["image_id"]].assign(side_px=128, square="pad_br", resampling="area", overlays="keep", masked_lines=0)
    tables.CROPS.write(crops, places.data / "fov" / "crops.csv")
    marks = index[["image_id"]].iloc[::3].assign(mark=1, kind="caliper", x0_px=1, y0_px=1, x1_px=3, y1_px=3, area_px=4)
    tables.MARKS.write(marks, places.data / "fov" / "marks.csv")


def _fov_index(manifest: pd.DataFrame) -> pd.DataFrame:
    used = manifest.loc[manifest["excluded"] == "", "image_id"]
    frame = pd.DataFrame({"image_id": used}).assign(x0_px=0, y0_px=0, x1_px=9, y1_px=9, polygon="", panels="")
    frame = frame.assign(method="agreement", estimators="core+component", confidence=0.9, flags="", reject="")
    frame.loc[frame.index[:2], "flags"] = "soft-bottom"
    return frame.assign(accepted=[0, 0, *[1] * (len(frame) - 2)], duplicate_group="")


def _shortcuts(task: str) -> pd.DataFrame:
    """`device` tells the classes apart, `sharpness` too, `padding` is the same for every image."""
    rows = []
    for part in ("develop", "external") if task == "classify" else ("develop",):
        for number, group in enumerate(GROUPS):
            auc = {"device": 0.7123, "sharpness": 0.8}.get(group, 0.45 + 0.01 * number)
            lo, hi, note = f"{auc - 0.08:.17g}", f"{auc + 0.08:.17g}", ""
            if group == "padding":
                auc, lo, hi, note = 0.5, "", "", "the same for every image, or for all but a few"
            rows.append((task, part, group, "", 200, 90, f"{auc:.17g}", lo, hi, note))
        rows.append((task, part, "size", "width", 200, 90, "0.4", "0.3", "0.5", ""))
        rows.append((task, part, "size", "height", 200, 90, "0.6", "0.5", "0.7", ""))
    return pd.DataFrame(rows, columns=list(SHORTCUTS.columns))


def explanation_measures(changes: Mapping[str, float] | None = None, forgotten: float = 0.1) -> pd.DataFrame:
    """Means of the test part, whose limits are 0.05 away; `changes` are other estimates by subject."""
    values = {"gradcam": 0.6123, "centre": 0.4321, "random": 0.3, "gradcam-centre": 0.18, "gradcam-random": 0.31}
    values |= {"lesion": 1.5, "lesion_elsewhere": 0.2, "lesion-lesion_elsewhere": 1.3}
    values |= {"marks": 0.04, "marks_elsewhere": 0.02, "marks-marks_elsewhere": 0.02}
    values |= changes or {}
    rows = []
    for subject, value in values.items():
        is_map = subject.startswith(("gradcam", "centre", "random"))
        check = "localisation" if is_map else "perturbation"
        for measure in ("pointing_game", "energy_in_lesion", "iou") if is_map else ("drop",):
            for outcome in ("all", "FN"):
                rows.append((check, "test", outcome, subject, measure, value))
    for subject, value in (("0001", 0.8), ("0060", 0.4), ("0120", forgotten)):
        rows += [("randomisation", "all", "all", subject, name, value) for name in ("spearman", "ssim")]
    frame = pd.DataFrame(rows, columns=["check", "part", "outcome", "subject", "measure", "value"])
    limits = {
        name: [f"{value + shift:.17g}" for value in frame["value"]] for name, shift in (("lo", -0.05), ("hi", 0.05))
    }
    texts = {"estimate": frame["value"].map("{:.17g}".format), **limits, "p": "", "note": ""}
    return frame.drop(columns="value").assign(images=40, patients=21, **texts)


def _size(rows: pd.DataFrame) -> dict[str, int]:
    return {"images": len(rows), "patients": int(rows["patient_id"].nunique())}


def _flow(manifest: pd.DataFrame) -> dict[str, object]:
    used = manifest[manifest["excluded"] == ""]
    group = used["finding"] + np.where(used["pathology"] == "", "", "_" + used["pathology"])
    excluded = {what: n - _size(used)[what] for what, n in _size(manifest).items()}
    nobody = {"excluded": {"images": 0, "patients": 0}, "left": _size(manifest)}
    steps = {"1_exact_duplicate": nobody, "2_bi_rads_0": {"excluded": excluded, "left": _size(used)}}
    return {"read": _size(manifest), "steps": steps, **_size(used), **{n: _size(r) for n, r in used.groupby(group)}}


def _split(manifest: pd.DataFrame, task: str) -> pd.DataFrame:
    used = manifest[manifest["excluded"] == ""]
    number = used["patient_id"].str[-3:].astype(int)
    part = np.select([number % 10 < 5, number % 10 < 7], ["train", "val"], "test")
    if task == "detect":
        frame = used.assign(part=part, truth=(used["finding"] == "non_mass").astype(int))
        frame = frame[frame["finding"] != "mass"]
    else:
        frame = used.assign(part=np.where(used["finding"] == "non_mass", "external", part))
        frame = frame.assign(truth=(used["pathology"] == "malignant").astype(int))[used["finding"] != "normal"]
    return frame[["image_id", "patient_id", "part", "truth"]].reset_index(drop=True)


def _certificate(split: pd.DataFrame) -> dict[str, object]:
    parts = {
        part: _size(rows) | {f"positive_{k}": v for k, v in _size(rows[rows["truth"] == 1]).items()} | BALANCE
        for part, rows in split.groupby("part")
    }
    pairs = ["train_val", "train_test", "val_test"]
    shared = {pair: {"patients": 0, "patient_groups": 0, "duplicate_groups": 0, "images": 0} for pair in pairs}
    counts = {"disjoint": 1, "withheld_images": 0, "quarantined_images": 0, "unused_images": 7}
    return {"assignment": "0123456789abcdef", "unit": "patient", **counts, "parts": parts, "shared": shared}


def _scores(split: pd.DataFrame, task: str, backbone: str) -> pd.DataFrame:
    shown = split[split["part"] != "train"].reset_index(drop=True)
    noise = np.array([generator(task, backbone, i).normal() for i in shown["image_id"]])
    return shown.assign(logit=noise + 1.5 * shown["truth"])


def _roc(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cuts = np.array([np.inf, *sorted(rows["logit"], reverse=True)])
    called = rows["logit"].to_numpy()[None, :] >= cuts[:, None]
    truth = rows["truth"].to_numpy() == 1
    return cuts, called[:, ~truth].mean(axis=1), called[:, truth].mean(axis=1)


def _curves(predictions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    frames = []
    for backbone, frame in predictions.items():
        for part, rows in frame.groupby("part"):
            cuts, fpr, sensitivity = _roc(rows)
            columns = {"threshold": [f"{c:.17g}" for c in cuts], "false_positive_rate": fpr, "sensitivity": sensitivity}
            frames.append(pd.DataFrame({"backbone": backbone, "part": part, "point": range(len(cuts)), **columns}))
    return pd.concat(frames)


def _measures(predictions: dict[str, pd.DataFrame], n_seeds: int) -> pd.DataFrame:
    rows = []
    for backbone, frame in predictions.items():
        val = frame[frame["part"] == "val"]
        for part, images in frame.groupby("part"):
            auc = float(np.trapezoid(_roc(images)[2], _roc(images)[1]))
            positive = images[images["truth"] == 1]
            rows += [(backbone, part, "", "auc", auc, max(auc - 0.1, 0), min(auc + 0.05, 1), "")]
            rows += [(backbone, part, "", "auc_image", auc, max(auc - 0.2, 0), min(auc + 0.12, 1), "")]
            rows += [(backbone, part, "", "auc_patient", 0.8765, 0.7654, 0.9876, "")]
            rows += [(backbone, part, "", "auc_patient_max", 1.0, None, None, AT_THE_END)]
            rows += [(backbone, part, "power", "detectable_auc", 0.6789, None, None, "")]
            for name, value in (_size(images) | {f"positive_{k}": v for k, v in _size(positive).items()}).items():
                rows += [(backbone, part, "n", name, value, None, None, "")]
            for name in ("independent_patients", "single_class_patients"):
                rows += [(backbone, part, "n", name, _size(images)["patients"], None, None, "")]
            rows += _calibration(backbone, part)
            if n_seeds > 1:
                spread = {"mean": 0.7654, "sd": 0.0321, "min": 0.7333, "max": 0.7975, "n": n_seeds}
                rows += [(backbone, part, "seeds", name, value, None, None, "") for name, value in spread.items()]
            rows += _at_cutoff(backbone, part, "as_published", images, _youden(images))
            if part != "val":
                rows += _at_cutoff(backbone, part, "frozen", images, _youden(val))
                rows += _at_cutoff(backbone, part, "frozen_sensitivity", images, _youden(val) - 0.5)
                rows += [(backbone, part, "frozen", "missed_patients", 0, 0, 3.0264, "")]
                rows += [(backbone, part, "frozen", "alarmed_patients", 2, 0.2468, 6.789, "")]
    for part in sorted(set(frame["part"])):
        pair = "-".join(BACKBONES)
        rows += [(pair, part, "comparison", "auc_difference", 0.0123, -0.0456, 0.0789, "")]
        rows += [(pair, part, "comparison", "p", 0.4321, None, None, "")]
        if part != "val":
            rows += [(pair, part, "comparison", "p_holm", 0.8642, None, None, "")]
            rows += [(pair, part, "comparison", "detectable_difference", 0.1111, None, None, "")]
            rows += [(pair, part, "comparison", "p_calls", None, None, None, "both are right on the same patients")]
    texts = [[*row[:4], *("" if v is None else f"{v:.17g}" for v in row[4:7]), row[7]] for row in rows]
    return pd.DataFrame(texts, columns=list(MEASURES.columns))


def _calibration(backbone: str, part: str) -> list[tuple[object, ...]]:
    rows = [(backbone, part, "calibration_scaled", "temperature", 0.4567, None, None, "")]
    for scale, brier, slope in (("raw", 0.2222, 2.3456), ("scaled", 0.1717, 1.0123)):
        rows += [(backbone, part, f"calibration_{scale}", "brier", brier, brier - 0.05, brier + 0.05, "")]
        rows += [(backbone, part, f"calibration_{scale}", "intercept", -0.1234, -0.5678, 0.3456, "")]
        rows += [(backbone, part, f"calibration_{scale}", "slope", slope, slope - 0.5, slope + 0.5, "")]
    return rows


def _reliability(parts: list[str]) -> pd.DataFrame:
    rows = [
        (backbone, part, scale, number + 1, 20, 9, p, o, f"{o - 0.1}", f"{o + 0.1}")
        for backbone in BACKBONES
        for part in parts
        for scale, probabilities in (("raw", (0.4, 0.5, 0.6)), ("scaled", (0.15, 0.5, 0.9)))
        for number, (p, o) in enumerate(zip(probabilities, (0.2, 0.5, 0.85), strict=True))
    ]
    return pd.DataFrame(rows, columns=list(tables.RELIABILITY.columns))


def _decisions(parts: list[str]) -> pd.DataFrame:
    curves = {"treat none": lambda t: 0.0, "treat all": lambda t: 0.5 - 0.5 * t / (1 - t)}
    curves |= {backbone: lambda t: 0.45 - 0.2 * t for backbone in BACKBONES}
    rows = [
        (name, part, t, curve(t), f"{curve(t) - 0.05}", f"{curve(t) + 0.05}")
        for name, curve in curves.items()
        for part in parts
        for t in (0.1, 0.3, 0.5)
    ]
    return pd.DataFrame(rows, columns=list(tables.DECISIONS.columns))


def _subgroups(parts: list[str]) -> pd.DataFrame:
    groups = (
        ("device", "Phantom A", 40, 12, 13, "0.8123", "0.7", "0.9", ""),
        ("age_years", "0 to < 50", 30, 11, 12, "0.8234", "0.71", "0.91", ""),
        ("age_years", "50 or more", 10, 1, 9, "", "", "", "too few"),
        ("age_years", "unknown", 3, 1, 1, "", "", "", "not known"),
        ("birads", "", 0, 0, 0, "", "", "", "not known of any image of this part"),
    )
    rows = [(backbone, part, *group) for backbone in BACKBONES for part in parts if part != "val" for group in groups]
    return pd.DataFrame(rows, columns=list(tables.SUBGROUPS.columns))


def _youden(rows: pd.DataFrame) -> float:
    cuts, fpr, sensitivity = _roc(rows)
    return float(cuts[np.argmax(sensitivity - fpr)])


def _at_cutoff(backbone: str, part: str, rule: str, rows: pd.DataFrame, cutoff: float) -> list[tuple[object, ...]]:
    called, truth = rows["logit"] >= cutoff, rows["truth"] == 1
    tp, fp = int((called & truth).sum()), int((called & ~truth).sum())
    tn, fn = int((~called & ~truth).sum()), int((~called & truth).sum())
    pairs = {"sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp), "accuracy": (tp + tn, len(rows))}
    found = [(backbone, part, rule, "cutoff", cutoff, None, None, "")]
    for name, (hits, total) in (pairs | {"ppv": (tp, tp + fp), "npv": (tn, tn + fn)}).items():
        share = hits / total
        found.append((backbone, part, rule, name, share, max(share - 0.08, 0), min(share + 0.07, 1), ""))
    cells = {"tp": tp, "fp": fp, "tn": tn, "fn": fn}
    return [*found, *((backbone, part, rule, name, value, None, None, "") for name, value in cells.items())]


def _history(task: str, backbone: str, seed: int) -> pd.DataFrame:
    epochs = np.arange(6)
    wobble = generator("history", task, backbone, seed).normal(0, 0.008, 6)
    train = 0.17 * np.exp(-epochs / 5)
    columns = {"train_loss": train, "val_loss": train + 0.02 + wobble, "val_auc": 0.9 - 0.3 * np.exp(-epochs / 3)}
    return pd.DataFrame({"epoch": epochs, "learning_rate": 0.001, **columns})


def _write_heat_maps(split: pd.DataFrame, folder: Path) -> None:
    folder.mkdir(parents=True)
    chosen = split[split["part"].isin(["test", "external"])].groupby(["part", "truth"]).head(2)
    rows = []
    for number, row in enumerate(chosen.itertuples()):
        y, x = np.mgrid[0:316, 0:588]
        gray = (128 + 100 * np.sin(x / 9 + number) * np.cos(y / 7)).astype(np.uint8)
        Image.fromarray(gray).save(folder / f"{row.image_id}.png")
        outcome = ("TN", "FP", "FN", "TP")[2 * row.truth + number % 2]
        files = (f"{row.image_id}.png", f"{row.image_id}_screen.png")
        rows.append((row.image_id, row.part, row.truth, 0.1 * number, outcome, 0.3 * number, "positive", *files, 2.5))
    tables.HEAT_MAPS.write(pd.DataFrame(rows, columns=list(tables.HEAT_MAPS.columns)), folder / "index.csv")
