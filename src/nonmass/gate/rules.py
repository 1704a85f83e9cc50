"""What the gate judges by: section `gate` of params.yaml, and which side of the comparison a rule is taken from."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from nonmass.lineage.revisions import Revision
from nonmass.params import PARAMS_FILE, Section, validate
from nonmass.roc.analysis import RocParams

TASKS = ("detect", "classify")
COMMIT_PARTS = ("val",)
RELEASE_PARTS = ("test", "external")

OF_SEEDS = "seeds"


class GateParams(Section):
    """How much worse may pass for as good, and what was taken out on purpose.

    Attributes:
        margin: Of the AUC: a model is as good as the one before if it is surely not worse by this much; or `seeds`,
            what another seed would change, measured on the baseline's own seeds.
        act_at: Probability of disease at which a person would act; it weighs false against true positives.
        removed: Backbones that the new revision drops on purpose.
    """

    margin: Annotated[float, Field(gt=0, lt=0.5)] | Literal["seeds"]
    act_at: float = Field(gt=0, lt=1)
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """What holds for one comparison.

    Attributes:
        margin: Of the AUC, or `seeds`.
        act_at: Probability at which a person would act.
        level: Confidence level of the whole table.
        removed: Backbones that the new revision drops on purpose.
        parts: Which are judged.
    """

    margin: float | str
    act_at: float
    level: float
    removed: tuple[str, ...]
    parts: tuple[str, ...]


class _Known(BaseModel):
    """The sections that the gate reads of a revision's params; older ones may lack `gate`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    backbones: tuple[str, ...]
    roc: RocParams
    gate: GateParams | None = None


def read_known(revision: Revision) -> _Known:
    """The gate's sections of a revision's params.yaml.

    Raises:
        InputError: It has none, or they are wrong.
    """
    content: dict[str, Any] = revision.params
    return validate(content, _Known, f"{revision.name}: {PARAMS_FILE}")


def read_rules(base: Revision, head: Revision, is_release: bool) -> Rules:
    """Margin and level are the baseline's, so that no change loosens what judges it; what is removed, the change says.

    A baseline from before the gate has no such section; then the change's own holds.
    """
    before, now = read_known(base), read_known(head)
    own = validate(head.params.get("gate"), GateParams, f"{head.name}: {PARAMS_FILE}: gate")
    rules = before.gate or own
    return Rules(
        margin=rules.margin,
        act_at=rules.act_at,
        level=(before if before.gate else now).roc.confidence_level,
        removed=own.removed,
        parts=RELEASE_PARTS if is_release else COMMIT_PARTS,
    )
