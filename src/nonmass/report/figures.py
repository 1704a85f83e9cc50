"""Figures as matplotlib objects and as files and page elements with bytes that depend on the data alone."""

import io
import re
from pathlib import Path

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nonmass.files import whole_file, write_text
from nonmass.report.records import Estimate, Performance
from nonmass.report.wording import estimate

LEGEND_IN = 0.18  # height of a line of a legend, which stands below, where it covers no curve

INK, MUTED, LINE, SURFACE = "#1f2428", "#5c6670", "#d4d9de", "#fefefe"

# Okabe and Ito's palette: told apart with every common form of colour blindness. Line styles
# and markers differ as well, for print in black and white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#aa4499")
DASHES = ("solid", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D")

# In the page these colours become the page's own, so that figures follow its light and dark theme.
PAGE_COLOURS = {INK: "ink", MUTED: "muted", LINE: "line", SURFACE: "surface"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}

FONT = "DejaVu Sans"
STYLE = {
    "text.parse_math": False,  # a "$" in somebody's name is a letter
    "svg.fonttype": "none",
    "svg.hashsalt": "nonmass",
    "font.size": 10,
    "font.family": FONT,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
}


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
                        history["epoch"],
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


def svg_text(figure: Figure) -> str:
    """A figure as SVG with text as text, no date, no version of any software."""
    with matplotlib.style.context(["default", STYLE]), io.StringIO() as stream:
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def page_svg(svg: str, name: str, description: str) -> str:
    """An SVG file as an element of a page: fluid, themed by the page, with ids of its own.

    Args:
        svg: From `svg_text`.
        name: Letters, digits and hyphens, unique in the page; every id of the figure starts with it.
        description: What a screen reader says instead of the picture.
    """
    view_box = re.search(r'viewBox="[^"]*"', svg)
    assert view_box is not None, "matplotlib writes a viewBox"
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r"^<svg[^>]*>", "", body)
    body = re.sub(r'id="', f'id="{name}-', body)
    body = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", body)
    for colour, variable in PAGE_COLOURS.items():
        body = body.replace(colour, f"var(--{variable})")
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg {view_box.group()} role="img" aria-label="{label}">{body}'


def write_figure(figure: Figure, svg: str, stem: Path) -> None:
    """Write STEM.svg and STEM.png (300 dpi, on white)."""
    write_text(stem.with_suffix(".svg"), svg)
    with whole_file(stem.with_suffix(".png")) as path, matplotlib.style.context(["default", STYLE]):
        figure.savefig(path, format="png", dpi=300, facecolor="white", metadata={"Software": None})
