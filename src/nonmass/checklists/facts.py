"""What may be told: parameters, metrics, a few tables and the hashes of dvc.lock, each under the name of its folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nonmass.errors import InputError
from nonmass.lineage.hashing import md5_of
from nonmass.params import PARAMS_FILE
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
