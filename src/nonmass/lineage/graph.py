"""What dvc.yaml says: the stages with matrices multiplied out and "${...}" filled in, as DVC does it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from nonmass.errors import InputError
from nonmass.lineage.revisions import Revision
from nonmass.params import validate

GRAPH_FILE = "dvc.yaml"

Paths = tuple[str | dict[str, Any], ...]


class Linked(Protocol):
    """A stage by the paths that it reads and writes, as planned or as it was run."""

    @property
    def deps(self) -> Iterable[str]:
        """Paths that it reads."""

    @property
    def outs(self) -> Iterable[str]:
        """Paths that it writes."""


Step = TypeVar("Step", bound=Linked)


class _Written(BaseModel):
    """A stage as dvc.yaml has it; a word of DVC's that the gate cannot follow is refused, not overlooked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cmd: str
    desc: str = ""
    matrix: dict[str, str | list[str | int]] | None = None
    deps: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    outs: Paths = ()
    metrics: Paths = ()
    plots: Paths = ()


class _Graph(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    stages: dict[str, _Written]


@dataclass(frozen=True)
class Planned:
    """A stage as it would be run now.

    Attributes:
        cmd: Its command.
        deps: Paths that it reads.
        params: Dotted keys of params.yaml.
        outs: Paths that it writes, metrics among them.
    """

    cmd: str
    deps: frozenset[str]
    params: frozenset[str]
    outs: frozenset[str]


def read_graph(revision: Revision) -> dict[str, Planned]:
    """Stages of a revision's dvc.yaml, by the names that dvc.lock gives them.

    Raises:
        InputError: There is none, or the gate cannot follow it.
    """
    content = revision.yaml(GRAPH_FILE)
    if "vars" in content:
        raise InputError(f"{GRAPH_FILE}: has vars, which the gate does not read; put them into params.yaml")
    stages = validate(content, _Graph, GRAPH_FILE).stages
    return {
        name: planned
        for stage, written in stages.items()
        for name, planned in _multiplied(stage, written, revision.params)
    }


def _multiplied(stage: str, written: _Written, params: dict[str, Any]) -> Iterator[tuple[str, Planned]]:
    if written.matrix is None:
        yield stage, _planned(written, params)
        return
    for point in product(*(_axis(values, params) for values in written.matrix.values())):
        item = dict(zip(written.matrix, point, strict=True))
        yield f"{stage}@{'-'.join(map(str, point))}", _planned(written, {**params, "item": item})


def _axis(values: str | list[str | int], params: dict[str, Any]) -> list[Any]:
    """Of a matrix: a list, or the key of one in params.yaml, "${key}"."""
    found = lookup(params, values.removeprefix("${").removesuffix("}")) if isinstance(values, str) else values
    if not isinstance(found, list):
        raise InputError(f"{GRAPH_FILE}: matrix over {values}, which is no list")
    return found


def _planned(written: _Written, values: dict[str, Any]) -> Planned:
    def filled(paths: Iterable[str | dict[str, Any]]) -> frozenset[str]:
        return frozenset(
            _filled(text, values) for path in paths for text in ([path] if isinstance(path, str) else path)
        )

    outs = (*written.outs, *written.metrics, *written.plots)
    return Planned(_filled(written.cmd, values), filled(written.deps), filled(written.params), filled(outs))


def _filled(text: str, values: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found = lookup(values, match[1])
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            raise InputError(f"{GRAPH_FILE}: {match[0]} is no text or number")
        return str(found)

    return re.sub(r"\$\{([^}]*)\}", value, text)


def lookup(content: dict[str, Any], key: str) -> Any:
    """Value of a dotted key; None where nothing stands there."""
    at: Any = content
    for part in key.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def behind(stages: Mapping[str, Step], last: Iterable[str]) -> dict[str, Step]:
    """The named stages and all that they need, in the order of `stages`."""
    found, todo = set(), list(last)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [other for other in stages if _feeds(stages[other], stages[name])]
    return {name: stage for name, stage in stages.items() if name in found}


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is below a folder."""
    return path.startswith(f"{folder}/")


def _feeds(one: Linked, other: Linked) -> bool:
    return any(dep == out or is_inside(dep, out) or is_inside(out, dep) for dep in other.deps for out in one.outs)
