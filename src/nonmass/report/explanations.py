"""The tests of the explanations as rows, figures and sentences: localisation, randomised weights, perturbation."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import imread

from nonmass.panels import OPACITY, original_of, overlay_of
from nonmass.report import cautions
from nonmass.report.cited import count_of_row, of_row, say
from nonmass.report.figures import DASHES, LEGEND_IN, MARKERS, SERIES, STYLE, Plot
from nonmass.report.records import Estimate, HeatMap, TaskSources
from nonmass.report.wording import OUTCOME_WORDS, PARTS_SHOWN, amount, estimate, number, part_name, sentence, task_name
from nonmass.tables import EXPLANATION_MEASURES

ALL = "all"
MEASURES = {
    "pointing_game": "pointing game",
    "energy_in_lesion": "energy in the lesion",
    "iou": "IoU above the 80th percentile",
}
BASELINES = {"centre": "the image centre", "random": "a network with random weights"}
TARGETS = {"lesion": "the lesion", "marks": "burned-in marks"}
SIMILARITIES = {"spearman": "rank correlation (Spearman)", "ssim": "structural similarity (SSIM)"}
STILL_ALIKE = 0.5  # a correlation above which we say that a map has not changed
FIGURE_COLUMNS = 8

Key = tuple[str, str, str, str]  # part, outcome, subject, measure


@dataclass(frozen=True)
class Row:
    """One kind of images.

    Attributes:
        outcome: TP, FP, TN, FN, or `all`.
        size: How many images of how many patients.
        values: Subject -> measure -> estimate.
    """

    part: str
    outcome: str
    size: str
    values: dict[str, dict[str, Estimate]]

    @property
    def name(self) -> str:
        """What it is called."""
        return "all" if self.outcome == ALL else OUTCOME_WORDS[self.outcome]


def check_rows(task: TaskSources, check: str, subject: str) -> list[Row]:
    """The kinds of images that a check has measured: parts as everywhere, in each all images and then each outcome.

    Args:
        task: What it left behind.
        check: `localisation` or `perturbation`.
        subject: Only kinds that have this one.
    """
    found = task.explanation[task.explanation["check"] == check]
    rows = []
    for (part, outcome), some in found.groupby(["part", "outcome"]):
        values: dict[str, dict[str, Estimate]] = {}
        for row in some.to_dict("records"):
            values.setdefault(row["subject"], {})[row["measure"]] = _estimate(row, task)
        if subject in values:
            first = some[some["subject"] == subject].iloc[0]
            rows.append(Row(str(part), str(outcome), _size(first.to_dict(), task), values))
    order = [ALL, *OUTCOME_WORDS]
    return sorted(rows, key=lambda row: (PARTS_SHOWN.index(row.part), order.index(row.outcome)))


def _size(row: dict[Any, Any], task: TaskSources) -> str:
    images, patients = (
        count_of_row(row, name, _file(task), EXPLANATION_MEASURES.key) for name in ("images", "patients")
    )
    return say("{} of {}", amount(images, "image"), amount(patients, "patient"))


def _file(task: TaskSources) -> Path:
    return task.places.explanations / f"{task.name}.csv"


def _estimate(row: dict[Any, Any], task: TaskSources) -> Estimate:
    est, lo, hi = of_row(row, ("estimate", "lo", "hi"), _file(task), EXPLANATION_MEASURES.key)
    return Estimate(est, lo, hi, row["note"])


def localisation_cautions(task: TaskSources) -> list[str]:
    """Where maps meet lesions not clearly better than what knows nothing; whole parts only."""
    lines: list[str] = []
    for row in check_rows(task, "localisation", "gradcam"):
        for measure, words in MEASURES.items() if row.outcome == ALL else ():
            for baseline, name in BASELINES.items():
                difference = row.values[f"gradcam-{baseline}"][measure]
                if not is_above_zero(difference):
                    own, other = (row.values[subject][measure] for subject in ("gradcam", baseline))
                    said = f"{part_name(row.part)}, {words}: the maps are not clearly better than {name} "
                    told = (number(own.est), number(other.est), estimate(difference))
                    lines.append(say(said + "({} against {}; difference {}).", *told))
    return lines


def drops(task: TaskSources, target: str) -> dict[str, Estimate]:
    """Part -> how much more a score loses without `target` than without as much elsewhere; whole parts only."""
    return {
        row.part: row.values[f"{target}-{target}_elsewhere"]["drop"]
        for row in check_rows(task, "perturbation", target)
        if row.outcome == ALL
    }


def is_above_zero(difference: Estimate) -> bool:
    """By its interval, or by itself where it is the same for everybody."""
    least = difference.est if difference.lo is None else difference.lo
    return least is not None and least > 0


def similarities(task: TaskSources) -> dict[str, list[tuple[int, Estimate]]]:
    """Measure -> (layers lost, estimate), from the head alone to all."""
    found = task.explanation[task.explanation["check"] == "randomisation"].sort_values("subject")
    return {
        str(measure): [
            (count_of_row(row, "subject", _file(task), EXPLANATION_MEASURES.key), _estimate(row, task))
            for row in some.to_dict("records")
        ]
        for measure, some in found.groupby("measure")
    }


def similarity_words(task: TaskSources) -> str:
    """Whether the maps change when the weights are lost, in a sentence; "" where it was not looked at."""
    curve = similarities(task).get("spearman", [])
    if not curve:
        return ""
    found = task.explanation[task.explanation["check"] == "randomisation"].iloc[0]
    of = _size(found.to_dict(), task)
    layers, last = curve[-1]
    most = last.est if last.hi is None else last.hi
    ranks = say("(rank correlation {} when all {} layers are random; {})", estimate(last), layers, of)
    if most is None or most >= STILL_ALIKE:
        return say("The maps do not clearly change with the weights {}: do not read them as what it has learnt.", ranks)
    again = _alike_again(curve)
    if again:
        low, high = (say("{} with {}", estimate(value), amount(n, "random layer")) for n, value in again)
        words = (
            "The maps change with the weights {}, but not steadily: from {} the correlation climbs back to {}. "
            "How far they depend on what it has learnt is not clear."
        )
        return say(words, ranks, low, high)
    return say("The maps change with the weights {}: they depend on what it has learnt.", ranks)


def _alike_again(curve: list[tuple[int, Estimate]]) -> list[tuple[int, Estimate]]:
    """The lowest point before the highest that maps climb back to short of the end, and that one; or none.

    Climbed back is what lies clearly above the lowest before it, and by its interval may be as alike as ever.
    """
    found: list[list[tuple[int, Estimate]]] = []
    for place, point in list(enumerate(curve))[1:-1]:
        low = min(curve[:place], key=_height)
        lo, hi = point[1].lo, point[1].hi
        if lo is not None and hi is not None and lo > _height(low) and hi >= STILL_ALIKE:
            found.append([low, point])
    return max(found, key=lambda pair: _height(pair[1]), default=[])


def _height(point: tuple[int, Estimate]) -> float:
    return 1.0 if point[1].est is None else point[1].est


def similarity_curve(task: TaskSources, shout: str = "") -> Figure:
    """How alike the maps stay as weights are lost from the logit downwards.

    Args:
        task: What it left behind.
        shout: Stands above, as the picture may leave the page; or "".
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(3.7, 2.9 + 2 * LEGEND_IN), layout="constrained")
        axes = figure.add_subplot(ylim=(-0.55, 1.05), xlabel="Random layers, from the logit on, %")
        axes.set_ylabel("Likeness to the true map")
        axes.set_title(shout, fontweight="bold")
        for place, (measure, curve) in enumerate(similarities(task).items()):
            shares = [100 * layers / curve[-1][0] for layers, _ in curve]
            known = [value.est if value.est is not None else np.nan for _, value in curve]
            axes.plot(
                [0, *shares],
                [1, *known],
                color=SERIES[place],
                linestyle=DASHES[place],
                marker=MARKERS[place],
                markersize=4,
                label=SIMILARITIES[measure],
            )
            for share, (_, value) in zip(shares, curve, strict=True):
                if value.lo is not None and value.hi is not None:
                    axes.plot([share] * 2, [value.lo, value.hi], color=SERIES[place], linewidth=1.2)
        figure.legend(loc="outside lower left", handlelength=2.6)
        return figure


def perturbation_words(task: TaskSources) -> list[str]:
    """What the interventions say, in sentences; whole parts only."""
    lines: list[str] = []
    for target, name in TARGETS.items():
        for part, more in drops(task, target).items():
            where = f"{part_name(part)}: without {name} the score of the call falls"
            if is_above_zero(more):
                words = " by {} more than without as much elsewhere: it counts."
            else:
                words = " not clearly more than without as much elsewhere ({})."
            lines.append(say(where + words, estimate(more)))
    return lines


def figure_four(task: TaskSources, pictures: list[HeatMap], shout: str = "") -> Figure:
    """Originals above overlays, and the colour bar of all of them: the surest image of each part and outcome.

    Args:
        task: What it left behind.
        pictures: In the order of the gallery; not empty.
        shout: Stands above, as the picture may leave the page; or "".
    """
    firsts: dict[tuple[str, str], HeatMap] = {}
    for picture in pictures:
        firsts.setdefault((picture.part, picture.outcome), picture)
    shown = list(firsts.values())[:FIGURE_COLUMNS]
    with matplotlib.style.context(["default", STYLE, {"axes.grid": False}]):
        figure = Figure(figsize=(1.45 * len(shown) + 1.1, 3.7), layout="constrained")
        grid = figure.subplots(2, len(shown), squeeze=False)
        for column, picture in enumerate(shown):
            pixels = imread(io.BytesIO(picture.png))
            for axes, panel in zip(grid[:, column], (original_of(pixels), overlay_of(pixels)), strict=True):
                axes.imshow(panel, interpolation="none")
                axes.set_axis_off()
            outcome = sentence(OUTCOME_WORDS[picture.outcome])
            grid[0, column].set_title(
                f"{outcome}\n{part_name(picture.part)}\nscore {number(picture.score)}", fontsize=8.5
            )
        scale = ScalarMappable(Normalize(0, pictures[0].scale_top), _shades_on_gray())
        bar = figure.colorbar(scale, ax=list(grid.ravel()), shrink=0.8, aspect=30)
        bar.set_label("What a cell adds to the logit of the call\n(green: lesion mask)", fontsize=8.5)
        figure.suptitle(shout, fontweight="bold")
        return figure


def _shades_on_gray() -> LinearSegmentedColormap:
    """The colours of the maps as they look on middle gray, through which the image is seen."""
    colours = matplotlib.colormaps["inferno"](np.linspace(0, 1, 256))[:, :3]
    return LinearSegmentedColormap.from_list("heat", OPACITY * colours + (1 - OPACITY) * 0.25)


def ordered_pictures(heat_maps: list[HeatMap]) -> list[HeatMap]:
    """Parts as everywhere in the page; in each the right calls, then the errors; the surest first."""
    by_outcome = {outcome: rank for rank, outcome in enumerate(OUTCOME_WORDS)}
    shown = [picture for picture in heat_maps if picture.part in PARTS_SHOWN]
    return sorted(shown, key=lambda p: (PARTS_SHOWN.index(p.part), by_outcome[p.outcome], -p.margin, p.image_id))


def grouped_pictures(heat_maps: list[HeatMap]) -> dict[tuple[str, str], list[HeatMap]]:
    """(part, outcome) -> its pictures, in the order of `ordered_pictures`."""
    groups: dict[tuple[str, str], list[HeatMap]] = {}
    for picture in ordered_pictures(heat_maps):
        groups.setdefault((picture.part, picture.outcome), []).append(picture)
    return groups


def similarity_plot(task: TaskSources) -> Plot:
    """What is left of the maps without the weights."""
    lines = (
        f"{SIMILARITIES[measure]}: "
        + ", ".join(f"{estimate(value)} without the last {layers} layers" for layers, value in curve)
        for measure, curve in similarities(task).items()
    )
    return Plot(
        f"randomised_{task.name}",
        cautions.captioned(f"{task_name(task.name)}: heat maps as weights are lost from the logit downwards.", task),
        f"Likeness of heat maps to those of the whole network. {'; '.join(lines)}.",
        similarity_curve(task, cautions.shout(task)),
    )


def figure_four_plot(task: TaskSources) -> Plot:
    """Fig. 4, a file; the page shows the gallery, which has more."""
    caption = cautions.captioned(
        f"{task_name(task.name)}: originals above, heat maps below; the surest of each outcome.", task
    )
    pictures = ordered_pictures(task.heat_maps)
    return Plot(f"fig4_gradcam_{task.name}", caption, caption, figure_four(task, pictures, cautions.shout(task)))
