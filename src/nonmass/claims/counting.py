"""Which counts of a row give what it prints, and in which manner its digits must have been made."""

from dataclasses import dataclass

from nonmass.claims.claim import Claim
from nonmass.claims.matrices import CELLS, SHARES, Counts, feasible_positives
from nonmass.claims.printed import MANNERS, Manner
from nonmass.claims.wording import runs


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
            lo, hi = claim.figures["accuracy"].span(self.manner).hits_of(claim.numbers["n"])
            return f"{runs(range(lo, hi + 1))} right"
        return f"{runs(self.positives)} positives"


def count(claim: Claim) -> Counting | None:
    """Try all matrices; None if nothing binds them, or there are too many to try."""
    shares = {name: claim.figures[name] for name in SHARES if name in claim.figures}
    if "n" not in claim.numbers or not shares:
        return None
    cells = {name: claim.numbers[name] for name in CELLS if name in claim.numbers}
    counts = Counts(claim.numbers["n"], shares, cells, claim.numbers.get("positives"))
    found = {manner: feasible_positives(counts, manner) for manner in MANNERS}
    if any(positives is None for positives in found.values()):
        return None
    first = next((manner for manner in MANNERS if found[manner]), None)
    by = {manner: positives or [] for manner, positives in found.items()}
    return Counting(first, by[first] if first else [], by["truncation"], by["either"])
