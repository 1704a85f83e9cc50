"""What computed the results: versions, threads, precision of all records that the stages leave, in one."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nonmass.errors import InputError

# Of a model's record: what may give other digits and is no parameter of the recipe.
OF_TRAINING = ("torch_version", "timm_version", "threads", "device", "precision", "deterministic", "devices", "nodes")


def read_records(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """JSON records, in the order of their paths.

    Raises:
        InputError: One is no JSON object, or there is none.
    """
    records = []
    for path in sorted(paths):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not readable as JSON: {error}") from None
        except RecursionError:
            raise InputError(f"{path}: not readable as JSON: nested too deeply") from None
        if not isinstance(record, dict):
            raise InputError(f"{path}: no record; run `dvc repro` again")
        records.append(record)
    if not records:
        raise InputError("no record of a model or of statistics; run `dvc repro` first")
    return records


def together(records: Iterable[dict[str, Any]], keys: Iterable[str]) -> dict[str, str]:
    """One value a key; where records differ, all of their values, sorted and joined by " | "."""
    values: dict[str, set[str]] = {key: set() for key in keys}
    for record in records:
        for key, found in values.items():
            found.add(str(record[key]) if key in record else "not recorded")
    return {key: " | ".join(sorted(found)) for key, found in values.items()}
