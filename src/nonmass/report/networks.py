"""Fig. 2: each network as the blocks that an image runs through."""

from collections.abc import Iterator
from math import log2

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from nonmass.report.cited import keeping, say
from nonmass.report.figures import INK, LINE, MUTED, SERIES, STYLE, Plot
from nonmass.report.records import Block, Network
from nonmass.report.wording import amount, count, in_millions

ROW_IN, WIDTH_IN = 0.5, 4.9
FUNNEL = 0.8  # half the width of a picture at its full side, in the units of the drawing
TEXT = 0.95


def network_plots(networks: dict[str, Network]) -> Iterator[Plot]:
    """One drawing a network."""
    for number, (backbone, network) in enumerate(networks.items()):
        words = "; ".join(f"{block.kind}: {shape(block)}" for block in network.blocks.values())
        caption = say(
            f"{backbone} ({network.timm} of timm) at {{}} px: {{}}, {{}} multiply-adds an image.",
            *(network.side_px, amount(network.parameters, "parameter"), millions(network.multiply_adds)),
        )
        yield Plot(f"fig2_network_{backbone}", caption, f"{caption} {words}.", scheme(network, number))


def shape(block: Block) -> str:
    """`64 × 32 × 32`: channels, height, width; channels alone behind the pooling."""
    return " \u00d7 ".join(count(n) for n in (block.channels, block.height_px, block.width_px) if n)


@keeping
def millions(value: int) -> str:
    """`183.0 million`."""
    return f"{in_millions(value)}\u00a0million"


def scheme(network: Network, number: int = 0) -> Figure:
    """A funnel: blocks from the top, as wide as the logarithm of the side of what they give.

    Args:
        network: At the side of the images.
        number: Of its colour.
    """
    blocks = list(network.blocks.values())
    with matplotlib.style.context(["default", STYLE, {"axes.grid": False}]):
        figure = Figure(figsize=(WIDTH_IN, ROW_IN * (len(blocks) + 1.4)))
        axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.85, 3.9), ylim=(len(blocks) + 1.05, -0.35))
        axes.set_axis_off()
        axes.text(TEXT, 0.2, f"gray image, 1 \u00d7 {network.side_px} \u00d7 {network.side_px}", color=INK, va="center")
        axes.plot([-FUNNEL, FUNNEL], [0.2, 0.2], color=INK, linewidth=1.5)
        above = FUNNEL
        for row, block in enumerate(blocks, start=1):
            below = max(0.06, FUNNEL * log2(1 + block.width_px) / log2(1 + network.side_px))
            top, bottom = row - 0.42, row + 0.42
            corners = [(-above, top), (above, top), (below, bottom), (-below, bottom)]
            axes.add_patch(Polygon(corners, facecolor=SERIES[number % len(SERIES)], edgecolor=LINE, alpha=0.55))
            axes.text(TEXT, row - 0.27, block.kind, color=INK, va="center", fontsize=9, fontweight="bold")
            axes.text(TEXT, row + 0.02, f"gives {shape(block)}", color=INK, va="center", fontsize=8)
            axes.text(TEXT, row + 0.29, _cost(block), color=MUTED, va="center", fontsize=8)
            above = below
        axes.text(TEXT, len(blocks) + 0.75, "logit", color=INK, va="center")
        return figure


def _cost(block: Block) -> str:
    if not block.layers:
        return "nothing to learn"
    return f"{count(block.parameters)} parameters, {count(block.multiply_adds)} multiply-adds"
