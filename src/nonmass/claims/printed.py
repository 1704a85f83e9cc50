"""A figure as it is printed: which true values its digits stand for, and which counts those are."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Literal

Manner = Literal["rounding", "truncation", "either"]
MANNERS: tuple[Manner, ...] = ("rounding", "truncation", "either")

NOTHING = (1, 0)  # a range without a member
_NUMBER = re.compile(r"(\d+(?:\.(\d+))?)\s*(%?)")


@dataclass(frozen=True)
class Span:
    """The true shares that one printed figure may stand for.

    Attributes:
        lo: Smallest share.
        hi: Largest share, or the first too large if `is_open`.
        is_open: Whether `hi` itself is out.
    """

    lo: Fraction
    hi: Fraction
    is_open: bool

    @cached_property
    def _whole(self) -> tuple[int, int, int, int]:
        """Both limits as numerator and denominator: integers are ten times as fast, and millions are tried."""
        return (*self.lo.as_integer_ratio(), *self.hi.as_integer_ratio())

    def hits_of(self, total: int) -> tuple[int, int]:
        """Fewest and most hits of `total` whose share is inside; the first exceeds the second if none is."""
        if not total:
            return NOTHING
        lo, below, hi, above = self._whole
        most = -(-hi * total // above) - 1 if self.is_open else hi * total // above
        return max(0, -(-lo * total // below)), min(total, most)

    def totals_of(self, hits: int) -> tuple[int, int | None]:
        """Smallest and largest total (None: no limit) of which `hits` are a share inside."""
        lo, below, hi, above = self._whole
        if hits == 0:
            return (1, None) if lo <= 0 else NOTHING
        if hi <= 0:
            return NOTHING
        smallest = above * hits // hi + 1 if self.is_open else -(-above * hits // hi)
        return max(hits, smallest), below * hits // lo if lo > 0 else None

    def hits_beside(self, misses: int) -> tuple[int, int | None]:
        """Fewest and most hits (None: no limit) that are a share inside of themselves and `misses`."""
        lo, below, hi, above = self._whole
        if misses == 0:  # then the share is 1, of one hit or more
            return (1, None) if lo <= below and (hi > above or (hi == above and not self.is_open)) else NOTHING
        if lo >= below:
            return NOTHING
        fewest = max(0, -(-lo * misses // (below - lo)))
        if hi >= above:
            return fewest, None
        most = -(-hi * misses // (above - hi)) - 1 if self.is_open else hi * misses // (above - hi)
        return fewest, most


@dataclass(frozen=True)
class Printed:
    """A figure between 0 and 1, or 0 and 100 %.

    Attributes:
        text: As printed, with its unit.
        share: Its value as a share.
        step: One in its last digit, as a share.
    """

    text: str
    share: Fraction
    step: Fraction

    def span(self, manner: Manner) -> Span:
        """What it stands for if digits were rounded (both ways at a half), cut off, or either of the two."""
        half, step = self.step / 2, self.step
        if manner == "rounding":
            return Span(self.share - half, self.share + half, is_open=False)
        return Span(self.share if manner == "truncation" else self.share - half, self.share + step, is_open=True)


def parse(text: str, is_percent: bool) -> Printed | None:
    """Read a figure; None if it is none, or lies outside 0 to 1 (100 %).

    Args:
        text: Digits with a decimal point; a percent sign wins over `is_percent`.
        is_percent: Whether figures without a sign are per cent.
    """
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        return None
    is_percent = is_percent or bool(match[3])
    scale = 100 if is_percent else 1
    share = Fraction(match[1]) / scale
    step = Fraction(1, scale * 10 ** len(match[2] or ""))
    return Printed(f"{match[1]} %" if is_percent else match[1], share, step) if share <= 1 else None
