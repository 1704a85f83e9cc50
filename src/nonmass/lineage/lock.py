"""What dvc.lock says: which results belong to which inputs, and what differs between two."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nonmass.lineage.graph import lookup
from nonmass.lineage.revisions import Revision
from nonmass.params import PARAMS_FILE, validate

LOCK_FILE = "dvc.lock"


def _within(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("leads out of the project's folder")
    return path


class Hashed(BaseModel):
    """A file or folder that a stage read or wrote.

    Attributes:
        path: Within the project's folder.
        md5: As DVC has it, of a folder ending in ".dir".
        nfiles: How many a folder holds.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    path: Annotated[str, AfterValidator(_within)]
    md5: str = Field(pattern=r"^[0-9a-f]{32}(\.dir)?$")
    nfiles: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether the hash is of a listing."""
        return self.md5.endswith(".dir")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    cmd: str
    deps: tuple[Hashed, ...] = ()
    params: dict[str, dict[str, Any]] = {}
    outs: tuple[Hashed, ...] = ()


class _Lock(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    stages: dict[str, _Entry]


@dataclass(frozen=True)
class Stage:
    """A stage as it was run last.

    Attributes:
        cmd: Its command.
        deps: Path -> what it read.
        params: Dotted key of params.yaml -> value that it was run with.
        outs: Path -> what it wrote.
    """

    cmd: str
    deps: dict[str, Hashed]
    params: dict[str, Any]
    outs: dict[str, Hashed]


@dataclass(frozen=True)
class StageChange:
    """A stage that was run with something else, or that gave something else.

    Attributes:
        name: As in dvc.lock.
        causes: What of its inputs differs, params first.
        results: Paths of its outputs that differ.
    """

    name: str
    causes: tuple[str, ...]
    results: tuple[str, ...]


def read_lock(revision: Revision) -> dict[str, Stage]:
    """All stages of a revision's dvc.lock.

    Raises:
        InputError: There is none, it is none of DVC's, or a path leads out of the folder.
    """
    entries = validate(revision.yaml(LOCK_FILE), _Lock, LOCK_FILE).stages
    return {name: _stage(entry) for name, entry in entries.items()}


def _stage(entry: _Entry) -> Stage:
    deps, outs = ({item.path: item for item in items} for items in (entry.deps, entry.outs))
    return Stage(entry.cmd, deps, entry.params.get(str(PARAMS_FILE), {}), outs)


def other_params(stage: Stage, params: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Dotted keys whose value is not the one that a stage ran with: key, value then, value now."""
    for key, then in stage.params.items():
        now = lookup(params, key)
        if now != then:
            yield key, then, now


def shown(value: Any) -> str:
    """A value on one line; nothing reads "absent"."""
    return "absent" if value is None else str(value)


def stage_changes(base: dict[str, Stage], head: dict[str, Stage]) -> list[StageChange]:
    """Stages that differ, in the order of the new dvc.lock; code is named before data."""
    changes = []
    for name in [*head, *(name for name in base if name not in head)]:
        before, now = base.get(name), head.get(name)
        if before is None or now is None:
            changes.append(StageChange(name, ("new stage" if before is None else "stage is gone",), ()))
            continue
        results = tuple(_differing(before.outs, now.outs))
        causes = (
            *(f"params: {key}" for key in _differing(before.params, now.params)),
            *(["its command"] if before.cmd != now.cmd else []),
            *sorted(_differing(before.deps, now.deps), key=lambda path: not path.startswith(("src/", "stages/"))),
        )
        if causes or results:
            changes.append(StageChange(name, causes, results))
    return changes


def _differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
