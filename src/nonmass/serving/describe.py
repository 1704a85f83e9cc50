"""From a finished project to the description of one task's ensemble."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass import tables
from nonmass.assignment import Seal, assignment_hash, read_seal
from nonmass.cropping import CropParams
from nonmass.determinism import seed_of
from nonmass.errors import InputError
from nonmass.fov.finder import FindParams
from nonmass.fov.overrides import Overrides, read_overrides
from nonmass.geometry import Box, CropResize
from nonmass.images import read_gray
from nonmass.params import read_section
from nonmass.report.cautions import NOTICES
from nonmass.report.wording import CLASS_WORDS
from nonmass.selection import best_backbone, frozen_cutoffs
from nonmass.serving.evidence import Evidence, evidence_of
from nonmass.serving.novelty import Novelty, distances, features_of, fit
from nonmass.serving.release import OWN_IMAGES, RESEARCH_USE, Decision, Layout, Noticed, Release, Task, View
from nonmass.tables import BOX_COLUMNS
from nonmass.tasks import Filter, TaskParams
from nonmass.text.listing import TextParams
from nonmass.weights import NONE, sha256_of

MOST_IMAGES = 300  # of a part, drawn by a hash: thirty for each of ten features, read in seconds at any side
LEARNT = ("train", "val")  # validation chose epoch, cut-off and temperature
UNJUDGED = ("test", "external")  # parts on which no limit was set


@dataclass(frozen=True)
class Project:
    """Where a finished graph keeps what a description needs, relative to the folder that holds params.yaml."""

    models: Path = Path("models")
    measures: Path = Path("reports/measures")
    calibration: Path = Path("reports/calibration")
    predictions: Path = Path("predictions")
    metrics: Path = Path("metrics")
    splits: Path = Path("data/splits")
    manifest: Path = Path("data/manifest.csv")
    overrides: Path = Path("data/fov_overrides.csv")
    fields: Path = Path("data/fov")


def describe(project: Project, task: Task, backbone: str | None = None) -> Release:
    """What the ensemble of a task goes by.

    Args:
        project: Where things are.
        task: `detect` or `classify`.
        backbone: Default: the one with the highest AUC on validation.

    Raises:
        InputError: Something is missing, damaged, or of another split.
    """
    measures = tables.MEASURES.read(project.measures / f"{task}.csv")
    backbones = read_section("backbones", tuple[str, ...])
    if backbone is not None and backbone not in backbones:
        raise InputError(f"--backbone {backbone}: not in params.yaml; there are: {', '.join(backbones)}")
    chosen = backbone or best_backbone(measures, backbones)
    classes = read_section(f"tasks.{task}", TaskParams)
    seeds = read_section("train.seeds", tuple[int, ...])
    folders = {str(seed): project.models / task / chosen / str(seed) for seed in sorted(seeds)}
    architectures = {_architecture(folder) for folder in folders.values()}
    if len(architectures) != 1:
        raise InputError(f"{project.models / task / chosen}: members differ in architecture or side; train them again")
    architecture, side_px = architectures.pop()
    view = describe_view(project)
    if side_px != view.crop.side_px:
        raise InputError(f"{chosen} was trained at {side_px} px, crop.side_px is {view.crop.side_px}; run `dvc repro`")
    return Release(
        format=3,
        use=RESEARCH_USE,
        learnt_from="; ".join([_learnt_from(project, task), *_started_from(folders.values())]),
        task=task,
        negative=class_name(classes.negative),
        positive=class_name(classes.positive),
        class_words=CLASS_WORDS,
        backbone=chosen,
        architecture=architecture,
        seeds=tuple(sorted(seeds)),
        weights_sha256={seed: sha256_of(folder / "model.safetensors") for seed, folder in folders.items()},
        graphs={},
        side_px=side_px,
        cutoff_logit=_cutoff(measures, chosen),
        temperature=temperature(measures, chosen),
        certificate=_seal(project, task),
        view=view,
        novelty=_novelty(project, task),
        evidence=_evidence(project, task, chosen, measures),
        noticed={},
        export_check=None,
    )


def _learnt_from(project: Project, task: Task) -> str:
    """What the report says of images such as those that the task was trained and set on, as a phrase."""
    split, manifest = tables.SPLIT.read(project.splits / f"{task}.csv"), tables.MANIFEST.read(project.manifest)
    learnt = split.loc[split["part"].isin(LEARNT), "image_id"]
    sources = read_section("sources", dict[str, dict[str, Any]])
    cohorts = manifest.loc[manifest["image_id"].isin(learnt), "cohort"].unique()
    notices = {NOTICES.get(sources.get(cohort, {}).get("adapter", ""), "") for cohort in cohorts}
    phrases = [notice[:1].lower() + notice[1:].removesuffix(".") for notice in sorted(notices - {""})]
    if not phrases:
        return OWN_IMAGES
    return ("in part " if "" in notices else "") + "; ".join(phrases)


def _started_from(folders: Iterable[Path]) -> list[str]:
    """Other pictures that the networks' first weights have seen, a phrase; empty for weights drawn at random."""
    weights = {
        json.loads((folder / "model.json").read_text(encoding="utf-8")).get("weights", NONE) for folder in folders
    }
    return [f"first weights: {name}" for name in sorted(weights - {NONE})]


def describe_view(project: Project) -> View:
    """How this project makes squares of screens."""
    manifest = tables.MANIFEST.read(project.manifest)
    boxes: dict[tuple[str, int, int], list[tuple[int, int, int, int]]] = {}
    for device, width, height in manifest[["device", "width_px", "height_px"]].itertuples(index=False, name=None):
        boxes.setdefault((device, int(width), int(height)), [])
    rows: Iterable[Any] = tables.LAYOUTS.read(project.fields / "layouts.csv").itertuples()
    for row in rows:
        corners = (int(row.x0_px), int(row.y0_px), int(row.x1_px), int(row.y1_px))
        boxes.setdefault((row.device, int(row.width_px), int(row.height_px)), []).append(corners)
    return View(
        fov=read_section("fov", FindParams),
        text=read_section("text", TextParams),
        crop=read_section("crop", CropParams),
        layouts=tuple(
            Layout(device=device, width_px=width, height_px=height, boxes=tuple(known))
            for (device, width, height), known in sorted(boxes.items())
        ),
        decisions=_decisions(read_overrides(project.overrides, manifest)),
    )


def _decisions(overrides: Overrides) -> tuple[Decision, ...]:
    """A file is known by its hash alone, as nobody says which cohort a new screen would be of."""
    found = []
    for target, override in sorted(overrides.lines.items()):
        box = override.box
        name = target.split("-", 1)[1] if override.is_own else target
        corners = (box.x0, box.y0, box.x1, box.y1) if box else None
        found.append(Decision(target=name, box=corners, is_own=override.is_own))
    return tuple(found)


def class_name(condition: Filter) -> str:
    """What a class is called: the words for finding and pathology in its filter; all words where it has neither."""
    telling: list[str] = [name for name in ("finding", "pathology") if name in condition]
    columns = telling or sorted(map(str, condition))
    values = (condition[name] for name in columns)
    return " ".join(value if isinstance(value, str) else "/".join(value) for value in values)


def temperature(measures: pd.DataFrame, backbone: str) -> float | None:
    """The number that calibrates, if the evaluation has fitted one: measure `temperature` of a calibration group."""
    rows = measures[
        (measures["backbone"] == backbone)
        & measures["group"].str.startswith("calibration")
        & (measures["measure"] == "temperature")
        & (measures["estimate"] != "")
    ]
    return float(rows["estimate"].iloc[0]) if len(rows) else None


def noticed(project: Project, task: str, novelty: Novelty) -> dict[str, Noticed]:
    """How often the notice sounds on the parts that set no limit."""
    split = tables.SPLIT.read(project.splits / f"{task}.csv")
    found = {}
    for part in UNJUDGED:
        rows = _some(split, part)
        if len(rows):
            beyond = distances(_features(project, rows["image_id"].tolist()), novelty) > novelty.limit
            found[part] = Noticed(
                images=len(rows), patients=int(rows["patient_id"].nunique()), noticed_images=int(beyond.sum())
            )
    return found


def _novelty(project: Project, task: str) -> Novelty | None:
    split = tables.SPLIT.read(project.splits / f"{task}.csv")
    training, validation = (_some(split, part)["image_id"].tolist() for part in ("train", "val"))
    if not training or not validation:
        return None
    return fit(_features(project, training), _features(project, validation))


def _some(split: pd.DataFrame, part: str) -> pd.DataFrame:
    """At most `MOST_IMAGES` rows of a part, drawn by a hash of the image's id."""
    rows = split[split["part"] == part]
    order = rows["image_id"].map(lambda image_id: seed_of("novelty", image_id)).sort_values().index
    return rows.loc[order].head(MOST_IMAGES)


def _features(project: Project, image_ids: list[str]) -> NDArray[np.float64]:
    """(n, 10) features of finished crops."""
    crop = read_section("crop", CropParams)
    fields = tables.FOV_INDEX.read(project.fields / "index.csv").set_index("image_id")
    boxes = fields.loc[image_ids, list(BOX_COLUMNS)].to_numpy().tolist()
    images = (read_gray(project.fields / "images" / f"{image_id}.png") for image_id in image_ids)
    contents = (CropResize(Box(*box), crop.side_px, crop.square).content for box in boxes)
    return np.array([features_of(image[at.slices]) for image, at in zip(images, contents, strict=True)])


def _architecture(folder: Path) -> tuple[str, int]:
    """Name in timm and the side of the images, as the train stage recorded them."""
    path = folder / "model.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return str(record["timm"]), int(record["side_px"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: no record of a trained model; run the train stage first") from None


def _cutoff(measures: pd.DataFrame, backbone: str) -> float | None:
    """The cut-off that validation fixed; it is the same for every part that it is tried on."""
    found = set(frozen_cutoffs(measures, backbone).values())
    if len(found) > 1:
        raise InputError(f"{backbone}: parts have different frozen cut-offs: {sorted(found)}; run `dvc repro` again")
    return found.pop() if found else None


def _evidence(project: Project, task: str, backbone: str, measures: pd.DataFrame) -> dict[str, Evidence]:
    """What the evaluation says of scores like a new one's."""
    reliability = tables.RELIABILITY.read(project.calibration / f"{task}.csv")
    path = project.predictions / task / f"{backbone}.csv"
    about = read_section(f"tasks.{task}", TaskParams)
    narrowed = {"test": about.develop, "external": about.external}
    return evidence_of(
        measures[measures["backbone"] == backbone],
        reliability[reliability["backbone"] == backbone],
        tables.PREDICTIONS.read(path),
        {part: class_name(condition) for part, condition in narrowed.items() if condition},
        read_section("subgroups.min_patients", int),
        read_section("roc.confidence_level", float),
        str(path),
    )


def _seal(project: Project, task: str) -> Seal:
    """The certificate's seal, if the split that lies here is the one that was evaluated."""
    path = project.metrics / f"{task}.json"
    seal = read_seal(path, "certificate")
    if assignment_hash(tables.SPLIT.read(project.splits / f"{task}.csv")) != seal.assignment:
        raise InputError(f"{path}: evaluated on another split than {project.splits / task}.csv; run `dvc repro`")
    return seal
