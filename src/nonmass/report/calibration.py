"""Whether scores mean what they say and what acting on them is worth: curves with intervals, and why one is missing."""

from collections.abc import Iterator

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nonmass.report import cautions
from nonmass.report.cited import say
from nonmass.report.figures import DASHES, LEGEND_IN, LINE, MARKERS, MUTED, SERIES, STYLE, Plot
from nonmass.report.records import Estimate, TaskSources, numbers_of
from nonmass.report.wording import PARTS_JUDGED, estimate, number, part_name, task_name

SCALE_WORDS = {"raw": "as trained", "scaled": "temperature-scaled"}
POLICIES = ("treat all", "treat none")
MEASURES = ("brier", "intercept", "slope")
BAND = 0.15  # opacity of an interval
LOWEST = -0.15  # of net benefit that is shown; far below zero nobody acts


def temperature(task: TaskSources, backbone: str) -> Estimate:
    """What validation fitted, whatever part it is read from."""
    parts = task.performance[backbone].values()
    found = (part.calibration["scaled"]["temperature"] for part in parts if "temperature" in part.calibration["scaled"])
    return next(found, Estimate())


def reasons(task: TaskSources, part: str) -> list[str]:
    """Why measures of calibration are undefined, and where scaling does harm."""
    lines: list[str] = []
    for backbone, parts in task.performance.items():
        if part not in parts:
            continue
        for scale, measures in parts[part].calibration.items():
            notes = {value.note: name for name, value in measures.items() if value.note}
            lines += [
                f"{part_name(part)}, {backbone}, {SCALE_WORDS[scale]}: {name} undefined, as {note}."
                for note, name in notes.items()
            ]
        raw, scaled = (parts[part].calibration[scale].get("brier", Estimate()).est for scale in ("raw", "scaled"))
        if raw is not None and scaled is not None and scaled > raw:
            words = f"{part_name(part)}, {backbone}: the temperature of validation makes probabilities worse here "
            lines.append(say(words + "(Brier score {} as trained, {} scaled).", number(raw), number(scaled)))
    return lines


def reliability_figure(task: TaskSources, part: str, shout: str = "") -> Figure:
    """Share of positive images over mean probability, bin by bin; filled and joined after scaling, open before.

    Args:
        task: What it left behind.
        part: One that judges.
        shout: Stands above, as the picture may leave the page; or "".
    """
    rows = task.reliability[task.reliability["part"] == part]
    with matplotlib.style.context(["default", STYLE]):
        names = [name for name in task.performance if part in task.performance[name]]
        figure = Figure(figsize=(3.7, 3.7 + LEGEND_IN * (2 + 4 * len(names))), layout="constrained")
        axes = figure.add_subplot(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title(shout, fontweight="bold")
        axes.set(xlabel="Predicted probability, mean of the bin", ylabel="Share of positive images in the bin")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)), label="probabilities that hold")
        for number, name in enumerate(names):
            of_name = rows[rows["backbone"] == name]
            calibration = task.performance[name][part].calibration
            _reliability(axes, of_name[of_name["scale"] == "raw"], number, False, _label(name, calibration, "raw"))
            _reliability(axes, of_name[of_name["scale"] == "scaled"], number, True, _label(name, calibration, "scaled"))
        figure.legend(loc="outside lower left", handlelength=2.6)
        figure.draw_without_rendering()  # as in figures.roc_curves
        return figure


def _label(name: str, calibration: dict[str, dict[str, Estimate]], scale: str) -> str:
    return f"{name}, {SCALE_WORDS[scale]}\nBrier score {estimate(calibration[scale].get('brier'))}"


def _reliability(axes: Axes, rows: pd.DataFrame, number: int, is_scaled: bool, label: str) -> None:
    if rows.empty:  # there is no temperature
        axes.plot([], [], " ", label=label.partition("\n")[0] + "\nno temperature, see the text")
        return
    colour = SERIES[number % len(SERIES)]
    if is_scaled:
        bounded = rows[rows["lo"] != ""]
        axes.vlines(
            bounded["probability"], bounded["lo"].astype(float), bounded["hi"].astype(float), colors=colour, lw=1
        )
    axes.plot(
        rows["probability"],
        rows["observed"],
        MARKERS[number % len(MARKERS)],
        color=colour,
        linestyle=DASHES[number % len(DASHES)] if is_scaled else "none",
        markerfacecolor=colour if is_scaled else "none",
        markersize=5,
        linewidth=1.4,
        label=label,
    )


def decision_figure(task: TaskSources, part: str, shout: str = "") -> Figure:
    """Net benefit over the probability from which one acts, of the networks and of two policies that need none.

    Args:
        task: What it left behind.
        part: One that judges.
        shout: As for `reliability_figure`.
    """
    rows = task.decisions[task.decisions["part"] == part]
    with matplotlib.style.context(["default", STYLE]):
        names = [name for name in task.performance if part in task.performance[name]]
        figure = Figure(figsize=(3.7, 3.1 + LEGEND_IN * (3 + len(names))), layout="constrained")
        # Bands may end above, as they allow for another share of positives, which is the most that can be gained.
        top = max(0.1, 1.2 * rows["net_benefit"].max())
        axes = figure.add_subplot(xlim=(0, rows["threshold"].max() + 0.02), ylim=(LOWEST, top))
        axes.set_title(shout, fontweight="bold")
        axes.set(xlabel="Probability from which one acts", ylabel="Net benefit, per image")
        axes.axhline(0, color=LINE, linewidth=1)
        for policy, dashes in zip(POLICIES, ((0, (2, 2)), "solid"), strict=True):
            curve = rows[rows["backbone"] == policy].sort_values("threshold")
            axes.plot(
                curve["threshold"], curve["net_benefit"], color=MUTED, linewidth=1, linestyle=dashes, label=policy
            )
        for number, name in enumerate(names):
            curve = rows[rows["backbone"] == name].sort_values("threshold")
            if curve.empty:  # there is no temperature
                axes.plot([], [], " ", label=f"{name}: no temperature")
            else:
                _decision(axes, curve, number, name)
        axes.fill_between([], [], [], color=MUTED, alpha=BAND, linewidth=0, label="shaded: interval by patients")
        figure.legend(loc="outside lower left", handlelength=2.6)
        return figure


def _decision(axes: Axes, curve: pd.DataFrame, number: int, name: str) -> None:
    colour = SERIES[number % len(SERIES)]
    bounded = curve[curve["lo"] != ""]
    low, high = bounded["lo"].astype(float), bounded["hi"].astype(float)
    axes.fill_between(bounded["threshold"], low, high, color=colour, alpha=BAND, linewidth=0)
    axes.plot(
        curve["threshold"],
        curve["net_benefit"],
        color=colour,
        linestyle=DASHES[number % len(DASHES)],
        marker=MARKERS[number % len(MARKERS)],
        markersize=3,
        label=name,
    )


def calibration_plots(task: TaskSources) -> Iterator[Plot]:
    """Reliability curves, one plot a part that judges."""
    for part in PARTS_JUDGED:
        numbers = numbers_of(task, part)
        if not numbers:
            continue
        scores = "; ".join(
            f"{backbone}: Brier score {estimate(values.calibration['raw'].get('brier'))} as trained, "
            f"{estimate(values.calibration['scaled'].get('brier'))} temperature-scaled"
            for backbone, values in numbers.items()
        )
        caption = f"{task_name(task.name)}, {part_name(part).lower()}: reliability."
        yield Plot(
            f"calibration_{task.name}_{part}",
            cautions.captioned(caption, task),
            f"Share of positive images over predicted probability. {caption} {scores}.",
            reliability_figure(task, part, cautions.shout(task)),
        )


def decision_plots(task: TaskSources) -> Iterator[Plot]:
    """Decision curves, one plot a part that judges."""
    for part in PARTS_JUDGED:
        if not numbers_of(task, part):
            continue
        caption = (
            f"{task_name(task.name)}, {part_name(part).lower()}: net benefit. Shaded: its interval, which allows for "
            "another share of positives among other patients; it may end above the picture."
        )
        yield Plot(
            f"decision_{task.name}_{part}",
            cautions.captioned(caption, task),
            f"Net benefit over the probability from which one acts. {caption} reports/decisions/{task.name}.csv.",
            decision_figure(task, part, cautions.shout(task)),
        )
