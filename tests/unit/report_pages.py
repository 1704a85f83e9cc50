"""The page of a small finished graph, and what stands on it."""

from contextlib import ExitStack
from html.parser import HTMLParser
from unittest.mock import patch

from matplotlib.figure import Figure
from report_inputs import BACKBONES, PARAMS

from nonmass.report.build import Report, compose_report
from nonmass.report.folders import Folders
from nonmass.report.records import Sources
from nonmass.report.sources import read_sources

VOID = {"meta", "link", "br", "img", "input", "hr", "path", "use"}


class Page(HTMLParser):
    """Collects what is asserted on, and fails on tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.ids, self.links = [], [], [], []
        self.tables: list[list[list[str]]] = []
        self.headings: list[str] = []
        self.captions: list[str] = []  # of figures outside the gallery, and of tables
        self.caption_depth = 0
        self.flows = False  # a number that is a link stands in its sentence
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.flows = self.flows and ("class", "n") in attrs
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if (tag == "figcaption" and "li" not in self.open) or ("class", "title") in attrs:
            self.captions.append("")
            self.caption_depth = len(self.open)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        self.flows = self.flows and tag == "a"
        if tag not in VOID:
            assert self.open.pop() == tag
        if len(self.open) < self.caption_depth:
            self.caption_depth = 0

    def handle_data(self, data):
        if self.flows:
            self.text[-1] += data
        else:
            self.text.append(data)
        self.flows = True
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        if self.caption_depth:
            self.captions[-1] += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


# What makes the figures of a report.
FIGURES = (
    "calibration.decision_figure",
    "calibration.reliability_figure",
    "curves.roc_curves",
    "curves.training_curves",
    "explanations.figure_four",
    "explanations.similarity_curve",
    "flow_drawing.draw_flow",
    "networks.scheme",
    "shortcuts.forest",
    "subgroups.forest",
)


def build(places: Folders, params: dict = PARAMS, **work: bool) -> Report:
    """The report of a graph; `work` as in `compose`."""
    return compose(read_sources(places, params, BACKBONES), **work)


def compose(sources: Sources, *, draws: bool = False, figures: bool = True) -> Report:
    """The report; figures are most of the work, and few tests look at them.

    Args:
        sources: What it says.
        draws: Whether figures become drawings.
        figures: Whether they are made at all; not where a test changes nothing that a figure shows.
    """
    with ExitStack() as stack:
        if not draws:
            svg = '<svg viewBox="0 0 1 1"></svg>'
            stack.enter_context(patch("nonmass.report.figures.svg_text", return_value=svg))
        if not figures:
            for name in FIGURES:
                stack.enter_context(patch(f"nonmass.report.{name}", return_value=Figure()))
        return compose_report(sources)
