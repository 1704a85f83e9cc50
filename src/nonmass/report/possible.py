"""Is what the report prints possible? Its Table 3, digit by digit, under the checks for anybody's published table."""

import re
from collections.abc import Iterator

from nonmass.claims.claim import Claim
from nonmass.claims.findings import examine
from nonmass.claims.matrices import CELLS, SHARES
from nonmass.claims.printed import Printed, parse
from nonmass.report.records import Estimate, Performance, TaskSources
from nonmass.report.wording import PARTS_SHOWN, RULE_WORDS, estimate, part_name, percent

# `0.912 (0.853-0.951)`, as `wording.estimate` writes it; without what is undefined.
_CELL = re.compile(r"([\d.]+)(?: \(([\d.]+)(?:\u2013| to )([\d.]+)\))?")


def faults(task: TaskSources, level: float) -> list[str]:
    """What of a task's Table 3 contradicts itself, or is odd; empty if all is well.

    Args:
        task: Whose table.
        level: Confidence level of its intervals, 0 to 1.
    """
    found = examine(list(table3(task, level)))
    return [f"{one.about}: {one.text}" for one in found if one.level in ("contradiction", "doubt")]


def table3(task: TaskSources, level: float) -> Iterator[Claim]:
    """Its rows as they are printed."""
    for part in PARTS_SHOWN:
        for backbone, parts in task.performance.items():
            for rule, point in parts[part].rules.items() if part in parts else ():
                label = f"{part_name(part)}, {backbone}, {RULE_WORDS.get(rule, rule)}"
                is_by_image = rule == "as_published" and part != "val"  # as the page prints the AUC
                yield _row(label, parts[part], is_by_image, point, level)


def _row(label: str, numbers: Performance, is_by_image: bool, point: dict[str, Estimate], level: float) -> Claim:
    figures = _printed("auc", estimate(numbers.auc_image if is_by_image else numbers.auc), is_percent=False)
    for name in SHARES:
        figures |= _printed(name, percent(point.get(name)), is_percent=True)
    cells = {name: point[name].est for name in CELLS if name in point}
    counts = {"n": numbers.n["images"], "positives": numbers.n["positive_images"]}
    counts |= {name: round(value) for name, value in cells.items() if value is not None}
    return Claim(label, figures, counts, auc_by="images" if is_by_image else "patients", level=level)


def _printed(name: str, cell: str, is_percent: bool) -> dict[str, Printed]:
    match = _CELL.match(cell)
    texts = zip((name, f"{name}_lo", f"{name}_hi"), match.groups() if match else (), strict=False)
    parsed = {column: parse(text, is_percent) for column, text in texts if text}
    return {column: figure for column, figure in parsed.items() if figure is not None}
