"""What differs between two revisions beside their models: rules, data, split, parameters, stages, metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nonmass.assignment import NOT_DISJOINT
from nonmass.errors import InputError
from nonmass.gate.rules import TASKS
from nonmass.gate.stale import stale_results
from nonmass.lineage.lock import StageChange, read_lock, shown, stage_changes
from nonmass.lineage.revisions import Revision

# Metrics that say who is in the study, what was seen of them, and who is in which part.
DATA_METRICS = ("data", "fov", "text", "split")
ENVIRONMENT = "environment"

# Values that a reader of a page wants side by side; all others are in `dvc metrics diff`.
_MEASURES = {"auc": ("auc",), "sensitivity": ("frozen", "sensitivity"), "specificity": ("frozen", "specificity")}


@dataclass(frozen=True)
class Change:
    """A dotted key whose value differs.

    Attributes:
        key: The key.
        before: Its value on one line; "absent" where it was not.
        now: Likewise.
    """

    key: str
    before: str
    now: str


@dataclass(frozen=True)
class Measure:
    """A metric on both sides, with intervals."""

    task: str
    backbone: str
    part: str
    measure: str
    before: str
    now: str


@dataclass(frozen=True)
class Explanation:
    """All that differs.

    Attributes:
        alarms: What a reader must know first: other rules, other data, another split; lines of text.
        data: Metrics of data and split that differ.
        params: Parameters that differ.
        environment: Versions and devices that differ.
        stages: Stages that were run with something else.
        measures: Metrics of the judged parts.
    """

    alarms: tuple[str, ...]
    data: tuple[Change, ...]
    params: tuple[Change, ...]
    environment: tuple[Change, ...]
    stages: tuple[StageChange, ...]
    measures: tuple[Measure, ...]


def explain(base: Revision, head: Revision, parts: tuple[str, ...]) -> Explanation:
    """Compare everything that Git holds of both sides; a file that cannot be read counts as absent.

    Args:
        base: The baseline.
        head: The new revision.
        parts: Which are judged; a part that is not, is not shown either, or the eye would gate on it.
    """
    params = differences(flat(base.params), flat(head.params))
    data = [
        Change(f"{name}: {change.key}", change.before, change.now)
        for name in DATA_METRICS
        for change in differences(flat(base.metrics(name)), flat(head.metrics(name)))
    ]
    environment = differences(flat(base.metrics(ENVIRONMENT)), flat(head.metrics(ENVIRONMENT)))
    stages = tuple(_stages(base, head))
    return Explanation(
        alarms=tuple(_alarms(base, head, params, data, stages)),
        data=tuple(data),
        params=tuple(params),
        environment=tuple(environment),
        stages=stages,
        measures=tuple(_measures(base, head, parts)),
    )


def flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> leaf; lists are leaves."""
    if not isinstance(content, Mapping):
        return {prefix: content}
    leaves: dict[str, Any] = {}
    for key, value in content.items():
        leaves |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return leaves


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Keys whose values differ, sorted."""
    keys = sorted({*before, *now})
    return [Change(key, shown(before.get(key)), shown(now.get(key))) for key in keys if before.get(key) != now.get(key)]


def _stages(base: Revision, head: Revision) -> list[StageChange]:
    try:
        return stage_changes(read_lock(base), read_lock(head))
    except InputError:
        return []  # which the table says


def _alarms(
    base: Revision, head: Revision, params: list[Change], data: list[Change], stages: tuple[StageChange, ...]
) -> Iterator[str]:
    rules = [change for change in params if change.key.startswith("gate.") or change.key == "roc.confidence_level"]
    for change in rules:
        yield f"the rules of the gate change: {change.key} from {change.before} to {change.now}"
    for name, what in (("data", "who is in the study"), ("split", "the split or its certificate")):
        count = sum(change.key.startswith(f"{name}: ") for change in data)
        if count:
            yield f"{what} changed: {count} figures of metrics/{name}.json"
    for task in TASKS:
        seal = head.metrics("split").get(task)
        if isinstance(seal, dict) and not seal.get("disjoint", 1):
            yield f"{task}: {NOT_DISJOINT}"
    yield from _stage_alarms(stages)
    try:
        reasons = stale_results(base)
    except InputError as error:
        reasons = [base.told(error)]
    if reasons:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        yield f"results of {base.name} are not those of the files beside them: {reasons[0]}{more}"


def _stage_alarms(stages: tuple[StageChange, ...]) -> Iterator[str]:
    causeless = [stage.name for stage in stages if stage.results and not stage.causes]
    if causeless:
        yield (
            f"other results from the same inputs: {', '.join(causeless)}; another machine's, or edited by hand: "
            f"`nonmass verify --deep --stage {causeless[0]}` runs it again"
        )
    for stage in stages:
        touched = [path for path in stage.results if path.startswith(("data/", "splits/"))]
        if touched:
            yield f"stage {stage.name} gave other data: {', '.join(touched)}"


def _measures(base: Revision, head: Revision, parts: tuple[str, ...]) -> Iterator[Measure]:
    for task in TASKS:
        before, now = base.metrics(task), head.metrics(task)
        for backbone in dict.fromkeys((*before, *now)):
            for part in parts:
                for measure, place in _MEASURES.items():
                    told = [_told(side, (backbone, part, *place)) for side in (before, now)]
                    if any(told):
                        yield Measure(task, backbone, part, measure, *(text or "absent" for text in told))


def _told(metrics: dict[str, Any], place: tuple[str, ...]) -> str:
    """Such as 0.837 (0.810 to 0.863); "" where nothing stands."""
    at: Any = metrics
    for key in place:
        at = at.get(key) if isinstance(at, dict) else None
    found = at if isinstance(at, dict) else {}
    known = {name: found[name] for name in ("est", "lo", "hi") if isinstance(found.get(name), float | int)}
    if "est" not in known:
        return ""
    interval = f" ({known['lo']:.3f} to {known['hi']:.3f})" if len(known) == 3 else ""
    return f"{known['est']:.3f}{interval}"
