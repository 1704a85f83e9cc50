"""From pairs to verdicts: gate.R computes, the rules decide, the worst row gives the exit code."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Literal

from nonmass.errors import InputError
from nonmass.gate.compare import Comparable, Key, Pair
from nonmass.gate.rules import OF_SEEDS, Rules
from nonmass.roc import bridge

Verdict = Literal["worse", "not comparable", "unsure", "better", "same", "new", "removed"]

_NUMBERS = ("base", "head", "difference", "lo", "hi", "p", "detectable")

OK, REGRESSION, CANNOT_TELL = 0, 1, 2


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        key: Task, backbone and part.
        verdict: Of this row.
        base: AUC of the baseline; None where nothing was compared, as all that follow.
        head: AUC of the new revision.
        difference: head minus base.
        lo: Limits of the difference at the level that Holm's procedure gives the row; None where undefined.
        hi: See lo.
        p: Two-sided, not corrected.
        detectable: Difference that a comparison of this precision finds in 80 of 100 cases.
        margin: What may still pass for as good.
        images: How many.
        patients: Of how many.
        note: Why there is no verdict, or what to know beside it; may be empty.
    """

    key: Key
    verdict: Verdict
    base: float | None = None
    head: float | None = None
    difference: float | None = None
    lo: float | None = None
    hi: float | None = None
    p: float | None = None
    detectable: float | None = None
    margin: float | None = None
    images: int | None = None
    patients: int | None = None
    note: str = ""


def judge(comparable: Comparable, rules: Rules) -> list[Row]:
    """All rows, failures first, then by task, backbone and part."""
    rows = [Row(key, "not comparable", note=reason) for key, reason in comparable.refused.items()]
    rows += [Row(key, "new", note="no baseline to compare with") for key in comparable.added]
    rows += [Row(key, "removed", note="on purpose, says gate.removed") for key in comparable.removed]
    rows += _judged(comparable.pairs, rules)
    return sorted(rows, key=lambda row: (not is_failure(row), row.key.task, row.key.backbone, row.key.part))


def _judged(pairs: dict[Key, Pair], rules: Rules) -> Iterable[Row]:
    if not pairs:
        return
    table = bridge.call(
        "compare_revisions",
        pairs={
            str(key): {
                "truth": pair.images["truth"].tolist(),
                "patient": pair.patients,
                "base": pair.images["base"].tolist(),
                "head": pair.images["head"].tolist(),
            }
            for key, pair in pairs.items()
        },
        level=rules.level,
    )
    for index, (key, pair) in enumerate(pairs.items()):
        numbers = {name: _number(table[name][index]) for name in _NUMBERS}
        margin = _margin(key, pair, rules)
        lo, hi = numbers["lo"], numbers["hi"]
        yield Row(
            key,
            decide(lo, hi, margin),
            **numbers,
            margin=margin,
            images=len(pair.images),
            patients=len(set(pair.patients)),
            note=_note(table["note"][index], lo, hi, margin),
        )


def decide(lo: float | None, hi: float | None, margin: float) -> Verdict:
    """The verdict on a difference "new minus old" with these limits; the first that fits.

    A loss that is surely there fails even where it is surely smaller than the margin: many such steps would otherwise
    walk a model down.

    Args:
        lo: Lower limit, None where undefined.
        hi: Upper limit, likewise.
        margin: Above zero.
    """
    if lo is None or hi is None:
        return "unsure"
    if hi < 0:
        return "worse"
    if lo > 0:
        return "better"
    return "same" if lo > -margin or lo == hi == 0 else "unsure"


def is_failure(row: Row) -> bool:
    """Whether a row alone fails the gate."""
    return row.verdict in {"worse", "not comparable"}


def exit_code(rows: Iterable[Row], is_release: bool, has_lost_calls: bool = False) -> int:
    """0 if nothing is wrong, 1 for a regression or what cannot be compared, 2 for a release with a doubt.

    Args:
        rows: The table.
        is_release: Whether doubts count.
        has_lost_calls: Whether calls at the frozen cut-off are worth less, which no row tells: rows are of ranking.
    """
    rows = list(rows)
    if not rows or any(map(is_failure, rows)):
        return REGRESSION
    is_doubtful = has_lost_calls or any(row.verdict == "unsure" for row in rows)
    return CANNOT_TELL if is_release and is_doubtful else OK


def _note(found: str, lo: float | None, hi: float | None, margin: float) -> str:
    if lo is not None and hi is not None and -margin < lo and hi < 0:
        return f"smaller than the margin of {margin:.3f}, but surely a loss"
    return found


def _margin(key: Key, pair: Pair, rules: Rules) -> float:
    if rules.margin != OF_SEEDS:
        return float(rules.margin)
    assert pair.seeds is not None
    logits = pair.seeds.pivot(index="image_id", columns="seed", values="logit").reindex(pair.images["image_id"])
    if logits.shape[1] < 2 or logits.isna().any(axis=None):
        raise InputError(
            f"gate.margin is seeds, but the baseline of {key} has fewer than two whole seeds; train it with "
            "train.seeds of two or more, or give the margin as a number"
        )
    scores = {f"seed_{seed}": logits[seed].tolist() for seed in logits}
    return float(bridge.call("seed_margin", truth=pair.images["truth"].tolist(), scores=scores))


def _number(value: float) -> float | None:
    return None if isnan(value) else value
