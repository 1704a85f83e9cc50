"""Which settings class checks which section of params.yaml: the only place that knows them all."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nonmass.augment import AugmentParams
from nonmass.cohorts.criteria import Criteria
from nonmass.cohorts.manifest import CohortNames, IngestParams
from nonmass.cohorts.phantom import PhantomSource
from nonmass.cohorts.registry import Source
from nonmass.cropping import CropParams
from nonmass.determinism import RuntimeParams
from nonmass.duplicates import DuplicatesParams
from nonmass.errors import InputError
from nonmass.explanation import ExplainParams
from nonmass.folds import Folds
from nonmass.fov.finder import FindParams
from nonmass.gate.rules import GateParams
from nonmass.leak import LeakTasks
from nonmass.network import NetworkParams, weights_record
from nonmass.parallel import ParallelParams
from nonmass.params import PARAMS_FILE, Section, validate
from nonmass.phantom.patients import PhantomParams
from nonmass.pretraining import PretrainParams
from nonmass.recipe import LrDecayParams, TrainParams
from nonmass.roc.analysis import RocParams
from nonmass.roc.calibration import CalibrationParams
from nonmass.splitting import SplitParams
from nonmass.subgroups import SubgroupParams
from nonmass.tasks import TaskParams
from nonmass.text.listing import TextParams
from nonmass.weights import IMAGENET

Task = Literal["detect", "classify"]
Backbone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]


class Params(Section):
    """The whole of params.yaml, and the rules that join its sections."""

    cohorts: CohortNames
    sources: dict[str, Source]
    ingest: IngestParams
    criteria: Criteria
    phantom: PhantomParams
    fov: FindParams
    text: TextParams
    crop: CropParams
    duplicates: DuplicatesParams
    split: SplitParams
    tasks: dict[Task, TaskParams]
    backbones: Annotated[tuple[Backbone, ...], Field(min_length=1)]
    folds: Folds
    leak: LeakTasks
    networks: dict[Backbone, NetworkParams]
    train: TrainParams
    augment: AugmentParams
    pretrain: PretrainParams
    lr_decay: dict[Task, LrDecayParams]
    roc: RocParams
    calibration: CalibrationParams
    subgroups: SubgroupParams
    explain: ExplainParams
    gate: GateParams
    runtime: RuntimeParams
    parallel: ParallelParams

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> "Params":
        wanted = (
            ("cohorts", self.cohorts.root, "sources", self.sources),
            ("backbones", self.backbones, "networks", self.networks),
            ("the graph", ("detect", "classify"), "tasks", self.tasks),
            ("the graph", ("detect", "classify"), "lr_decay", self.lr_decay),
        )
        for source, names, section, known in wanted:
            for name in names:
                if name not in known:
                    raise ValueError(f"{source} names '{name}', but section {section} has no such key")
        taken = sorted({"NOT_DETERMINISTIC", "NOT_DISJOINT", "certificate", "comparison"} & set(self.backbones))
        if taken:
            raise ValueError(f"backbones names '{taken[0]}', which is a key of the metrics; choose another name")
        twice = sorted({name for name in self.backbones if self.backbones.count(name) > 1})
        if twice:
            raise ValueError(f"backbones names '{twice[0]}' twice")
        return self

    @model_validator(mode="after")
    def _what_is_removed_is_gone(self) -> "Params":
        back = sorted({*self.gate.removed} & {*self.backbones})
        if back:
            raise ValueError(f"gate.removed names '{back[0]}', which backbones has; take it out of gate.removed")
        return self

    @model_validator(mode="after")
    def _warm_up_ends(self) -> "Params":
        if self.train.warmup_epochs > self.train.epochs:
            raise ValueError(
                f"train.warmup_epochs is {self.train.warmup_epochs}, but all of train.epochs are {self.train.epochs}; "
                "the learning rate would never be reached"
            )
        return self


def check_params(content: dict[str, Any], raw_dir: Path) -> Params:
    """Check every section, the names that join them, and that folders of cohorts and files of weights are there.

    Args:
        content: Of params.yaml.
        raw_dir: Holds a folder a cohort; that of the phantoms is made later.

    Raises:
        InputError: The first thing that is wrong, in one line.
    """
    fields = Params.model_fields
    for name in content:
        if name not in fields:
            raise InputError(f"{PARAMS_FILE}: {name}: unknown section; allowed: {', '.join(sorted(fields))}")
    for name, field in fields.items():
        if name not in content:
            raise InputError(f"{PARAMS_FILE}: {name}: required section is missing")
        kind: Any = field.annotation if not field.metadata else Annotated[field.annotation, *field.metadata]
        validate(content[name], kind, f"{PARAMS_FILE}: {name}")
    params = validate(content, Params, str(PARAMS_FILE))
    for cohort in params.cohorts.root:
        is_made_here = isinstance(params.sources[cohort].root, PhantomSource)
        if not is_made_here and not (raw_dir / cohort).is_dir():
            raise InputError(f"{raw_dir / cohort}: not found; link or copy the data there, see docs/data.md")
    for backbone in params.backbones:
        if params.networks[backbone].weights != IMAGENET:  # which may have to be fetched first
            weights_record(params.networks[backbone])
    return params


def strangers(folders: Iterable[Path], names: Iterable[str]) -> list[Path]:
    """What lies in folders of results, one an axis member, and belongs to none of the members."""
    known = set(names)
    found = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    return [path for path in found if path.stem not in known]
