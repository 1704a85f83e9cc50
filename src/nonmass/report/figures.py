"""Figures as matplotlib objects and as files and page elements with bytes that depend on the data alone."""

import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib.style
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from nonmass.files import whole_file, write_text

LEGEND_IN = 0.18  # height of a line of a legend, which stands below, where it covers no curve

MARK_IN = 0.2  # height of the line that says what the data are

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


def mark(figure: Figure, words: str) -> None:
    """A small line above all of a figure, which leaves the page and goes without its caption then."""
    figure.text(0.01, 1 + 0.35 * MARK_IN / figure.get_figheight(), words, fontsize=7.5, color=MUTED)


def _extent(figure: Figure) -> Bbox:
    """The figure with the line above it, in inches; the layout, legends below and all, knows nothing of it."""
    width, height = figure.get_size_inches()
    return Bbox([[0, 0], [width, height + MARK_IN]])


def svg_text(figure: Figure) -> str:
    """A figure as SVG with text as text, no date, no version of any software."""
    with matplotlib.style.context(["default", STYLE]), io.StringIO() as stream:
        figure.savefig(stream, format="svg", bbox_inches=_extent(figure), metadata={"Date": None, "Creator": None})
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
        figure.savefig(
            path,
            format="png",
            dpi=300,
            bbox_inches=_extent(figure),
            facecolor="white",
            metadata={"Software": None},
        )


@dataclass(frozen=True)
class Plot:
    """A figure of the page.

    Attributes:
        name: Stem of its files and opening of its ids.
        caption: What stands below it.
        description: What it shows, in words, for those who do not see it.
        figure: The drawing.
        warnings: What a reader must know beside it.
    """

    name: str
    caption: str
    description: str
    figure: Figure
    warnings: tuple[str, ...] = ()

    @cached_property
    def svg(self) -> str:
        """The drawing as a file."""
        return svg_text(self.figure)

    @property
    def inline(self) -> Markup:
        """The drawing as an element of the page."""
        return Markup(page_svg(self.svg, self.name.replace("_", "-"), self.description))
