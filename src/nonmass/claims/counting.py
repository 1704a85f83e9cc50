"""Which counts of a row give what it prints, and in which manner its digits must have been made."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nonmass.claims.claim import Claim
from nonmass.claims.matrices import CELLS, SHARES, Counts, feasible_positives
from nonmass.claims.printed import MANNERS, Manner
from nonmass.claims.wording import runs

# Share -> the cells of its hits and of its misses.
_CELLS_OF = {"sensitivity": ("tp", "fn"), "specificity": ("tn", "fp"), "ppv": ("tp", "fp"), "npv": ("tn", "fn")}


@dataclass(frozen=True)
class Counting:
    """The numbers of positives that are possible.

    Attributes:
        manner: The first of rounding, truncation and a mixture of them that gives any; None if none does.
        positives: By that manner, in order.
        truncated: By truncation.
        conceivable: By a mixture, which holds all others.
    """

    manner: Manner | None
    positives: list[int]
    truncated: list[int]
    conceivable: list[int]

    def answer(self, claim: Claim) -> str:
        """Which counts they are: hits, if a single share of all rows is printed, else positives."""
        printed = [name for name in SHARES if name in claim.figures]
        if printed == ["accuracy"] and self.manner and not set(CELLS) & claim.numbers.keys():
            lo, hi = claim.figures["accuracy"].span(self.manner).hits_of(claim.n or 0)
            return f"{runs(range(lo, hi + 1))} right"
        return f"{runs(self.positives)} positives"


def parts_of(claim: Claim) -> Iterator[Claim]:
    """The rows that one share is of, as a claim of their own: what can be tried if not all rows are known."""
    for share, (hits, misses) in _CELLS_OF.items():
        total = claim.both(hits, misses)
        numbers = {name: claim.numbers[name] for name in (hits, misses) if name in claim.numbers}
        if share == "sensitivity" and claim.positives is not None:
            total = numbers["positives"] = claim.positives
        if total is not None:
            figures = {share: claim.figures[share]} if share in claim.figures else {}
            yield replace(claim, figures=figures, numbers={"n": total, **numbers}, expected_positives=None)


def count(claim: Claim) -> Counting | None:
    """Try all matrices; None if nothing binds them, or there are too many to try."""
    shares = {name: claim.figures[name] for name in SHARES if name in claim.figures}
    cells = {name: claim.numbers[name] for name in CELLS if name in claim.numbers}
    if claim.n is None or not (shares or cells):
        return None
    counts = Counts(claim.n, shares, cells, claim.positives)
    found = {manner: feasible_positives(counts, manner) for manner in MANNERS}
    if any(positives is None for positives in found.values()):
        return None
    first = next((manner for manner in MANNERS if found[manner]), None)
    by = {manner: positives or [] for manner, positives in found.items()}
    return Counting(first, by[first] if first else [], by["truncation"], by["either"])
