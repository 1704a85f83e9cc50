"""What is possible of a row of published results, what is not, and what is only likely not."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Literal

from nonmass.claims import area
from nonmass.claims.claim import FIGURES, NUMBERS, PRINTED, Claim
from nonmass.claims.counting import Counting, count, parts_of
from nonmass.claims.matrices import CELLS, MOST_STEPS, SHARES
from nonmass.claims.printed import Printed, Span
from nonmass.claims.wording import figure_name, figures_in_words, listed, runs

# contradiction: no data give it. doubt: data may, in an unlikely way. note: a hint. possible: some data give it.
Level = Literal["contradiction", "doubt", "note", "possible"]
Said = Iterator[tuple[Level, str]]

# Methods of intervals differ; by this share they may be narrower than the plain one before anything is said.
SLACK = 0.1
# An interval this much narrower than so many independent patients usually give.
MUCH_NARROWER = 0.85


@dataclass(frozen=True)
class Finding:
    """One line about one row, or about the rows of one label."""

    about: str
    level: Level
    text: str


def examine(claims: Sequence[Claim]) -> list[Finding]:
    """All findings, row by row, then those on rows of one label that differ."""
    found = [Finding(claim.name, level, text) for claim in claims for level, text in _about(claim)]
    return found + list(_disagreements(claims))


def _about(claim: Claim) -> list[tuple[Level, str]]:
    counting = count(claim)
    checks = (
        _sizes(claim),
        _between(claim),
        _inside(claim),
        _counted(claim, counting),
        _in_parts(claim),
        _area(claim, counting),
    )
    return list(chain.from_iterable(checks)) or [("possible", "nothing speaks against it")]


def _sizes(claim: Claim) -> Said:
    """A part is not larger than the whole."""
    n = claim.n
    for name in ("patients", "positives"):
        if n is not None and claim.numbers.get(name, 0) > n:
            yield "contradiction", f"{claim.numbers[name]} {name} are more than all {n}"


def _between(claim: Claim) -> Said:
    """Accuracy is a mean of sensitivity and specificity, weighted by the classes."""
    names = ("sensitivity", "specificity", "accuracy")
    if not set(names) <= claim.figures.keys():
        return
    sensitivity, specificity, accuracy = (_span(claim.figures[name]) for name in names)
    is_above = accuracy.lo >= max(sensitivity.hi, specificity.hi)
    if is_above or accuracy.hi <= min(sensitivity.lo, specificity.lo):
        words = figures_in_words((name, claim.figures[name]) for name in names[:2])
        said = claim.figures["accuracy"].text
        yield "contradiction", f"accuracy {said} is not between {words}, whose weighted mean it is"


def _inside(claim: Claim) -> Said:
    """An estimate lies inside its interval."""
    for name in FIGURES:
        ends = [claim.figures.get(f"{name}{end}") for end in ("_lo", "_hi")]
        lo, hi = ends
        figure = claim.figures.get(name)
        if lo and hi and _span(lo).lo > _span(hi).hi:
            yield "contradiction", f"interval of the {figure_name(name)} ends before it begins: {lo.text} to {hi.text}"
        elif figure and _outside(figure, lo, hi):
            limits = " to ".join(end.text if end else "?" for end in ends)
            yield "contradiction", f"{figure_name(name)} {figure.text} is outside its own interval {limits}"


def _outside(figure: Printed, lo: Printed | None, hi: Printed | None) -> bool:
    is_below = lo is not None and _apart(_span(figure), _span(lo)) and figure.share < lo.share
    return is_below or (hi is not None and _apart(_span(figure), _span(hi)) and figure.share > hi.share)


def _counted(claim: Claim, counting: Counting | None) -> Said:
    """Some matrix of integers must give all digits."""
    shares = figures_in_words((name, claim.figures[name]) for name in SHARES if name in claim.figures)
    given = [f"{figure_name(name)} {claim.numbers[name]}" for name in ("positives", *CELLS) if name in claim.numbers]
    words = f"{shares or 'a matrix'} of {claim.n}{' with ' if given else ''}{listed(given)}"
    if counting is None:
        if claim.n is not None and (shares or set(CELLS) & claim.numbers.keys()):
            yield "note", f"{words}: too many counts to try them all"
        return
    found = counting.answer(claim)
    if counting.manner is None:
        yield "contradiction", f"{words}: no counts give all of this, neither rounded nor cut off"
    elif counting.manner == "truncation":
        yield "doubt", f"{words}: exists by truncation only ({found}); no counts round to it"
    elif counting.manner == "either":
        yield "doubt", f"{words}: exists only if some figures are rounded and others cut off ({found})"
    elif _is_expected(claim, counting):
        yield "possible", f"{words}: {found}"
    else:
        cut = f" (cut off instead of rounded: {runs(counting.truncated)})" if counting.truncated else ""
        split = f"a proportional split has about {claim.expected_positives:.0f}"
        yield "doubt", f"{words}: only {found} give it{cut}; {split}"


def _is_expected(claim: Claim, counting: Counting) -> bool:
    expected = claim.expected_positives
    return expected is None or claim.positives is not None or round(expected) in counting.positives


def _in_parts(claim: Claim) -> Said:
    """Of an unknown number of rows, what is said of the positives, the negatives, or those called either."""
    for part in parts_of(claim) if claim.n is None else ():
        yield from ((level, text) for level, text in _counted(part, count(part)) if level != "possible")


def _area(claim: Claim, counting: Counting | None) -> Said:
    auc = claim.figures.get("auc")
    if auc is None:
        return
    point = [claim.figures.get(name) for name in ("sensitivity", "specificity")]
    if point[0] and point[1]:
        yield from _through(auc, point[0], point[1])
    n = claim.n
    if n is None:
        return
    positives = _possible_positives(claim, n, counting)
    if positives:
        yield from _ordered(auc, n, positives)
    lo, hi = claim.figures.get("auc_lo"), claim.figures.get("auc_hi")
    if lo and hi and claim.auc_by == "images" and not _outside(auc, lo, hi):
        yield from _width(claim, n, (auc, lo, hi), counting)


def _possible_positives(claim: Claim, n: int, counting: Counting | None) -> Sequence[int]:
    """In order: as stated, else those that give the shares, else all."""
    if claim.positives is not None:
        return [claim.positives]
    return counting.conceivable if counting else range(n + 1)


def _ordered(auc: Printed, n: int, positives: Sequence[int]) -> Said:
    """Every pair of a positive and a negative counts 0, 1/2 or 1."""
    of_both = positives[bisect_left(positives, 1) : bisect_left(positives, n)]
    if not of_both:
        yield "contradiction", f"AUC {auc.text} needs both classes, but {runs(positives)} of {n} are positive"
    elif not any(lo <= hi for lo, hi in (_span(auc).hits_of(2 * p * (n - p)) for p in of_both[:MOST_STEPS])):
        if len(of_both) > MOST_STEPS:
            yield "note", f"AUC {auc.text} of {n}: too many counts to try them all"
        else:
            yield "contradiction", f"no order of {runs(of_both)} positives among {n} gives AUC {auc.text}"


def _through(auc: Printed, sensitivity: Printed, specificity: Printed) -> Said:
    """A curve never falls, so one point of it bounds the area."""
    low = area.limits_at_a_point(float(_span(sensitivity).lo), float(_span(specificity).lo))[0]
    high = area.limits_at_a_point(min(1, float(_span(sensitivity).hi)), min(1, float(_span(specificity).hi)))[1]
    if _span(auc).hi < Fraction(low) or _span(auc).lo > Fraction(high):
        yield (
            "contradiction",
            f"AUC {auc.text}: a curve through sensitivity {sensitivity.text} and specificity {specificity.text} "
            f"has {low:.3f} to {high:.3f}",
        )


def _width(claim: Claim, n: int, printed: tuple[Printed, Printed, Printed], counting: Counting | None) -> Said:
    """Narrower than any scores can give, or than independent patients usually give."""
    patients = claim.numbers.get("patients", n)
    auc, lo, hi = (float(figure.share) for figure in printed)
    widest = float(_span(printed[1]).lo), min(1.0, float(_span(printed[2]).hi))
    limits = f"interval {printed[1].text} to {printed[2].text}"
    positives = _possible_positives(claim, n, counting) or range(n + 1)
    largest = area.implied_standard_error(auc, *widest, claim.level)
    if largest < (1 - SLACK) * area.smallest_standard_error(auc, n, positives):
        yield (
            "contradiction",
            f"{limits} of AUC {printed[0].text} is narrower than any scores of {n} independent rows give",
        )
        return
    share = _share_of_positives(claim, n, counting)
    usual = {rows: _usual(auc, rows, share) for rows in (n, patients)}
    if patients < n and largest < MUCH_NARROWER * usual[patients]:
        would = area.interval(auc, usual[patients], claim.level)
        implied = area.implied_standard_error(auc, lo, hi, claim.level)
        yield (
            "note",
            f"{limits} (standard error {implied:.4f}) is what {n} independent images give (Hanley & McNeil: "
            f"{usual[n]:.4f}, {100 * share:.0f} % positive); {patients} independent patients would give about "
            f"{would[0]:.3f} to {would[1]:.3f}: were images counted as independent?",
        )


def _usual(auc: float, rows: int, share: float) -> float:
    positives = min(max(1, round(share * rows)), max(1, rows - 1))
    return area.usual_standard_error(auc, positives, max(1, rows - positives))


def _share_of_positives(claim: Claim, n: int, counting: Counting | None) -> float:
    """Stated, else expected, else the middle of those that round to all digits; else half, which nearly is shortest."""
    if claim.positives is not None:
        return claim.positives / n
    if claim.expected_positives is not None:
        return claim.expected_positives / n
    rounded = counting.positives if counting and counting.manner == "rounding" else []
    return rounded[len(rounded) // 2] / n if rounded else 0.5


def _disagreements(claims: Sequence[Claim]) -> Iterator[Finding]:
    """Rows of one label that print different values of one figure."""
    for label in dict.fromkeys(claim.label for claim in claims):
        rows = [claim for claim in claims if claim.label == label]
        for name in PRINTED:
            said = [(row, row.figures[name]) for row in rows if name in row.figures]
            if any(_apart(_span(one), _span(other)) for _, one in said for _, other in said):
                yield _difference(label, figure_name(name), [(row, figure.text) for row, figure in said])
        for name in NUMBERS:
            counts = [(row, str(row.numbers[name])) for row in rows if name in row.numbers]
            if len({text for _, text in counts}) > 1:
                yield _difference(label, figure_name(name), counts)


def _difference(label: str, name: str, said: list[tuple[Claim, str]]) -> Finding:
    by_value: dict[str, list[str]] = {}
    for row, text in said:
        by_value.setdefault(text, []).append(row.source)
    places = [f"{text} ({listed(list(filter(None, w)))})" if any(w) else text for text, w in by_value.items()]
    return Finding(label, "contradiction", f"{name} is printed as {listed(places)}")


def _span(figure: Printed) -> Span:
    """Generous: rounded or cut off, so that what lies outside is impossible."""
    return figure.span("either")


def _apart(one: Span, other: Span) -> bool:
    return one.hi <= other.lo or other.hi <= one.lo
