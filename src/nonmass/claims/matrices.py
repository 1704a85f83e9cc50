"""Which confusion matrices of a stated size give all printed digits: every number of positives is tried, exactly.

The idea is that of the GRIM test (Brown & Heathers 2017, Soc Psychol Personal Sci 8:363-369): a mean of n integers does
not take any decimals. Several shares of one matrix bind each other, so that often few numbers of positives are left.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nonmass.claims.printed import Manner, Printed, Span

CELLS = ("tp", "fp", "tn", "fn")
SHARES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")

# Steps of the search: seconds. With more rows than that, hardly any digits that people print do not exist.
MOST_STEPS = 500_000


@dataclass(frozen=True)
class Counts:
    """What is said of one confusion matrix.

    Attributes:
        n: All rows.
        shares: Some of `SHARES`, as printed.
        cells: Some of `CELLS`, where stated.
        positives: Rows whose truth is positive, where stated.
    """

    n: int
    shares: Mapping[str, Printed]
    cells: Mapping[str, int]
    positives: int | None = None

    def candidates(self) -> range:
        """Numbers of positives to try; a sensitivity needs a positive, a specificity a negative."""
        if self.positives is not None:
            return range(self.positives, self.positives + 1)
        return range(int("sensitivity" in self.shares), self.n + 1 - int("specificity" in self.shares))


def feasible_positives(counts: Counts, manner: Manner) -> list[int] | None:
    """Numbers of positives for which some matrix gives all printed digits.

    Returns:
        In order; None if it would take too long to try them all.
    """
    spans = {name: figure.span(manner) for name, figure in counts.shares.items()}
    if len(counts.candidates()) > MOST_STEPS:
        return None
    steps = 0
    found = []
    for positives in counts.candidates():
        fewest, most = _true_positives(counts, spans, positives)
        steps += 1 + (max(0, most - fewest) if {"ppv", "npv"} & spans.keys() else 0)
        if steps > MOST_STEPS:
            return None
        if any(_matrices(counts, spans, positives)):
            found.append(positives)
    return found


def _true_positives(counts: Counts, spans: Mapping[str, Span], positives: int) -> tuple[int, int]:
    """Fewest and most, by sensitivity and stated cells alone."""
    limits = [(0, positives)]
    if "sensitivity" in spans:
        limits.append(spans["sensitivity"].hits_of(positives))
    if "tp" in counts.cells:
        limits.append((counts.cells["tp"],) * 2)
    if "fn" in counts.cells:
        limits.append((positives - counts.cells["fn"],) * 2)
    return _common(limits)


def _true_negatives(counts: Counts, spans: Mapping[str, Span], positives: int) -> tuple[int, int]:
    negatives = counts.n - positives
    limits = [(0, negatives)]
    if "specificity" in spans:
        limits.append(spans["specificity"].hits_of(negatives))
    if "tn" in counts.cells:
        limits.append((counts.cells["tn"],) * 2)
    if "fp" in counts.cells:
        limits.append((negatives - counts.cells["fp"],) * 2)
    return _common(limits)


def _matrices(counts: Counts, spans: Mapping[str, Span], positives: int) -> Iterator[bool]:
    """True as soon as there is a matrix with so many positives."""
    tp = _true_positives(counts, spans, positives)
    tn = _true_negatives(counts, spans, positives)
    right = spans["accuracy"].hits_of(counts.n) if "accuracy" in spans else (0, counts.n)
    if tp[0] > tp[1] or tn[0] > tn[1] or right[0] > right[1]:
        return
    if not {"ppv", "npv"} & spans.keys():
        # Sums of two runs of integers leave no gap.
        yield max(tp[0] + tn[0], right[0]) <= min(tp[1] + tn[1], right[1])
        return
    for hits in range(tp[0], tp[1] + 1):
        limits = [tn, (right[0] - hits, right[1] - hits)]
        limits += _beside(spans, positives, counts.n - positives, hits)
        lo, hi = _common(limits)
        yield lo <= hi


def _beside(spans: Mapping[str, Span], positives: int, negatives: int, tp: int) -> list[tuple[int, int]]:
    """What PPV and NPV leave to the true negatives, given the true positives."""
    limits = []
    if "ppv" in spans:
        smallest, largest = spans["ppv"].totals_of(tp)
        largest = tp + negatives if largest is None else largest
        limits.append((negatives - (largest - tp), negatives - (smallest - tp)))
    if "npv" in spans:
        fewest, most = spans["npv"].hits_beside(positives - tp)
        limits.append((fewest, negatives if most is None else most))
    return limits


def _common(limits: list[tuple[int, int]]) -> tuple[int, int]:
    return max(lo for lo, _ in limits), min(hi for _, hi in limits)
