"""What may be told: parameters, metrics, a few tables and the hashes of dvc.lock, each under the name of its folder."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nonmass.errors import InputError
from nonmass.params import PARAMS_FILE, load
from nonmass.tables import MEASURES, SUBGROUPS, Table


@dataclass(frozen=True)
class Document:
    """A file that sentences quote.

    Attributes:
        path: Of the project, forward slashes.
        content: Nested mappings; what is undefined has no key.
    """

    path: str
    content: Any


# By the name that sentences call it: `params`, `lock`, or the folder's name and the file's, `metrics/detect.json`.
Facts = Mapping[str, Document]


def read_facts(
    params: dict[str, Any], metrics: Path, models: Path, measures: Path, subgroups: Path, hashed: tuple[Path, ...]
) -> dict[str, Document]:
    """Read all that the tables of sentences may quote.

    Args:
        params: Content of params.yaml.
        metrics: Holds `<name>.json`.
        models: Holds `<task>/<backbone>/<seed>/model.json` and `model.safetensors`.
        measures: Holds `<task>.csv`.
        subgroups: Likewise.
        hashed: Files whose MD5 is told, beside those of the weights.

    Raises:
        InputError: A file is not what its name says.
    """
    facts = {"params": Document(str(PARAMS_FILE), params)}
    facts |= {f"metrics/{file.name}": _read_json(file) for file in sorted(metrics.glob("*.json"))}
    for file in sorted(models.glob("*/*/*/model.json")):
        facts[f"models/{file.relative_to(models).as_posix()}"] = _read_json(file)
    for name, folder, table in (("measures", measures, MEASURES), ("subgroups", subgroups, SUBGROUPS)):
        facts |= {f"{name}/{file.name}": _read_table(file, table) for file in sorted(folder.glob("*.csv"))}
    weights = sorted(models.glob("*/*/*/model.safetensors"))
    # DVC keeps the same hashes of the same files, but writes them only when this stage is done.
    facts["lock"] = Document("dvc.lock", {file.as_posix(): md5_of(file) for file in (*hashed, *weights)})
    return facts


def check_made_with(params: dict[str, Any], lock_file: Path) -> None:
    """Whether what dvc.lock says of all stages before this one was made with these parameters.

    `dvc repro` writes what a stage was made with before it starts the next, so this stops it only where somebody left
    stages out. Without a dvc.lock nobody knows.

    Raises:
        InputError: A parameter has another value since.
    """
    if not lock_file.exists() or not lock_file.stat().st_size:
        return
    stages = load(lock_file).get("stages", {})
    for name in _made(params):
        for key, value in stages.get(name, {}).get("params", {}).get(str(PARAMS_FILE), {}).items():
            now: Any = params
            for step in key.split("."):
                now = now.get(step) if isinstance(now, dict) else None
            if now != value:
                raise InputError(
                    f"{PARAMS_FILE}: {key} is {now}, but {lock_file} has {name} made with {value}, so what is told "
                    "would be false; run `dvc repro`, which makes it anew"
                )


def _made(params: dict[str, Any]) -> Iterator[str]:
    """Names of the stages that this one needs; dvc.lock keeps others that parameters no longer name."""
    yield from ("phantom", "manifest", "fov", "text", "crop", "split", "shortcuts")
    yield from (f"ingest@{cohort}" for cohort in params["cohorts"])
    for task in params["tasks"]:
        for backbone in params["backbones"]:
            yield from (f"train_{task}@{backbone}-{seed}" for seed in params["train"]["seeds"])
            yield f"predict_{task}@{backbone}"
        yield from (f"{stage}@{task}" for stage in ("eval", "subgroups", "explain", "eval_explain"))


def md5_of(file: Path) -> str:
    """The hash by which DVC knows a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _read_json(file: Path) -> Document:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{file}: not readable as JSON: {error}; run `dvc repro` again") from None
    return Document(file.as_posix(), content)


def _read_table(file: Path, table: Table) -> Document:
    """A table as nested mappings, by its key; empty cells have no key."""
    nested: dict[str, Any] = {}
    for row in table.read(file).to_dict("records"):
        place = nested
        for name in table.key:
            place = place.setdefault(str(row[name]), {})
        place |= {str(name): _number(value) for name, value in row.items() if name not in table.key and value != ""}
    return Document(file.as_posix(), nested)


def _number(cell: Any) -> Any:
    try:
        return float(cell) if isinstance(cell, str) else cell
    except ValueError:
        return cell
