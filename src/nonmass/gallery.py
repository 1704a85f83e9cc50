"""The gallery of heat maps: which images stand in it, and how they are drawn."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from nonmass.images import write_png
from nonmass.lesions import read_lesion
from nonmass.params import Section
from nonmass.saliency import Heat, Mask, enlarge
from nonmass.tables import HEAT_MAPS

RGB = NDArray[np.uint8]

MIN_PANEL_PX = 256
BAR_PX = 14
OPACITY = 0.45
OUTLINE = (0, 255, 0)


class ExplainParams(Section):
    """What the gallery shows.

    Attributes:
        gallery_images: The most images of each part and outcome.
    """

    gallery_images: int = Field(ge=0)


def choose(judged: pd.DataFrame, n_each: int) -> pd.DataFrame:
    """The `n_each` images of each part and outcome that lie farthest from the cut-off; of equal ones the first ids.

    Args:
        judged: Rows of `selection.judge`.
        n_each: How many.
    """
    ordered = judged.sort_values(["margin", "image_id"], ascending=[False, True])
    return ordered.groupby(["part", "truth", "outcome"]).head(n_each).sort_values("image_id")


def write_gallery(folder: Path, chosen: pd.DataFrame, images: NDArray[np.uint8], maps: Heat, raw_dir: Path) -> None:
    """Write `index.csv` and a picture a row of it, all on one colour scale.

    The scale runs from 0 to the highest value of any map in `maps`.

    Args:
        folder: Where they go.
        chosen: Rows of `choose`, with the columns of `lesions.add_masks`; the frame's index points into the arrays.
        images: (n, side, side) uint8.
        maps: (n, h, w) coarse heat maps.
        raw_dir: What the paths of masks are relative to.
    """
    top = float(maps.max()) or 1.0
    for at, row in zip(chosen.index.tolist(), chosen.itertuples(), strict=True):
        image = images[at]
        heat = enlarge(maps[at], image.shape[0])
        colour = f"Colour: what a cell adds to logit of '{row.called}'"
        caption = f"{row.outcome} score {row.score:.3f}. {colour}. Research use only"
        write_png(folder / f"{row.image_id}.png", draw(image, heat, read_lesion(raw_dir, row), top, caption.strip()))
    index = chosen.assign(explained=chosen["called"], file=chosen["image_id"] + ".png")
    HEAT_MAPS.write(index[list(HEAT_MAPS.columns)], folder / "index.csv")


def draw(image: NDArray[np.uint8], heat: Heat, lesion: Mask, top: float, caption: str) -> RGB:
    """Original, overlay and colour scale side by side, the caption below.

    Args:
        image: (side, side), what the network sees.
        heat: (side, side), 0 or more.
        lesion: (side, side); its outline is drawn on the overlay.
        top: The value at the upper end of the colour scale, above 0; one for all pictures of a gallery.
        caption: One line.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    zoom = -(-MIN_PANEL_PX // image.shape[0])
    original = np.repeat(_magnify(image, zoom)[:, :, None], 3, axis=2)
    shades = np.rint(255 * np.clip(_magnify(heat, zoom) / top, 0, 1)).astype(np.uint8)
    overlay = np.rint((1 - OPACITY) * original + OPACITY * _colours(shades)).astype(np.uint8)
    outlines, _ = cv2.findContours(_magnify(lesion.astype(np.uint8), zoom), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    overlay = cv2.drawContours(overlay, outlines, -1, OUTLINE, 1)
    panels = np.hstack([original, _gap(original), overlay, _gap(original), _scale(len(original), top)])
    return np.vstack([panels, _text(np.zeros((20, panels.shape[1], 3), np.uint8), caption, (4, 14))])


def _magnify(values: NDArray[Any], zoom: int) -> NDArray[Any]:
    return np.repeat(np.repeat(values, zoom, axis=0), zoom, axis=1)


def _colours(shades: NDArray[np.uint8]) -> RGB:
    return np.ascontiguousarray(cv2.applyColorMap(shades, cv2.COLORMAP_INFERNO)[:, :, ::-1])


def _gap(panel: RGB) -> RGB:
    return np.zeros((len(panel), 6, 3), np.uint8)


def _scale(height: int, top: float) -> RGB:
    """The bar of colours with the values at its ends."""
    bar = np.zeros((height, BAR_PX + 50, 3), np.uint8)
    ramp = np.rint(np.linspace(255, 0, height)).astype(np.uint8)
    bar[:, :BAR_PX] = _colours(np.repeat(ramp[:, None], BAR_PX, axis=1))
    return _text(_text(bar, f"{top:.2g}", (BAR_PX + 4, 12)), "0", (BAR_PX + 4, height - 4))


def _text(picture: RGB, text: str, corner: tuple[int, int]) -> RGB:
    written: RGB = cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return written
