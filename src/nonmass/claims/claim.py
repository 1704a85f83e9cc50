"""One row of published results: what is said of one classifier on one set of rows, as it is printed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nonmass.claims.matrices import CELLS, SHARES
from nonmass.claims.printed import Printed

FIGURES = (*SHARES, "auc")
PRINTED = tuple(f"{name}{end}" for name in FIGURES for end in ("", "_lo", "_hi"))
NUMBERS = ("n", "patients", "positives", *CELLS)
AucBy = Literal["images", "patients"]


@dataclass(frozen=True)
class Claim:
    """A row.

    Attributes:
        label: What the figures are about; rows of one label must agree.
        figures: Some of `FIGURES`, each also with `_lo` or `_hi`.
        numbers: Some of `NUMBERS`; `n` counts rows (images), `patients` whom they show.
        source: Where it is printed.
        expected_positives: What the share of positives in the source of these rows suggests, as written.
        auc_by: Whether the interval of the AUC counts images as independent, or patients.
        level: Confidence level of the intervals, 0 to 1.
    """

    label: str
    figures: Mapping[str, Printed]
    numbers: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    expected_positives: float | None = None
    auc_by: AucBy = "images"
    level: float = 0.95

    @property
    def name(self) -> str:
        """For a heading."""
        return f"{self.label} ({self.source})" if self.source else self.label

    @property
    def positives(self) -> int | None:
        """As stated, else by the cells."""
        return self.numbers.get("positives", self.both("tp", "fn"))

    @property
    def n(self) -> int | None:
        """As stated, else by the cells, or by the positives and the cells of the negatives."""
        positives, negatives = self.positives, self.both("tn", "fp")
        derived = None if positives is None or negatives is None else positives + negatives
        return self.numbers.get("n", derived)

    def both(self, one: str, other: str) -> int | None:
        """Sum of two cells, None unless both are stated."""
        return self.numbers[one] + self.numbers[other] if {one, other} <= self.numbers.keys() else None
