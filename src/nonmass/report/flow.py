"""Fig. 1: how images and patients came into the study, drawn as boxes and arrows."""

from dataclasses import dataclass
from typing import Any

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nonmass.report.figures import MUTED, SERIES, STYLE, SURFACE
from nonmass.report.records import Amount, Counts, Flow, TaskSources
from nonmass.report.wording import amount, class_name, group_name, part_name, task_name
from nonmass.tables import FINDINGS, PARTS, PATHOLOGIES

WIDTH_IN = 7.4
LINE_IN, PAD_IN, GAP_IN = 0.165, 0.09, 0.34
ROOMY = 5  # more boxes than this in a row are too narrow for "non-mass lesion" on one line


@dataclass(frozen=True)
class Cell:
    """A box of the chart: a title and lines below it; nothing follows from one that is an end."""

    title: str
    lines: tuple[str, ...]
    is_end: bool = False

    @property
    def height_in(self) -> float:
        """Height that holds the text, inches."""
        return (1 + self.title.count("\n") + len(self.lines)) * LINE_IN + 2 * PAD_IN


@dataclass(frozen=True)
class Bus:
    """Lines that lead from boxes of one row to boxes of the next; places in inches from the left."""

    from_x: list[float]
    to_x: list[float]
    colour: str


def patient_flow(flow: dict[str, Flow], tasks: list[TaskSources], manifest: pd.DataFrame) -> Figure:
    """The chart, from what was read to the parts of every task.

    Args:
        flow: Cohort -> counts, with the sum under "all".
        tasks: Their certificates hold the counts of the parts.
        manifest: tables.MANIFEST, which says of what class a task's images are.
    """
    rows = flow_rows(flow, tasks)
    feeding = [_all_to_all(rows[0], rows[1]), _all_to_all(rows[1], rows[2]), _classes_of_tasks(flow, tasks, manifest)]
    heights = [max(cell.height_in for cell in row) for row in rows]
    gaps = [GAP_IN, GAP_IN, GAP_IN * (len(tasks) + 1) / 2]
    total = sum(heights) + sum(gaps) + 0.1
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH_IN, total))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH_IN), ylim=(0, total))
        axes.set_axis_off()
        top = total - 0.05
        for row, height, gap, buses in zip(rows, heights, [*gaps, 0.0], [*feeding, []], strict=True):
            _draw_row(axes, row, top, height)
            for number, bus in enumerate(buses):
                _draw_bus(axes, bus, top - height, gap, (number + 1) / (len(buses) + 1))
            top -= height + gap
        return figure


def flow_rows(flow: dict[str, Flow], tasks: list[TaskSources]) -> list[list[Cell]]:
    """The boxes, row by row: read, included and excluded, classes, tasks with their parts."""
    total = flow["all"]
    cohorts = {name: counts for name, counts in flow.items() if name != "all"}
    read = [Cell(f"Read: {name}", (amount(_read(counts), "image"),)) for name, counts in sorted(cohorts.items())]
    reasons = tuple(
        f"{reason.replace('_', ' ')}: {amount(n, 'image')}" for reason, n in sorted(total.excluded_images.items())
    )
    excluded = Cell(f"Excluded: {amount(_read(total) - total.images, 'image')}", reasons, is_end=True)
    pairs = _class_pairs(total)
    classes = [_class_cell(total, *pair, is_narrow=len(pairs) > ROOMY) for pair in pairs]
    return [read, [Cell("Included", (_amount(total),)), excluded], classes, [_task_cell(task) for task in tasks]]


def _read(counts: Flow) -> int:
    return counts.images + sum(counts.excluded_images.values())


def _class_pairs(total: Flow) -> list[tuple[str, str]]:
    pairs = [(finding, pathology) for finding in FINDINGS for pathology in ("", *PATHOLOGIES)]
    return [pair for pair in pairs if getattr(total, "_".join(filter(None, pair)), None)]


def _class_cell(total: Flow, finding: str, pathology: str, is_narrow: bool) -> Cell:
    counts: Amount = getattr(total, "_".join(filter(None, (finding, pathology))))
    title = "\n".join(group_name(finding, pathology).split(" ", -1 if is_narrow else 1)).capitalize()
    return Cell(title, (amount(counts.images, "image"), amount(counts.patients, "patient")))


def _task_cell(task: TaskSources) -> Cell:
    title = (
        f"{task_name(task.name)}: {class_name(task.definition.positive)}\n"
        f"against {class_name(task.definition.negative)}"
    )
    parts = task.certificate.parts
    return Cell(title, tuple(f"{part_name(part)}: {_amount(parts[part])}" for part in PARTS if part in parts))


def _amount(counts: Flow | Counts) -> str:
    return f"{amount(counts.images, 'image')}, {amount(counts.patients, 'patient')}"


def _all_to_all(above: list[Cell], below: list[Cell]) -> list[Bus]:
    from_x = [x for cell, x in zip(above, _centres(len(above)), strict=True) if not cell.is_end]
    return [Bus(from_x, _centres(len(below)), MUTED)]


def _classes_of_tasks(flow: dict[str, Flow], tasks: list[TaskSources], manifest: pd.DataFrame) -> list[Bus]:
    """One bus a task, from the classes that its images are of."""
    pairs = _class_pairs(flow["all"])
    buses = []
    for number, (task, to_x) in enumerate(zip(tasks, _centres(len(tasks)), strict=True)):
        images = manifest[manifest["image_id"].isin(task.split["image_id"])]
        used = set(zip(images["finding"], images["pathology"], strict=True))
        shift = 0.12 * (number - (len(tasks) - 1) / 2)
        from_x = [x + shift for pair, x in zip(pairs, _centres(len(pairs)), strict=True) if pair in used]
        buses.append(Bus(from_x, [to_x], SERIES[number % len(SERIES)]))
    return buses


def _centres(n: int) -> list[float]:
    return [WIDTH_IN * (2 * number + 1) / (2 * n) for number in range(n)]


def _draw_row(axes: Axes, row: list[Cell], top: float, height: float) -> None:
    width = min(WIDTH_IN / len(row) - 0.14, 3.6)
    for cell, centre in zip(row, _centres(len(row)), strict=True):
        corner = (centre - width / 2, top - height)
        axes.add_patch(Rectangle(corner, width, height, facecolor=SURFACE, edgecolor=MUTED, linewidth=1))
        titles = cell.title.split("\n")
        for number, text in enumerate([*titles, *cell.lines]):
            weight, size = ("bold", 9.0) if number < len(titles) else ("normal", 8.5)
            y = top - PAD_IN - number * LINE_IN
            axes.text(centre, y, text, ha="center", va="top", fontsize=size, fontweight=weight)


def _draw_bus(axes: Axes, bus: Bus, bottom: float, gap: float, depth: float) -> None:
    """Down from each box above, across at a depth of the gap (0 to 1), an arrow to each box below."""
    y = bottom - gap * depth
    line: dict[str, Any] = {"color": bus.colour, "linewidth": 1.1}
    for x in bus.from_x:
        axes.plot([x, x], [bottom, y], **line)
    ends = [*bus.from_x, *bus.to_x]
    axes.plot([min(ends), max(ends)], [y, y], **line)
    for x in bus.to_x:
        arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **line}
        axes.annotate("", (x, bottom - gap), (x, y), arrowprops=arrow)
