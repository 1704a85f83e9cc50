"""Numbers for "the model looks at the lesion": a heat map, and maps that know nothing, against a lesion mask."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.geometry import Box

Heat = NDArray[np.float32]
Mask = NDArray[np.bool_]

PERCENTILE = 80  # a map above it covers a fifth of the picture


def enlarge(heat: Heat, side_px: int) -> Heat:
    """A coarse map (h, w) on the pixels of the model's square, (side_px, side_px); bilinear, edges held."""
    enlarged: Heat = cv2.resize(heat, (side_px, side_px), interpolation=cv2.INTER_LINEAR)
    return enlarged


def pointing_hit(heat: Heat, lesion: Mask) -> float:
    """Whether the map's maximum lies in the lesion: 1 or 0, or a share where several pixels are highest.

    The pointing game of Zhang et al. 2018 (doi:10.1007/s11263-017-1059-x), without their tolerance of
    15 pixels. A map of zeros points at every pixel alike.
    """
    return float(lesion[heat == heat.max()].mean())


def energy_in_lesion(heat: Heat, lesion: Mask) -> float:
    """Share of the map's sum that lies in the lesion, 0 to 1.

    The energy-based pointing game of Wang et al. 2020 (doi:10.1109/CVPRW50498.2020.00020). A map of
    zeros counts as an even one.

    Args:
        heat: (side, side), 0 or more.
        lesion: (side, side).
    """
    total = heat.sum(dtype=np.float64)
    if total == 0:
        return float(lesion.mean())
    return float(heat[lesion].sum(dtype=np.float64) / total)


def iou_above_percentile(heat: Heat, lesion: Mask, content: Box) -> float:
    """Intersection over union of the lesion and where the map is above its 80th percentile, 0 to 1.

    The percentile is that of the picture without its padding. A map of zeros is nowhere above it, and gives 0.

    Args:
        heat: (side, side), 0 or more.
        lesion: (side, side), not empty.
        content: Where the picture lies in the square.
    """
    high = np.zeros_like(lesion)
    picture = heat[content.slices]
    high[content.slices] = picture > np.percentile(picture, PERCENTILE)
    return _iou(high, lesion)


def centre_hit(lesion: Mask, content: Box) -> float:
    """Whether the middle of the picture lies in the lesion: what a map that knows nothing may point at.

    Args:
        lesion: (side, side).
        content: Where the picture lies in the square; padding is around it.
    """
    # The middle of an even width is the corner of two columns; then both count half.
    rows = slice(content.y0 + (content.height - 1) // 2, content.y0 + content.height // 2 + 1)
    columns = slice(content.x0 + (content.width - 1) // 2, content.x0 + content.width // 2 + 1)
    return float(lesion[rows, columns].mean())


def centre_blob(side_px: int, content: Box) -> Mask:
    """The middle of the picture: an ellipse of its proportions, as large as what `iou_above_percentile` leaves.

    Args:
        side_px: Of the square.
        content: Where the picture lies in it.
    """
    y, x = (np.arange(n, dtype=np.float64) + 0.5 for n in (content.height, content.width))
    radii = np.hypot((y[:, None] - y.mean()) / content.height, (x[None, :] - x.mean()) / content.width)
    blob = np.zeros((side_px, side_px), bool)
    blob[content.slices] = radii <= np.percentile(radii, 100 - PERCENTILE)
    return blob


def map_numbers(heat: Heat, lesion: Mask, content: Box) -> dict[str, float]:
    """Columns of `tables.LESION_MATCHES` of one map.

    Args:
        heat: (side, side), 0 or more.
        lesion: (side, side), not empty.
        content: Where the picture lies in the square.
    """
    return {
        "pointing_game": pointing_hit(heat, lesion),
        "energy_in_lesion": energy_in_lesion(heat, lesion),
        "iou": iou_above_percentile(heat, lesion, content),
        "is_empty": int(not heat.any()),
    }


def centre_numbers(lesion: Mask, content: Box) -> dict[str, float]:
    """The same of a map that knows nothing of the image: even over the picture's middle, and highest at its centre."""
    blob = centre_blob(len(lesion), content)
    return {
        "pointing_game": centre_hit(lesion, content),
        "energy_in_lesion": float(lesion[blob].mean()),
        "iou": _iou(blob, lesion),
        "is_empty": 0,
    }


def lesion_numbers(maps: Mapping[str, Heat], lesion: Mask, content: Box) -> dict[str, dict[str, float]]:
    """Name of a map -> `map_numbers`, and `centre` -> `centre_numbers`.

    Args:
        maps: Name -> coarse heat map (h, w), 0 or more.
        lesion: (side, side), not empty.
        content: Where the picture lies in the square.
    """
    side_px = len(lesion)
    found = {name: map_numbers(enlarge(heat, side_px), lesion, content) for name, heat in maps.items()}
    return {**found, "centre": centre_numbers(lesion, content)}


def _iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())
