"""How well the networks do on some of the patients: rows of a table, and a forest of intervals."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import matplotlib.style
from matplotlib.figure import Figure

from nonmass.report import cautions
from nonmass.report.cited import count_of_row, of_row
from nonmass.report.figures import LEGEND_IN, LINE, MARKERS, MUTED, SERIES, STYLE, Plot
from nonmass.report.records import Estimate, TaskSources, numbers_of
from nonmass.report.wording import PARTS_JUDGED, column_name, part_name, sentence, task_name
from nonmass.tables import SUBGROUPS

ROW_IN = 0.235  # height of a row of the figure
UNKNOWN = "unknown"  # level of images of which it is not known
NAMES = {"caliper": "calipers (by the detector)"}  # of characteristics whose column says too little


@dataclass(frozen=True)
class Row:
    """One group of a part.

    Attributes:
        characteristic: What it is a group of, in words.
        level: Its value; "" where the part has none.
        counts: `images`, `positive_patients`, `negative_patients`.
        areas: Backbone -> area under the curve; its note says why there is none.
    """

    characteristic: str
    level: str
    counts: Mapping[str, int]
    areas: dict[str, Estimate]

    @property
    def is_shown(self) -> bool:
        """Whether any network has a number."""
        return any(area.est is not None for area in self.areas.values())


def rows_of(task: TaskSources, part: str) -> list[Row]:
    """All groups of a part; numbers in their order, words by the alphabet, what is unknown last."""
    file = task.places.subgroups / f"{task.name}.csv"
    found: dict[tuple[str, str], Row] = {}
    for row in task.subgroups[task.subgroups["part"] == part].to_dict("records"):
        counts = {
            name: count_of_row(row, name, file, SUBGROUPS.key)
            for name in ("images", "positive_patients", "negative_patients")
        }
        characteristic = NAMES.get(row["characteristic"], column_name(row["characteristic"]))
        key = (characteristic, row["level"])
        group = found.setdefault(key, Row(*key, counts, {}))
        est, lo, hi = of_row(row, ("auc", "lo", "hi"), file, SUBGROUPS.key)
        group.areas[row["backbone"]] = Estimate(est, lo, hi, row["note"])
    return sorted(found.values(), key=_place)


def _place(row: Row) -> tuple[str, bool, float, str]:
    return row.characteristic, row.level == UNKNOWN, _leading_number(row.level), row.level


def _leading_number(level: str) -> float:
    found = re.match(r"\d+(\.\d+)?", level)
    return float(found.group()) if found else 0.0


def parts_of(task: TaskSources) -> list[str]:
    """The parts that have groups, in the order of the page."""
    return [part for part in PARTS_JUDGED if (task.subgroups["part"] == part).any()]


def forest(task: TaskSources, part: str, shout: str = "") -> Figure:
    """Areas with intervals of the groups that have a number, those of the whole part above them.

    Args:
        task: What it left behind.
        part: One of `parts_of`.
        shout: Stands above, as the picture may leave the page; or "".
    """
    whole = {name: parts[part].auc for name, parts in task.performance.items() if part in parts}
    shown = [row for row in rows_of(task, part) if row.is_shown]
    lines = [("all", whole), *((f"{sentence(row.characteristic)}: {row.level}", row.areas) for row in shown)]
    with matplotlib.style.context(["default", STYLE]):
        height = 0.75 + 1.5 * ROW_IN * (len(lines) + 1) + LEGEND_IN * len(whole)
        figure = Figure(figsize=(5.6, height), layout="constrained")
        axes = figure.add_subplot(xlim=(0, 1.02), ylim=(len(lines) - 0.4, -0.6), xlabel="AUC (0.5: chance)")
        axes.set_title(shout, fontweight="bold")
        axes.grid(axis="y", visible=False)
        axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        axes.axhline(0.5, color=LINE, linewidth=1)
        for number, name in enumerate(whole):
            shift = 0.3 * (number - (len(whole) - 1) / 2)
            known = [(place + shift, areas[name]) for place, (_, areas) in enumerate(lines) if name in areas]
            points = [(place, area.est) for place, area in known if area.est is not None]
            colour = SERIES[number % len(SERIES)]
            for place, area in known:
                if area.lo is not None and area.hi is not None:
                    axes.plot([area.lo, area.hi], [place] * 2, color=colour, linewidth=1.4)
            marker = MARKERS[number % len(MARKERS)]
            axes.plot([x for _, x in points], [y for y, _ in points], marker, color=colour, markersize=5, label=name)
        axes.set_yticks(range(len(lines)), [name for name, _ in lines])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside lower left", ncols=1, handlelength=1.6)
        return figure


def subgroup_plots(task: TaskSources) -> Iterator[Plot]:
    """A forest of subgroups a part that judges, if any of them has a number."""
    for part in parts_of(task):
        shown = [row for row in rows_of(task, part) if row.is_shown]
        if shown and numbers_of(task, part):
            caption = f"{task_name(task.name)}, {part_name(part).lower()}: subgroups with enough patients."
            yield Plot(
                f"subgroups_{task.name}_{part}",
                cautions.captioned(caption, task),
                f"Areas under the curve with intervals, as in the table below. {caption}",
                forest(task, part, cautions.shout(task)),
            )
