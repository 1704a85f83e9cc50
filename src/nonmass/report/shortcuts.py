"""The shortcut audit as a table, a figure and sentences: what tells the classes apart without the lesion."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nonmass.chance import CHANCE, NOT_BETTER, WORSE, against_chance
from nonmass.report import cautions
from nonmass.report.cited import count_of_row, joined, of_row, say
from nonmass.report.explanations import drops, is_above_zero
from nonmass.report.figures import LEGEND_IN, LINE, MUTED, SERIES, STYLE, SURFACE, Plot
from nonmass.report.records import Estimate, Performance, TaskSources, numbers_of
from nonmass.report.wording import amount, estimate, part_name, sentence, task_name
from nonmass.shortcut_table import AUDITED, BESIDE_THE_LESION, GROUPS, SHORTCUTS

ROW_IN = 0.235  # height of a row of the figure
NAMES = {"fov": "finder", "all": "all together"}  # of groups whose key says too little
LIES = {NOT_BETTER: "holds", WORSE: "lies below"}  # where chance is, seen from an interval
PART_WORDS = {"develop": "cross-validated", "external": "on external images"}
NETWORK_PARTS = {"develop": "test", "external": "external"}  # what of a network stands beside


@dataclass(frozen=True)
class Row:
    """One group of features.

    Attributes:
        words: What is in it.
        areas: Part -> area under the curve, of those that were audited.
        best: The feature of the group with the largest area by itself, and that area; "" and None if it has only one.
        is_beside: Whether the lesion is hardly in it.
    """

    group: str
    words: str
    areas: dict[str, Estimate]
    best: str
    best_area: Estimate | None
    is_beside: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return NAMES.get(self.group, self.group)

    @property
    def is_shortcut(self) -> bool:
        """Whether it tells classes apart by more than its interval allows for chance."""
        return self.is_beside and tells_apart(self.areas.get("develop"))


def tells_apart(area: Estimate | None) -> bool:
    """Whether the interval lies above 0.5; a perfect area has none, and tells apart all the same."""
    return area is not None and (area.est == 1 if area.lo is None else area.lo > CHANCE)


def audit_rows(task: TaskSources) -> list[Row]:
    """The groups in their order."""
    file = task.places.shortcuts / f"{task.name}.csv"
    found = {(row["part"], row["group"], row["feature"]): _area(row, file) for row in task.shortcuts.to_dict("records")}
    rows = []
    for group, words in GROUPS.items():
        areas = {part: found[(part, group, "")] for part in AUDITED if (part, group, "") in found}
        single = {name: area for (part, of, name), area in found.items() if (part, of) == ("develop", group) and name}
        best = max(single, key=lambda name: (single[name].est or 0.0, name), default="")
        rows.append(Row(group, words, areas, best, single.get(best), group in BESIDE_THE_LESION))
    return rows


def _area(row: dict[Any, Any], file: Path) -> Estimate:
    est, lo, hi = of_row(row, ("auc", "lo", "hi"), file, SHORTCUTS.key)
    return Estimate(est, lo, hi, row["note"])


def networks(task: TaskSources, part: str) -> dict[str, Estimate]:
    """Backbone -> area of the part that stands beside an audited one."""
    beside = NETWORK_PARTS[part]
    return {name: parts[beside].auc for name, parts in task.performance.items() if beside in parts}


def counts(task: TaskSources) -> str:
    """How many images and patients each part of the audit has."""
    file = task.places.shortcuts / f"{task.name}.csv"
    rows = {row["part"]: row for row in task.shortcuts.to_dict("records")}
    words = []
    for part in AUDITED:
        if part in rows:
            images, patients = (count_of_row(rows[part], name, file, SHORTCUTS.key) for name in ("images", "patients"))
            words.append(say(f"{{}} of {{}} {PART_WORDS[part]}", amount(images, "image"), amount(patients, "patient")))
    return say("{}; patients whom duplicates link count as one.", joined(", ", words))


def parts_of(task: TaskSources) -> list[str]:
    """The audited parts in which any group has an area."""
    rows = audit_rows(task)
    return [part for part in AUDITED if any(row.areas.get(part, Estimate()).est is not None for row in rows)]


def strongest(task: TaskSources, part: str) -> Row:
    """The group with the largest area on a part, whether the lesion is in sight or not; of equal ones the first."""
    return max(audit_rows(task), key=lambda row: row.areas.get(part, Estimate()).est or 0.0)


def together(task: TaskSources) -> Row:
    """All groups beside the lesion as one."""
    return next(row for row in audit_rows(task) if row.group == "all")


def findings(task: TaskSources) -> list[str]:
    """What the audit found, in sentences."""
    rows = audit_rows(task)
    marked = [row for row in rows if row.is_shortcut and row.group != "all"]
    every = together(task)
    names = joined("; ", (say(f"{row.name} {{}}", estimate(row.areas["develop"])) for row in marked))
    nothing = "No group by itself tells the classes apart beyond chance."
    if not any(row.areas.get("develop") for row in rows):
        nothing = "Nothing could be measured: there are too few patients of a class."
    lines = [
        say("Shortcuts that exist: {}.", names) if marked else nothing,
        say("All groups beside the lesion together: AUC {}.", estimate(every.areas.get("develop"))),
    ]
    return [*lines, *(line for part in every.areas for line in not_above(task, part))]


def not_above(task: TaskSources, part: str) -> list[str]:
    """Networks that the shortcuts alone may match on an audited part, a sentence each."""
    area = together(task).areas.get(part)
    words = (
        f"{{}}, {part_name(NETWORK_PARTS[part]).lower()}: AUC {{}} is not clearly above what shortcuts alone reach, "
        "{}: it has not shown that it sees lesions."
    )
    return [
        say(words, name, estimate(network), estimate(area))
        for name, network in networks(task, part).items()
        if may_match(network, area)
    ]


def may_match(network: Estimate, area: Estimate | None) -> bool:
    """Whether an area of shortcuts that tell apart reaches into the interval of a network's."""
    if area is None or not tells_apart(area):
        return False
    # At exactly 1 there is no interval; then the estimate itself is compared.
    least = network.est if network.lo is None else network.lo
    most = area.est if area.hi is None else area.hi
    return least is not None and most is not None and least <= most


def verdicts(task: TaskSources, part: str) -> list[str]:
    """What stands below the areas of a part in the answer: chance, the audit, and the lesion taken out.

    Args:
        task: What it left behind.
        part: One that judges, as the networks have it.
    """
    audited = [name for name in together(task).areas if NETWORK_PARTS[name] == part]
    return [
        *by_chance(numbers_of(task, part)),
        *(line for name in audited for line in not_above(task, name)),
        *(line for name in audited for line in reconciled(task, name)),
    ]


def by_chance(numbers: dict[str, Performance]) -> list[str]:
    """Networks that have not been shown to be better than chance, a sentence each; `numbers` is of one part."""
    told = {backbone: against_chance(values.auc.lo, values.auc.hi) for backbone, values in numbers.items()}
    return [
        say(
            f"{backbone}: AUC {{}}, {words}: the interval {LIES[words]} chance, {CHANCE}.",
            estimate(numbers[backbone].auc),
        )
        for backbone, words in told.items()
        if words
    ]


def reconciled(task: TaskSources, part: str) -> list[str]:
    """How both can hold: shortcuts may match a network on an audited part, and yet its calls lose with the lesion."""
    explained = task.explained.backbone if task.explained else ""
    network, area = networks(task, part).get(explained), together(task).areas.get(part)
    lost = drops(task, "lesion").get(NETWORK_PARTS[part])
    if network is None or lost is None or not is_above_zero(lost) or not may_match(network, area):
        return []
    words = (
        f"{explained}, {part_name(NETWORK_PARTS[part]).lower()}: without the lesion its scores do fall, by {{}} more "
        "than without as much elsewhere. Both hold: it looks at the lesion, but that it gains more from it than "
        "shortcuts give is not shown."
    )
    return [say(words, estimate(lost))]


def forest(task: TaskSources, shout: str = "") -> Figure:
    """Areas with intervals, a row a group, the networks above them.

    Args:
        task: What it left behind.
        shout: Stands above, as the picture may leave the page; or "".
    """
    rows = audit_rows(task)
    split = sum(row.is_beside for row in rows)
    with matplotlib.style.context(["default", STYLE]):
        names = list(task.performance)
        n = len(names) + len(rows)
        figure = Figure(figsize=(5.6, 0.75 + ROW_IN * (n + 1) + 3 * LEGEND_IN), layout="constrained")
        axes = figure.add_subplot(xlim=(0, 1.02), ylim=(n + 0.1, -1), xlabel="AUC (0.5: chance)")
        axes.set_title(shout, fontweight="bold")
        axes.grid(axis="y", visible=False)
        axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        for line in (len(names) - 0.5, len(names) + split - 0.5):
            axes.axhline(line, color=LINE, linewidth=1)
        for number, part in enumerate(AUDITED):
            known = {place: row.areas[part] for place, row in enumerate(rows, len(names)) if part in row.areas}
            known |= {names.index(name): area for name, area in networks(task, part).items()}
            _draw_areas(axes, known, number, 0.24 * number - 0.12 if task.shortcuts["part"].nunique() > 1 else 0)
        axes.set_yticks(range(n), [*names, *(sentence(row.name) for row in rows)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside lower left", ncols=1, handlelength=1.6)
        return figure


def _draw_areas(axes: Axes, areas: dict[int, Estimate], number: int, shift: float) -> None:
    """One part: filled circles for the first, open squares for the second, so far below the middle of their rows."""
    known = {place: area.est for place, area in areas.items() if area.est is not None}
    if not known:
        return
    colour = SERIES[number]
    for place, area in areas.items():
        if area.lo is not None and area.hi is not None:
            axes.plot([area.lo, area.hi], [place + shift] * 2, color=colour, linewidth=1.4)
    axes.plot(
        list(known.values()),
        [place + shift for place in known],
        "os"[number],
        color=colour,
        markerfacecolor=(colour, SURFACE)[number],
        markersize=5,
        label=("shortcuts cross-validated; networks on the test part", "both on the external part")[number],
    )


def audit_plot(task: TaskSources) -> Plot:
    """What tells the classes apart without the lesion, beside the networks."""
    rows = (f"{row.name} AUC {estimate(row.areas.get('develop'))}" for row in audit_rows(task))
    return Plot(
        f"shortcuts_{task.name}",
        cautions.captioned(f"{task_name(task.name)}: what shortcuts alone reach, and the networks above them.", task),
        f"Areas under the curve with intervals, cross-validated. {'; '.join(rows)}.",
        forest(task, cautions.shout(task)),
    )
