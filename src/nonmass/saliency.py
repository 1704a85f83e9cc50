"""Numbers for "the model looks at the lesion": a heat map, and maps that know nothing, against a lesion mask.

Maps and masks are those of the picture, without the padding of its square, but for `enlarge` and `lesion_numbers`.
"""

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
        heat: (height, width), 0 or more.
        lesion: (height, width).
    """
    total = heat.sum(dtype=np.float64)
    if total == 0:
        return float(lesion.mean())
    return float(heat[lesion].sum(dtype=np.float64) / total)


def iou_above_percentile(heat: Heat, lesion: Mask) -> float:
    """Intersection over union of the lesion and where the map is above its 80th percentile, 0 to 1.

    A map of zeros is nowhere above it, and gives 0.

    Args:
        heat: (height, width), 0 or more.
        lesion: (height, width), not empty.
    """
    return _iou(heat > np.percentile(heat, PERCENTILE), lesion)


def centre_hit(lesion: Mask) -> float:
    """Whether the middle of the picture lies in the lesion: what a map that knows nothing may point at."""
    # The middle of an even width is the corner of two columns; then both count half.
    rows, columns = (slice((n - 1) // 2, n // 2 + 1) for n in lesion.shape)
    return float(lesion[rows, columns].mean())


def centre_blob(height_px: int, width_px: int) -> Mask:
    """The middle of the picture: an ellipse of its proportions, as large as what `iou_above_percentile` leaves."""
    y, x = (np.arange(n, dtype=np.float64) + 0.5 for n in (height_px, width_px))
    radii = np.hypot((y[:, None] - y.mean()) / height_px, (x[None, :] - x.mean()) / width_px)
    return np.asarray(radii <= np.percentile(radii, 100 - PERCENTILE))


def map_numbers(heat: Heat, lesion: Mask) -> dict[str, float]:
    """Columns of `tables.LESION_MATCHES` of one map.

    Args:
        heat: (height, width), 0 or more.
        lesion: (height, width), not empty.
    """
    return {
        "pointing_game": pointing_hit(heat, lesion),
        "energy_in_lesion": energy_in_lesion(heat, lesion),
        "iou": iou_above_percentile(heat, lesion),
        "is_empty": int(not heat.any()),
    }


def centre_numbers(lesion: Mask) -> dict[str, float]:
    """The same of a map that knows nothing of the image: even over the picture's middle, and highest at its centre."""
    blob = centre_blob(*lesion.shape)
    return {
        "pointing_game": centre_hit(lesion),
        "energy_in_lesion": float(lesion[blob].mean()),
        "iou": _iou(blob, lesion),
        "is_empty": 0,
    }


def lesion_numbers(maps: Mapping[str, Heat], lesion: Mask, content: Box) -> dict[str, dict[str, float]]:
    """Name of a map -> `map_numbers`, and `centre` -> `centre_numbers`.

    All are of the picture without its padding: what a map has there counts for none, and for no baseline.

    Args:
        maps: Name -> coarse heat map (h, w), 0 or more.
        lesion: (side, side), not empty.
        content: Where the picture lies in the square; it holds all of the lesion.
    """
    side_px, in_picture = len(lesion), lesion[content.slices]
    found = {name: map_numbers(enlarge(heat, side_px)[content.slices], in_picture) for name, heat in maps.items()}
    return {**found, "centre": centre_numbers(in_picture)}


def _iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())
