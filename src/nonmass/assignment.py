"""Which split a result comes from: the hash of an assignment, carried by every prediction and metrics file."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from nonmass.errors import InputError
from nonmass.params import validate

NOT_DISJOINT = "NOT DISJOINT: parts share patients or pictures"
# Key of a file of certificates whose splits leak because somebody wants to see what that buys.
ON_PURPOSE = "LEAKY_ON_PURPOSE"


class Held(BaseModel):
    """What a certificate says of a part that predictions can be held against."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    images: int


class Seal(BaseModel):
    """What a result says of its split; the certificate says more.

    Attributes:
        assignment: Result of `assignment_hash`.
        disjoint: 1, or 0 where parts share patients or pictures.
        unit: Of the task.
        parts: How many images each part has; None where a metrics file repeats the seal, which leaves this out.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    assignment: str = Field(pattern=r"^[0-9a-f]{16}$")
    disjoint: Literal[0, 1]
    unit: Literal["patient", "image"]
    parts: dict[str, Held] | None = Field(default=None, exclude=True)

    def metrics(self) -> dict[str, Any]:
        """For a metrics file; a split that is not disjoint shouts."""
        shout = {} if self.disjoint else {"NOT_DISJOINT": 1}
        return {"certificate": self.model_dump(), **shout}

    def mark(self, measures: pd.DataFrame) -> pd.DataFrame:
        """`tables.MEASURES`, in which a split that is not disjoint shouts from the `note` of every area."""
        if self.disjoint:
            return measures
        shouted = ("; " + measures["note"]).where(measures["note"] != "", "")
        return measures.assign(note=measures["note"].where(measures["group"] != "", NOT_DISJOINT + shouted))


def assignment_hash(split: pd.DataFrame) -> str:
    """First 16 hex digits of the SHA-256 of the sorted lines "image_id,part,truth" of `tables.SPLIT`.

    A corrected label changes it as a moved image does; hashes made before labels were among the lines are others.
    """
    lines = sorted(f"{row.image_id},{row.part},{row.truth}\n" for row in split.itertuples())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def read_seal(path: Path, key: str, may_leak: bool = False) -> Seal:
    """The entry of a JSON file that holds a certificate or what a metrics file repeats of it.

    Args:
        path: The file.
        key: Of the entry.
        may_leak: For the experiment of leak/dvc.yaml alone.

    Raises:
        InputError: The file is missing or holds no such entry, or its splits leak on purpose.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entry = content[key]
        leaks = ON_PURPOSE in content
    except FileNotFoundError:
        raise InputError(f"{path}: split certificate not found; run `dvc repro` first") from None
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        raise InputError(f"{path}: holds no split certificate of '{key}'; run `dvc repro` again") from None
    if leaks and not may_leak:
        raise InputError(f"{path}: {ON_PURPOSE}: belongs to leak/dvc.yaml, whose results are compared with no others")
    return validate(entry, Seal, f"{path}: {key}")


def check_assignment(predictions: pd.DataFrame, seal: Seal, path: Path) -> pd.DataFrame:
    """The predictions, if they were made on the sealed split, and on all of it but the training images.

    Args:
        predictions: `tables.PREDICTIONS`.
        seal: Of the split that is in force.
        path: Where the predictions stand.

    Raises:
        InputError: A row carries another assignment, or a part has more or fewer images than the seal knows.
    """
    others = sorted(set(predictions["assignment"]) - {seal.assignment})
    if others:
        raise InputError(
            f"{path}: stale predictions: they were made on split {others[0] or '(none)'}, the certificate is of "
            f"{seal.assignment}; predict again with `dvc repro`"
        )
    if seal.parts is not None:
        wanted = {part: held.images for part, held in seal.parts.items() if part != "train"}
        found = {str(part): int(n) for part, n in predictions["part"].value_counts().items()}
        if found != wanted:
            raise InputError(
                f"{path}: not the predictions of the whole split: they are of {_amounts(found)}, the certificate "
                f"is of {_amounts(wanted)}; predict again with `dvc repro`"
            )
    return predictions


def _amounts(images: dict[str, int]) -> str:
    return ", ".join(f"{n} {part}" for part, n in sorted(images.items())) + " images" if images else "no images"
