"""What dvc.lock says: which results belong to which inputs, whether that is still so, and what differs between two."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from nonmass.errors import InputError
from nonmass.gate.revisions import Revision
from nonmass.params import PARAMS_FILE, load

GRAPH_FILE = Path("dvc.yaml")
LOCK_FILE = Path("dvc.lock")


@dataclass(frozen=True)
class Stage:
    """A stage as it was run last.

    Attributes:
        cmd: Its command.
        deps: Path -> MD5 of what it read, of a folder ending in ".dir".
        params: Dotted key of params.yaml -> value that it was run with.
        outs: Path -> MD5 of what it wrote.
    """

    cmd: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


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
        InputError: There is none, or it is none of DVC's.
    """
    path = revision.folder / LOCK_FILE
    if not path.is_file():
        raise InputError(f"{LOCK_FILE}: not found; run `dvc repro` and commit it")
    try:
        return {name: _stage(entry) for name, entry in load(path)["stages"].items()}
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{LOCK_FILE}: not readable as DVC's; run `dvc repro` again") from None


def _stage(entry: dict[str, Any]) -> Stage:
    hashes = {kind: {item["path"]: item.get("md5", "") for item in entry.get(kind, [])} for kind in ("deps", "outs")}
    return Stage(entry["cmd"], hashes["deps"], entry.get("params", {}).get(str(PARAMS_FILE), {}), hashes["outs"])


def read_graph(revision: Revision) -> list[str]:
    """Names of the stages of a revision's dvc.yaml, matrices multiplied out as DVC does it.

    Raises:
        InputError: There is none, or a matrix is over something that params.yaml has not.
    """
    try:
        stages = load(revision.folder / GRAPH_FILE)["stages"]
        return [name for stage, entry in stages.items() for name in _multiplied(stage, entry, revision.params)]
    except InputError as error:
        raise InputError(revision.told(error)) from None
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{GRAPH_FILE}: not readable as DVC's graph") from None


def _multiplied(stage: str, entry: dict[str, Any], params: dict[str, Any]) -> Iterator[str]:
    if "matrix" not in entry:
        yield stage
        return
    axes = [_axis(values, params) for values in entry["matrix"].values()]
    yield from (f"{stage}@{'-'.join(map(str, point))}" for point in product(*axes))


def _axis(values: Any, params: dict[str, Any]) -> list[Any]:
    """Of a matrix: a list, or the key of one in params.yaml, "${key}"."""
    found = lookup(params, values.removeprefix("${").removesuffix("}")) if isinstance(values, str) else values
    if not isinstance(found, list):
        raise InputError(f"{GRAPH_FILE}: matrix over {values}, which is no list")
    return found


def behind(stages: dict[str, Stage], last: Iterable[str]) -> list[str]:
    """The named stages and all that they need, in the order of dvc.lock."""
    found, todo = set(), list(last)
    while todo:
        name = todo.pop()
        if name not in found and name in stages:
            found.add(name)
            todo += [other for other in stages if _feeds(stages[other], stages[name])]
    return [name for name in stages if name in found]


def _feeds(one: Stage, other: Stage) -> bool:
    return any(dep == out or _inside(dep, out) or _inside(out, dep) for dep in other.deps for out in one.outs)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def stale(revision: Revision, stages: dict[str, Stage], names: Iterable[str]) -> Iterator[str]:
    """Why results are not those of the files beside them: parameters, code, results in Git that dvc.lock has otherwise.

    Folders, and files that are not there because DVC keeps them, are left to `nonmass verify`; params.yaml as a whole
    is looked at key by key.

    Args:
        revision: Whose files are looked at.
        stages: Its dvc.lock.
        names: Which stages count.
    """
    for name in names:
        stage = stages[name]
        for key, value in stage.params.items():
            now = lookup(revision.params, key)
            if now != value:
                yield f"{name}: {key} was {shown(value)} when it ran and is {shown(now)}"
        for path, md5 in {**stage.deps, **stage.outs}.items():
            file = revision.folder / path
            is_own = path != str(PARAMS_FILE) and file.is_file() and not md5.endswith(".dir")
            if is_own and hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() != md5:
                yield f"{name}: {path} is not the file that dvc.lock names"


def lookup(params: dict[str, Any], key: str) -> Any:
    """Value of a dotted key; None where nothing stands there."""
    at: Any = params
    for part in key.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


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
