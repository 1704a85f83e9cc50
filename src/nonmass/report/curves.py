"""Curves: ROC of a part with both kinds of cut-off (Fig. 3), and losses and areas over the epochs."""

from collections.abc import Iterable, Iterator

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nonmass.report import cautions
from nonmass.report.cited import say
from nonmass.report.figures import DASHES, LEGEND_IN, MARKERS, MUTED, SERIES, STYLE, SURFACE, Plot
from nonmass.report.records import Estimate, Performance, TaskSources, numbers_of
from nonmass.report.wording import PARTS_SHOWN, amount, estimate, part_name, sentence, task_name


def roc_plots(task: TaskSources) -> Iterator[Plot]:
    """Fig. 3, one plot a part."""
    for part in PARTS_SHOWN:
        numbers = numbers_of(task, part)
        curves = task.curves[task.curves["part"] == part]
        if not numbers or curves.empty:
            continue
        n = next(iter(numbers.values())).n
        caption = say(
            f"{task_name(task.name)}, {part_name(part).lower()}: {{}} of {{}}.",
            *(amount(n["images"], "image"), amount(n["patients"], "patient")),
        )
        aucs = "; ".join(f"{backbone}: AUC {estimate(values.auc)}" for backbone, values in numbers.items())
        yield Plot(
            f"fig3_roc_{task.name}_{part}",
            cautions.captioned(caption, task),
            f"ROC curves. {caption} {aucs}.",
            roc_curves(curves, numbers, cautions.shout(task)),
            (*cautions.part_cautions(part, numbers), *cautions.task_cautions(task, part)),
        )


def roc_curves(curves: pd.DataFrame, performance: dict[str, Performance], shout: str = "") -> Figure:
    """ROC curves of one part, all backbones in one plot, with both kinds of cut-off marked.

    Args:
        curves: tables.CURVES rows of one part.
        performance: Backbone -> numbers of this part; gives the order, the AUCs and the cut-offs.
        shout: Stands above, as the picture may leave the page; or "".
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(3.7, 3.7 + LEGEND_IN * (3 + 2 * len(performance))), layout="constrained")
        axes = figure.add_subplot(aspect="equal", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_title(shout, fontweight="bold")
        axes.set(xlabel="False-positive rate (1 \u2212 specificity)", ylabel="Sensitivity (true-positive rate)")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (2, 3)), label="chance: AUC 0.5")
        for number, (backbone, numbers) in enumerate(performance.items()):
            points = curves[curves["backbone"] == backbone].sort_values("point")
            colour = SERIES[number % len(SERIES)]
            axes.plot(
                points["false_positive_rate"],
                points["sensitivity"],
                color=colour,
                linestyle=DASHES[number % len(DASHES)],
                label=f"{backbone}\nAUC {estimate(numbers.auc)}",
            )
            marker = MARKERS[number % len(MARKERS)]
            for rule, face in (("as_published", SURFACE), ("frozen", colour)):
                _mark(axes, numbers.rules.get(rule, {}), marker, colour, face)
        for face, words in ((MUTED, "cut-off of validation"), (SURFACE, "cut-off chosen on this part")):
            axes.plot([], [], MARKERS[0], color=MUTED, markerfacecolor=face, markersize=7, label=words)
        figure.legend(loc="outside lower left", handlelength=2.6)
        figure.draw_without_rendering()  # the layout of a square above a legend settles in the second drawing
        return figure


def _mark(axes: Axes, point: dict[str, Estimate], marker: str, colour: str, face: str) -> None:
    specificity, sensitivity = (point.get(name, Estimate()).est for name in ("specificity", "sensitivity"))
    if specificity is None or sensitivity is None:
        return
    axes.plot(
        [1 - specificity],
        [sensitivity],
        marker,
        color=colour,
        markerfacecolor=face,
        markersize=7,
        markeredgewidth=1.5,
    )


def training_plots(task: TaskSources) -> Iterator[Plot]:
    """Loss and AUC over the epochs."""
    measures: Iterable[tuple[str, dict[str, str], str]] = (
        ("loss", {"val_loss": "validation", "train_loss": "training"}, "focal loss"),
        ("auc", {"val_auc": "validation"}, "AUC of the validation images"),
    )
    epochs = "; ".join(
        f"{backbone}{f', seed {seed}' if len(of_seeds) > 1 else ''}: {amount(len(history), 'epoch')}"
        for backbone, of_seeds in task.histories.items()
        for seed, history in of_seeds.items()
    )
    for name, columns, label in measures:
        yield Plot(
            f"training_{task.name}_{name}",
            cautions.captioned(f"{task_name(task.name)}: {label}.", task),
            f"{label} over the epochs. {epochs}.",
            training_curves(task.histories, columns, sentence(label), cautions.shout(task)),
        )


def training_curves(
    histories: dict[str, dict[int, pd.DataFrame]], columns: dict[str, str], label: str, shout: str = ""
) -> Figure:
    """One measure over the epochs, all backbones in one plot; several seeds of one are thin lines of one colour.

    Args:
        histories: Backbone -> seed -> tables.HISTORY.
        columns: Column of the history -> its word in the legend; at most two, the second dotted.
        label: Name and unit of the measure.
        shout: As for `roc_curves`.
    """
    with matplotlib.style.context(["default", STYLE]):
        height = 2.8 + LEGEND_IN * len(histories) * len(columns)
        figure = Figure(figsize=(3.7, height), layout="constrained")
        axes = figure.add_subplot(xlabel="Epoch", ylabel=label)
        axes.set_title(shout, fontweight="bold")
        for number, (backbone, of_seeds) in enumerate(histories.items()):
            width, size = (1.5, 3.5) if len(of_seeds) == 1 else (0.8, 2.0)
            for column, dashes in zip(columns, ("solid", (0, (1, 1.5))), strict=False):
                for rank, history in enumerate(of_seeds.values()):
                    axes.plot(
                        history["epoch"] + 1,  # files count from 0
                        history[column],
                        color=SERIES[number % len(SERIES)],
                        linestyle=dashes,
                        marker=MARKERS[number % len(MARKERS)],
                        markersize=size,
                        linewidth=width,
                        label=None if rank else f"{backbone}, {columns[column]}",
                    )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.12)
        figure.legend(loc="outside lower left")
        return figure
