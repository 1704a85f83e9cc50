"""Reads what the report shows: metrics, tables and pictures of the graph, checked and typed."""

import json
from collections.abc import Hashable
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from nonmass import tables
from nonmass.assignment import read_seal
from nonmass.errors import InputError
from nonmass.params import PARAMS_FILE, validate
from nonmass.report.cited import of_json, of_row, rounded
from nonmass.report.folders import Folders
from nonmass.report.records import (
    Certificate,
    Counts,
    Estimate,
    Explained,
    Fields,
    Flow,
    HeatMap,
    Network,
    Performance,
    Sources,
    Spread,
    TaskSources,
    TextRead,
)
from nonmass.report.reported import Definition, Record, Reported
from nonmass.shortcut_table import SHORTCUTS

T = TypeVar("T")

# Sound, then as published: two cut-offs of the validation part, and one of the part it is judged on.
RULES = ("frozen", "frozen_sensitivity", "as_published")


class Audited(Record):
    """Of the key figures of the shortcut audit: the split that they are of."""

    assignment: str


def read_sources(folders: Folders, params: dict[str, Any], backbones: tuple[str, ...]) -> Sources:
    """Read everything; only the backbones and tasks that params name, whatever else lies there.

    Raises:
        InputError: A file is missing or is not what it should be.
    """
    certificates = _read(folders.metrics / "split.json", dict[str, Certificate])
    networks = _read(folders.metrics / "networks.json", dict[str, Network])
    reported = of_json(validate(params, Reported, str(PARAMS_FILE)), PARAMS_FILE)
    return Sources(
        places=folders,
        # Where work ran is nobody's business, and an address of a machine.
        params={name: section for name, section in params.items() if name != "parallel"},
        reported=reported,
        flow=_read(folders.metrics / "data.json", dict[str, Flow]),
        manifest=tables.MANIFEST.read(folders.data / "manifest.csv"),
        patients=tables.PATIENTS.read(folders.data / "patients.csv"),
        tests=tables.CHARACTERISTICS.read(folders.characteristics / "tests.csv"),
        tests_software=_read(folders.characteristics / "software.json", dict[str, str]),
        problems=tables.PROBLEMS.read(folders.problems_csv),
        quarantine=tables.QUARANTINE.read(folders.data / "splits" / "quarantine.csv"),
        fov_index=tables.FOV_INDEX.read(folders.data / "fov" / "index.csv"),
        fields=_read(folders.metrics / "fov.json", Fields),
        text=_read(folders.metrics / "text.json", TextRead),
        crops=tables.CROPS.read(folders.data / "fov" / "crops.csv"),
        marks=tables.MARKS.read(folders.data / "fov" / "marks.csv"),
        environment=_read(folders.metrics / "environment.json", dict[str, dict[str, Any]]),
        networks={name: _entry(networks, name, folders.metrics / "networks.json") for name in backbones},
        tasks=[
            _read_task(
                name,
                definition,
                _entry(certificates, name, folders.metrics / "split.json"),
                folders,
                backbones,
                reported.train.seeds,
            )
            for name, definition in reported.tasks.items()
        ],
    )


def _read_task(
    name: str,
    definition: Definition,
    certificate: Certificate,
    folders: Folders,
    backbones: tuple[str, ...],
    seeds: tuple[int, ...],
) -> TaskSources:
    path = folders.measures / f"{name}.csv"
    measures = read_measures(path)
    models = {
        backbone: {seed: folders.models / name / backbone / str(seed) for seed in seeds} for backbone in backbones
    }
    explained = folders.metrics / f"explain_{name}.json"
    _check_seal(folders.metrics / f"{name}.json", certificate)
    _check_audit(folders.metrics / "shortcuts.json", name, certificate)
    return TaskSources(
        name=name,
        places=folders,
        definition=definition,
        certificate=certificate,
        split=tables.SPLIT.read(folders.data / "splits" / f"{name}.csv"),
        performance={
            backbone: {
                part: _performance(groups, f"{path}: {backbone}, {part}")
                for part, groups in _entry(measures, backbone, path).items()
            }
            for backbone in backbones
        },
        comparisons={
            pair: {part: groups.get("comparison", {}) for part, groups in measures.get("-".join(pair), {}).items()}
            for pair in combinations(backbones, 2)
        },
        curves=tables.CURVES.read(folders.curves / f"{name}.csv"),
        histories={
            backbone: {seed: tables.HISTORY.read(folder / "history.csv") for seed, folder in of_seeds.items()}
            for backbone, of_seeds in models.items()
        },
        cards={
            backbone: {seed: _read(folder / "model.json", dict[str, Any]) for seed, folder in of_seeds.items()}
            for backbone, of_seeds in models.items()
        },
        explained=_read(explained, Explained) if explained.exists() else None,
        explanation=_read_explanation(folders.explanations / f"{name}.csv"),
        software=_read(folders.measures / f"{name}_software.json", dict[str, str]),
        heat_maps=_read_heat_maps(folders.gradcam / name),
        shortcuts=SHORTCUTS.read(folders.shortcuts / f"{name}.csv"),
        reliability=tables.RELIABILITY.read(folders.calibration / f"{name}.csv"),
        decisions=tables.DECISIONS.read(folders.decisions / f"{name}.csv"),
        subgroups=tables.SUBGROUPS.read(folders.subgroups / f"{name}.csv"),
    )


def _check_seal(path: Path, certificate: Certificate) -> None:
    """Metrics of one split beside the certificate of another would prove nothing.

    Raises:
        InputError: The metrics carry the hash of another assignment.
    """
    _check_assignment(path, read_seal(path, "certificate").assignment, certificate)


def _check_audit(path: Path, task: str, certificate: Certificate) -> None:
    """Likewise of the shortcut audit, whose file holds all tasks."""
    audited = _entry(_read(path, dict[str, Audited]), task, path)
    _check_assignment(path, audited.assignment, certificate)


def _check_assignment(path: Path, carried: str, certificate: Certificate) -> None:
    if carried != certificate.assignment:
        raise InputError(
            f"{path}: computed on split {carried}, but the certificate is of {certificate.assignment}; "
            "run `dvc repro` again"
        )


def read_measures(path: Path) -> dict[str, dict[str, dict[str, dict[str, Estimate]]]]:
    """Backbone (or pair) -> part -> group -> measure -> estimate."""
    nested: dict[str, dict[str, dict[str, dict[str, Estimate]]]] = {}
    for row in tables.MEASURES.read(path).to_dict("records"):
        group = nested.setdefault(row["backbone"], {}).setdefault(row["part"], {}).setdefault(row["group"], {})
        try:
            est, lo, hi = of_row(row, ("estimate", "lo", "hi"), path, tables.MEASURES.key)
        except ValueError:
            raise InputError(f"{path}: measure {row['measure']} of {row['backbone']} is no number") from None
        group[row["measure"]] = Estimate(est, lo, hi, row["note"])
    return nested


def _performance(groups: dict[str, dict[str, Estimate]], where: str) -> Performance:
    missing = sorted({"auc", "auc_image", "auc_patient", "auc_patient_max"} - set(groups.get("", {}))) + sorted(
        set(Counts.model_fields) - set(groups.get("n", {}))
    )
    if missing:
        raise InputError(f"{where}: measure(s) {', '.join(missing)} missing; run `dvc repro` again")
    return Performance(
        n={name: rounded(value.est) for name, value in groups["n"].items()},
        auc=groups[""]["auc"],
        auc_image=groups[""]["auc_image"],
        rules={rule: groups[rule] for rule in RULES if rule in groups},
        seeds=_spread(groups["seeds"], where) if "seeds" in groups else None,
        auc_patient=groups[""]["auc_patient"],
        auc_patient_max=groups[""]["auc_patient_max"],
        detectable_auc=groups.get("power", {}).get("detectable_auc", Estimate()),
        calibration={scale: groups.get(f"calibration_{scale}", {}) for scale in ("raw", "scaled")},
    )


def _spread(group: dict[str, Estimate], where: str) -> Spread:
    values = {name: group[name].est for name in ("mean", "sd", "min", "max", "n") if name in group}
    mean, sd, smallest, largest, n = (values.get(name) for name in ("mean", "sd", "min", "max", "n"))
    if mean is None or sd is None or smallest is None or largest is None or n is None:
        raise InputError(f"{where}: measures of seeds are incomplete; run `dvc repro` again")
    return Spread(mean, sd, smallest, largest, rounded(n))


def _read_explanation(path: Path) -> pd.DataFrame:
    table = tables.EXPLANATION_MEASURES
    return table.read(path) if path.exists() else pd.DataFrame(columns=list(table.columns))


def _read_heat_maps(folder: Path) -> list[HeatMap]:
    index = folder / "index.csv"
    if not index.exists():
        return []
    return [_heat_map(row, index) for row in tables.HEAT_MAPS.read(index).to_dict("records")]


def _heat_map(row: dict[Hashable, Any], index: Path) -> HeatMap:
    names = ("image_id", "part", "truth", "outcome", "scale_top")
    score, margin = (of_row(row, [name], index, tables.HEAT_MAPS.key)[0] for name in ("score", "margin"))
    assert score is not None and margin is not None, "the table holds no empty number"
    png = _read_png(index.parent / row["file"])
    return HeatMap(**{name: row[name] for name in names}, score=score, margin=margin, png=png)


def _read_png(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InputError(f"{path}: named in the heat-map index, but not readable; run `dvc repro` again") from None


def _read(path: Path, kind: type[T]) -> T:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `dvc repro` first") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from None
    return of_json(validate(content, kind, str(path)), path)  # type: ignore[no-any-return]


def _entry(content: dict[str, T], key: str, path: Path) -> T:
    if key not in content:
        raise InputError(f"{path}: nothing about '{key}'; run `dvc repro` again")
    return content[key]
