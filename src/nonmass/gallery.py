"""The gallery of heat maps: which images stand in it, and how they are drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.geometry import inside_polygon
from nonmass.images import read_gray, write_png
from nonmass.lesions import crop_of, read_lesion
from nonmass.panels import GAP_PX, OPACITY, PANEL_PX
from nonmass.saliency import Heat, Mask, enlarge
from nonmass.tables import HEAT_MAPS

RGB = NDArray[np.uint8]

BAR_PX = 14
BAR_LABEL_PX = 56
LINE_PX = 28
TEXT_SIZE = 0.7  # of OpenCV's text; 13 px where the page scales a picture to 360 px
# Six bits a channel look like eight under speckle, and take 40 % off the file and off the page that holds it.
STEP = 4
PNG_LEVEL = 6
OUTLINE = (0, 255, 0)


def choose(judged: pd.DataFrame, n_each: int) -> pd.DataFrame:
    """The `n_each` images of each part and outcome that lie farthest from the cut-off; of equal ones the first ids.

    A crop from a doubtful field of view is never among them: it may be the whole screen, with the patient's name.

    Args:
        judged: Rows of `selection.judge`, with the columns of `lesions.add_masks`.
        n_each: How many.
    """
    ordered = judged[judged["accepted"] == 1].sort_values(["margin", "image_id"], ascending=[False, True])
    return ordered.groupby(["part", "truth", "outcome"]).head(n_each).sort_values("image_id")


def doubtful_crops(judged: pd.DataFrame) -> int:
    """How many images `choose` leaves out, whatever the outcome."""
    return int((judged["accepted"] != 1).sum())


def write_gallery(
    folder: Path, chosen: pd.DataFrame, images_dir: Path, maps: Heat, top: float, places: Mapping[str, Path]
) -> None:
    """Write `index.csv`, and for each of its rows a picture and the map on the pixels of the screen; one scale for all.

    Args:
        folder: Where they go.
        chosen: Rows of `choose`, with the columns of `lesions.add_masks`; the frame's index points into `maps`.
        images_dir: Holds the cropped images.
        maps: (n, h, w) coarse heat maps.
        top: The value at the upper end of the colour scale, above 0.
        places: Where each mask lies, by its name in the manifest.
    """
    for at, row in zip(chosen.index.tolist(), chosen.itertuples(), strict=True):
        image = read_gray(images_dir / f"{row.image_id}.png")
        heat = enlarge(maps[at], len(image))
        lesion = read_lesion(places, row)
        use = f"{'Green: lesion mask. ' if lesion.any() else ''}Research use only"
        picture = draw(image, heat, lesion, top, (f"Colour: what a cell adds to the logit of '{row.called}'", use))
        write_png(folder / f"{row.image_id}.png", picture, PNG_LEVEL)
        write_png(folder / f"{row.image_id}_screen.png", on_screen(heat, row, top), PNG_LEVEL)
    index = chosen.assign(
        explained=chosen["called"],
        file=chosen["image_id"] + ".png",
        screen_file=chosen["image_id"] + "_screen.png",
        scale_top=top,
    )
    HEAT_MAPS.write(index[list(HEAT_MAPS.columns)], folder / "index.csv")


def on_screen(heat: Heat, row: Any, top: float) -> NDArray[np.uint8]:
    """A heat map on the pixels of the exported screen, to be laid over it; it shows nothing of the screen itself.

    Args:
        heat: (side, side), 0 or more.
        row: Of `lesions.add_masks`.
        top: What becomes 255.

    Returns:
        (height_px, width_px) uint8, proportional to the map in the field of view and 0 outside of it.
    """
    on_pixels = crop_of(row).map_to_screen(heat, row.height_px, row.width_px)
    if row.polygon:
        on_pixels *= inside_polygon(row.polygon, row.height_px, row.width_px)
    return _shades(on_pixels, top)


def draw(image: NDArray[np.uint8], heat: Heat, lesion: Mask, top: float, caption: tuple[str, ...]) -> RGB:
    """Original, overlay and colour scale side by side, the caption below; of one size whatever the model's is.

    Args:
        image: (side, side), what the network sees.
        heat: (side, side), 0 or more.
        lesion: (side, side); its outline is drawn on the overlay.
        top: The value at the upper end of the colour scale, above 0; one for all pictures of a gallery.
        caption: Lines of some 50 letters.

    Returns:
        (height, width, 3) uint8 RGB, in steps of `STEP`.
    """
    original = np.repeat(_panel(image)[:, :, None], 3, axis=2)
    colours = _colours(_shades(_panel(heat), top))
    overlay = np.rint((1 - OPACITY) * original + OPACITY * colours).astype(np.uint8)
    outlines, _ = cv2.findContours(_panel(lesion.astype(np.uint8)), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    overlay = cv2.drawContours(overlay, outlines, -1, OUTLINE, 1)
    gap = np.zeros((PANEL_PX, GAP_PX, 3), np.uint8)
    panels = np.hstack([original, gap, overlay, gap, _scale(top)])
    picture = np.vstack([panels, np.zeros((LINE_PX * len(caption) + 4, panels.shape[1], 3), np.uint8)])
    for number, line in enumerate(caption, start=1):
        picture = _text(picture, line, (4, PANEL_PX + LINE_PX * number - 7))
    return picture // STEP * STEP


def _panel(values: NDArray[Any]) -> NDArray[Any]:
    """A square array at the size of a panel: pixels repeated where it is smaller, averaged where it is larger."""
    way = cv2.INTER_AREA if len(values) > PANEL_PX else cv2.INTER_NEAREST
    panel: NDArray[Any] = cv2.resize(values, (PANEL_PX, PANEL_PX), interpolation=way)
    return panel


def _shades(heat: Heat, top: float) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255 * np.clip(heat / top, 0, 1)), np.uint8)


def _colours(shades: NDArray[np.uint8]) -> RGB:
    return np.ascontiguousarray(cv2.applyColorMap(shades, cv2.COLORMAP_INFERNO)[:, :, ::-1])


def _scale(top: float) -> RGB:
    """The bar of colours with the values at its ends."""
    bar = np.zeros((PANEL_PX, BAR_PX + BAR_LABEL_PX, 3), np.uint8)
    ramp = np.rint(np.linspace(255, 0, PANEL_PX)).astype(np.uint8)
    bar[:, :BAR_PX] = _colours(np.repeat(ramp[:, None], BAR_PX, axis=1))
    return _text(_text(bar, f"{top:.2g}", (BAR_PX + 4, 20)), "0", (BAR_PX + 4, PANEL_PX - 4))


def _text(picture: RGB, text: str, corner: tuple[int, int]) -> RGB:
    white, thickness = (255, 255, 255), 1
    return cv2.putText(picture, text, corner, cv2.FONT_HERSHEY_SIMPLEX, TEXT_SIZE, white, thickness, cv2.LINE_AA)  # type: ignore[no-any-return]
