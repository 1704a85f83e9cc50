"""How a picture of the gallery is laid out: for who draws it, and for who takes it apart again."""

from typing import Any

from numpy.typing import NDArray

PANEL_PX = 256
GAP_PX = 6
OPACITY = 0.45  # of the colours over the original


def original_of(picture: NDArray[Any]) -> NDArray[Any]:
    """The image as the network sees it, (PANEL_PX, PANEL_PX, 3)."""
    return picture[:PANEL_PX, :PANEL_PX]


def overlay_of(picture: NDArray[Any]) -> NDArray[Any]:
    """The same with its heat map and the lesion's outline."""
    return picture[:PANEL_PX, PANEL_PX + GAP_PX : 2 * PANEL_PX + GAP_PX]
