"""Numbers for "the model looks at the lesion": heat maps against lesion masks, with their baselines."""

from collections.abc import Iterable

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.geometry import Box
from nonmass.lesions import crop_of

Heat = NDArray[np.float32]
Mask = NDArray[np.bool_]

COLUMNS = ("hit", "centre_hit", "energy", "area", "empty_map")


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


def area_share(lesion: Mask, content: Box) -> float:
    """Share of the picture, without padding, that is lesion: the energy of a map spread evenly over it."""
    return float(lesion[content.slices].mean())


def lesion_numbers(heat: Heat, lesion: Mask, content: Box) -> dict[str, float]:
    """The numbers of one image, by the names in `COLUMNS`.

    Args:
        heat: (side, side), 0 or more.
        lesion: (side, side), not empty.
        content: Where the picture lies in the square.
    """
    return {
        "hit": pointing_hit(heat, lesion),
        "centre_hit": centre_hit(lesion, content),
        "energy": energy_in_lesion(heat, lesion),
        "area": area_share(lesion, content),
        "empty_map": float(not heat.any()),
    }


def compare_with_lesions(rows: pd.DataFrame, maps: Heat, lesions: Iterable[Mask]) -> pd.DataFrame:
    """`lesion_numbers` of every image that shows a lesion.

    Args:
        rows: One row an image, of `lesions.add_masks`.
        maps: (n, h, w) coarse heat maps, 0 or more, in the rows' order.
        lesions: (side, side) each, in the rows' order; taken one by one, so they may come from a generator.

    Returns:
        The rows with a lesion, with `COLUMNS`.
    """
    numbers = {
        row.Index: lesion_numbers(enlarge(heat, len(lesion)), lesion, crop_of(row).content)
        for row, heat, lesion in zip(rows.itertuples(), maps, lesions, strict=True)
        if lesion.any()
    }
    return rows.join(pd.DataFrame.from_dict(numbers, orient="index", columns=COLUMNS), how="inner")


def summarise(images: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Means over the images of each part that show a lesion; no interval yet.

    A part without such an image is absent. Images of one patient count one by one.

    Args:
        images: One row an image with a lesion: `part`, `patient_id` and `COLUMNS`.

    Returns:
        part -> `n`, `pointing_game` and `energy_in_lesion`, the latter two each beside its baseline.
    """
    return {
        str(part): {
            "n": {
                "images": len(rows),
                "patients": int(rows["patient_id"].nunique()),
                "empty_maps": int(rows["empty_map"].sum()),
            },
            "pointing_game": {"est": float(rows["hit"].mean()), "centre_baseline": float(rows["centre_hit"].mean())},
            "energy_in_lesion": {"est": float(rows["energy"].mean()), "area_baseline": float(rows["area"].mean())},
        }
        for part, rows in images.groupby("part")
    }
