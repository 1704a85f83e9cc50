"""Fig. 1 as a picture: a trunk with a box beside it for whatever leaves, then classes, then tasks."""

from collections.abc import Iterator, Sequence
from functools import cache

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from nonmass.report import cautions
from nonmass.report.figures import FONT, INK, MUTED, SERIES, STYLE, SURFACE, Plot
from nonmass.report.flow import Cell, Chart, flow_chart
from nonmass.report.records import Sources

# Inches, but for the sizes of letters (points). Places are measured from the left and, negative, from the top.
WIDTH, MARGIN = 7.4, 0.04
LINE, PAD, DESCENT = 0.152, 0.065, 0.025
GAP, NARROW_GAP = 0.24, 0.085
TRUNK, TRUNK_WIDTH = 1.5, 2.9
SIDE_LEFT, SIDE_WIDTH = 3.2, 4.16
STALK = 0.4  # from a task's left edge to its arrow, if a box stands beside that
TITLE_SIZE, SIZE, SMALL = 9.0, 8.5, 8.0
SLACK = 1.03  # letters on a screen are up to so much wider than their outlines

Point = tuple[float, float]


def draw_flow(chart: Chart) -> Figure:
    """The chart, as high as it needs to be."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure()
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH))
        axes.set_axis_off()
        y = _draw_trunk(axes, chart, _draw_origins(axes, chart, -MARGIN))
        y = _draw_branches(axes, chart, _draw_classes(axes, chart, y)) - MARGIN
        axes.set_ylim(y, 0)
        figure.set_size_inches(WIDTH, -y)
        return figure


def _draw_origins(axes: Axes, chart: Chart, y: float) -> float:
    """What no cohort counts, as it is faulty; cohorts, and what leads from them to the head of the trunk."""
    if not chart.origins:
        return y
    if chart.faults:
        y = _draw_exit(axes, chart.faults, ("rows and files", "of the sources"), y + NARROW_GAP)  # box at the margin
        _draw_bus(axes, [TRUNK], _centres(len(chart.origins)), (y, y - GAP / 2, y - GAP))
        y -= GAP
    y = _draw_row(axes, chart.origins, y)
    _draw_bus(axes, _centres(len(chart.origins)), [TRUNK], (y, y - GAP / 2, y - GAP / 2))
    return _draw_arrow(axes, y - GAP / 2, GAP / 2)


def _draw_trunk(axes: Axes, chart: Chart, y: float) -> float:
    """From the head down to what is included."""
    y = _draw_box(axes, chart.head, (TRUNK - TRUNK_WIDTH / 2, y), TRUNK_WIDTH)
    for exit_ in chart.exits:
        y = _draw_exit(axes, exit_.cell, exit_.left, y)
    if chart.idle:
        lines = _wrapped(chart.idle, SIDE_WIDTH, SMALL, "normal")
        _draw_note(axes, lines, (SIDE_LEFT, y - NARROW_GAP), "left")
        y = _draw_line(axes, (TRUNK, y), (TRUNK, y - NARROW_GAP - len(lines) * LINE))
    y = _draw_arrow(axes, y, GAP)
    return _draw_box(axes, chart.included, (TRUNK - TRUNK_WIDTH / 2, y), TRUNK_WIDTH)


def _draw_exit(axes: Axes, cell: Cell, left: Sequence[str], y: float) -> float:
    """A piece of the trunk and an arrow to the box beside it; what stays is written on the other side."""
    top = y - NARROW_GAP
    middle = top - _height(cell, SIDE_WIDTH) / 2
    foot = _draw_box(axes, cell, (SIDE_LEFT, top), SIDE_WIDTH, align="left")
    _draw_note(axes, left, (TRUNK - 0.1, middle - PAD / 2), "right")
    _draw_line(axes, (TRUNK, middle), (SIDE_LEFT, middle), is_arrow=True)
    return _draw_line(axes, (TRUNK, y), (TRUNK, foot))


def _draw_classes(axes: Axes, chart: Chart, y: float) -> float:
    if chart.refused:
        y = _draw_exit(axes, chart.refused, (), y)
    _draw_bus(axes, [TRUNK], _centres(len(chart.classes)), (y, y - GAP / 2, y - GAP))
    return _draw_row(axes, chart.classes, y - GAP)


def _draw_branches(axes: Axes, chart: Chart, y: float) -> float:
    """A column a task: lines from its classes, what is in no part beside the arrow, then the parts."""
    if not chart.branches:
        return y
    n = len(chart.branches)
    width = _column(n)
    side = width - STALK - 0.3
    buses = y - GAP * (n + 1) / 2
    exits = [_height(branch.left_out, side) for branch in chart.branches if branch.left_out]
    top = buses - (max(exits) + GAP if exits else 0)
    height = max(_height(branch.cell, width) for branch in chart.branches)
    for number, (branch, centre) in enumerate(zip(chart.branches, _centres(n), strict=True)):
        colour = SERIES[number % len(SERIES)]
        starts = [_centres(len(chart.classes))[p] + 0.12 * (number - (n - 1) / 2) for p in branch.classes]
        stem = centre - width / 2 + STALK if exits else centre
        level = y + (buses - y) * (number + 1) / (n + 1)
        _draw_bus(axes, starts, [stem], (y, level, top), colour)
        if branch.left_out:
            left, middle = centre + width / 2 - side, buses - _height(branch.left_out, side) / 2
            _draw_box(axes, branch.left_out, (left, buses), side, align="left")
            _draw_line(axes, (stem, middle), (left, middle), is_arrow=True, colour=colour)
        _draw_box(axes, branch.cell, (centre - width / 2, top), width, height)
    return top - height


def _centres(n: int) -> list[float]:
    return [WIDTH * (2 * number + 1) / (2 * n) for number in range(n)]


def _column(n: int) -> float:
    return min(WIDTH / n - 0.14, 3.6)


def _draw_row(axes: Axes, cells: Sequence[Cell], y: float) -> float:
    """Boxes of one height side by side; gives their bottom, as all that draw a box do."""
    width = _column(len(cells))
    height = max((_height(cell, width) for cell in cells), default=0.0)
    for cell, centre in zip(cells, _centres(len(cells)), strict=True):
        _draw_box(axes, cell, (centre - width / 2, y), width, height)
    return y - height


def _draw_box(axes: Axes, cell: Cell, corner: Point, width: float, height: float = 0, align: str = "center") -> float:
    left, top = corner
    height = height or _height(cell, width)
    frame = Rectangle((left, top - height), width, height, facecolor=SURFACE, edgecolor=MUTED, linewidth=1)
    axes.add_patch(frame)
    x = left + (width / 2 if align == "center" else PAD)
    for number, (text, size, weight) in enumerate(_text(cell, width)):
        y = top - PAD - number * LINE
        axes.text(x, y, text, ha=align, va="top", fontsize=size, fontweight=weight, color=INK)
    return top - height


def _draw_note(axes: Axes, lines: Sequence[str], corner: Point, align: str) -> None:
    for number, line in enumerate(lines):
        axes.text(corner[0], corner[1] - number * LINE, line, ha=align, va="top", fontsize=SMALL, color=MUTED)


def _draw_arrow(axes: Axes, y: float, length: float) -> float:
    return _draw_line(axes, (TRUNK, y), (TRUNK, y - length), is_arrow=True)


def _draw_line(axes: Axes, start: Point, end: Point, is_arrow: bool = False, colour: str = MUTED) -> float:
    line = {"arrowstyle": "-|>" if is_arrow else "-", "shrinkA": 0, "shrinkB": 0, "color": colour, "linewidth": 1.1}
    axes.annotate("", end, start, arrowprops=line)
    return end[1]


def _draw_bus(
    axes: Axes, from_x: list[float], to_x: list[float], levels: tuple[float, float, float], colour: str = MUTED
) -> None:
    """Down from each place above, across at the middle level, an arrow down to each place below."""
    top, level, bottom = levels
    for x in from_x:
        _draw_line(axes, (x, top), (x, level), colour=colour)
    ends = [*from_x, *to_x]
    _draw_line(axes, (min(ends), level), (max(ends), level), colour=colour)
    for x in to_x if bottom < level else []:
        _draw_line(axes, (x, level), (x, bottom), is_arrow=True, colour=colour)


def _height(cell: Cell, width: float) -> float:
    return len(_text(cell, width)) * LINE + 2 * PAD - DESCENT


def _text(cell: Cell, width: float) -> list[tuple[str, float, str]]:
    """(words, size, weight) line by line."""
    room = width - 2 * PAD
    title = [(line, TITLE_SIZE, "bold") for line in _wrapped(cell.title, room, TITLE_SIZE, "bold")]
    return title + [(part, SIZE, "normal") for line in cell.lines for part in _wrapped(line, room, SIZE, "normal")]


def _wrapped(text: str, room: float, size: float, weight: str) -> list[str]:
    """Lines that fit; a word that is too long by itself is cut."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _length(longer, size, weight) <= room:
            lines[-1] = longer
        else:
            lines += _cut(word, room, size, weight)
    return lines


def _cut(word: str, room: float, size: float, weight: str) -> Iterator[str]:
    while _length(word, size, weight) > room and len(word) > 1:
        n = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or _length(word[:n], size, weight) <= room)
        yield word[:n]
        word = word[n:]
    yield word


@cache
def _length(text: str, size: float, weight: str) -> float:
    """Inches."""
    font = FontProperties(family=FONT, weight=weight)
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().x1) * SLACK / 72 if text.strip() else 0.0


def flow_plot(sources: Sources) -> Plot:
    """Fig. 1."""
    chart = flow_chart(sources)
    return Plot(
        "fig1_flow",
        cautions.captioned(
            "From the images read to the parts of each task. Rules apply in order; an image goes with the first that "
            "excludes it, a patient with her last image. A patient with lesions of two classes counts in both.",
            *sources.tasks,
        ),
        str(chart),
        draw_flow(chart),
        tuple(cautions.data_cautions(sources)),
    )
