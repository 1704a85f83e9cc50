"""What of params.yaml the report speaks about; the base of all that it reads."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a metrics file or of params.yaml. Other keys may stand beside ours: stages grow, the report follows."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Definition(Record):
    """What a task asks: filters over the manifest, as in params.yaml."""

    positive: dict[str, Any]
    negative: dict[str, Any]
    develop: dict[str, Any] | None = None
    external: dict[str, Any] | None = None


class Level(Record):
    """Of the intervals, and of the second frozen cut-off; 0 to 1."""

    confidence_level: float
    sensitivity: float = 0.95


class Training(Record):
    """The most epochs a network may train, the seeds that each is trained with, and what else tells how it ended."""

    epochs: int
    seeds: tuple[int, ...]
    schedule: str
    kept_epoch: str


class Groups(Record):
    """Below how many patients of either class a subgroup gets no number."""

    min_patients: int


class Source(Record):
    """How a cohort is read."""

    adapter: str


class Rule(Record):
    """One of the criteria."""

    name: str


class Reported(Record):
    """What of params.yaml the report speaks about, beside printing all of it."""

    cohorts: tuple[str, ...]
    sources: dict[str, Source]
    tasks: dict[str, Definition]
    criteria: tuple[Rule, ...] = ()
    roc: Level
    subgroups: Groups
    train: Training
