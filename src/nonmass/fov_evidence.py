"""What speaks for or against a box on a screen: its sides, what is outside, what is inside.

Masks are the foreground of `fov_estimators`, `(H, W)`, 1 off the background. Thresholds are shares of pixels.
"""

from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from nonmass.fov_estimators import Gray, Mask, rough
from nonmass.geometry import Box

SIDES = ("left", "top", "right", "bottom")  # in the order of a box's coordinates

SHARP = 0.5  # least sharpness of a side; fields that fade evenly into black are below 0.3
CLEAR_LEVELS = 32  # more contrast than this counts no more
EMPTY_SHARE = 0.1  # less foreground is a gap between things
FLAT_SHARE = 0.5  # more constant pixels are a bar, not tissue
CHROME_SHARE = 0.0005  # less foreground outside the box is no user interface


def snap(contrast: Gray, box: Box) -> tuple[Box, tuple[float, float, float, float]]:
    """Move each side to the steepest rise of contrast close by.

    Returns:
        The box, and the sharpness of each side, 0 to 1: the rise over it as a share of the contrast a little
        further in. 1 at the border of the screen; near 0 where a field fades into black.
    """
    height, width = contrast.shape
    # Beyond some contrast all is foreground; without this limit a line of bright text outweighs dark tissue.
    level = np.minimum(contrast, CLEAR_LEVELS).astype(np.float32)
    columns, rows = level[box.y0 : box.y1].mean(axis=0), level[:, box.x0 : box.x1].mean(axis=1)
    x0, left = _rise(columns, box.x0)
    y0, top = _rise(rows, box.y0)
    x1, right = _rise(columns[::-1], width - box.x1)
    y1, bottom = _rise(rows[::-1], height - box.y1)
    return Box(x0, y0, width - x1, height - y1), (left, top, right, bottom)


def _rise(profile: NDArray[np.float32], start: int) -> tuple[int, float]:
    """Where near `start` three entries most exceed the three before, and how sharply."""
    reach, span = max(4, len(profile) // 100), 3
    if start < span:
        return 0, 1.0
    sums = np.concatenate([[0.0], np.cumsum(profile, dtype=np.float64)])
    at = np.arange(max(span, start - reach), min(start + reach, len(profile) - span) + 1)
    steps = (sums[at + span] - 2 * sums[at] + sums[at - span]) / span
    best = int(at[steps.argmax()])
    further = profile[best + span : best + 5 * span]
    sharpness = float(steps.max()) / max(float(further.mean()) if further.size else 0.0, 1.0)
    return (best if sharpness >= SHARP else start), min(max(sharpness, 0.0), 1.0)


def at_border(mask: Mask, box: Box) -> set[str]:
    """The sides at which the box ends with the screen."""
    height, width = mask.shape
    ends = (box.x0 == 0, box.y0 == 0, box.x1 == width, box.y1 == height)
    return {side for side, end in zip(SIDES, ends, strict=True) if end}


def alone(mask: Mask, box: Box) -> bool:
    """Whether next to nothing is outside the box."""
    outside = int(mask.sum(dtype=np.int64)) - int(mask[box.slices].sum(dtype=np.int64))
    return outside < CHROME_SHARE * mask.size


def unclean_sides(mask: Mask, box: Box) -> set[str]:
    """Sides with something in the strip two to eight pixels outside."""
    near, far = 2, 8
    strips = (
        mask[box.y0 : box.y1, max(box.x0 - far, 0) : max(box.x0 - near, 0)],
        mask[max(box.y0 - far, 0) : max(box.y0 - near, 0), box.x0 : box.x1],
        mask[box.y0 : box.y1, box.x1 + near : box.x1 + far],
        mask[box.y1 + near : box.y1 + far, box.x0 : box.x1],
    )
    return {side for side, strip in zip(SIDES, strips, strict=True) if strip.size and strip.mean() > EMPTY_SHARE}


def flat_sides(image: Gray, mask: Mask, box: Box) -> set[str]:
    """Sides with a constant strip inside: a bar is glued on. Not the top, where gel and skin saturate."""
    rows, columns = box.slices
    flat = mask[rows, columns] & (1 - rough(image[rows, columns])) & (image[rows, columns] > CLEAR_LEVELS)
    strips = {"left": flat[:, 1:7], "right": flat[:, -7:-1], "bottom": flat[-7:-1]}
    return {side for side, strip in strips.items() if strip.size and strip.mean() > FLAT_SHARE}


def is_split(mask: Mask, box: Box) -> bool:
    """Whether an empty row or column divides the box: two panels, a trace, text below the field."""
    inside = mask[box.slices]
    filled = [np.flatnonzero(inside.mean(axis=axis) >= EMPTY_SHARE) for axis in (0, 1)]
    return any((np.diff(lines) > 2).any() for lines in filled)


def tolerance(mask: Mask) -> int:
    """How far a side may be off the layout's and still be it, pixels."""
    return max(8, *(int(size) // 100 for size in mask.shape))


def sides_match(mask: Mask, box: Box, layout_box: Box, open_sides: set[str]) -> bool:
    """Whether two sides or more, those in doubt aside, are where the layout has them, and none is elsewhere."""
    gaps = [gap for side, gap in _gaps(box, layout_box).items() if side not in open_sides]
    return len(gaps) >= 2 and max(gaps) <= tolerance(mask)


def _gaps(box: Box, other: Box) -> dict[str, int]:
    return {side: abs(a - b) for side, a, b in zip(SIDES, astuple(box), astuple(other), strict=True)}


def merge(box: Box, layout_box: Box, open_sides: set[str]) -> Box:
    """The box, with the layout's sides where it is in doubt."""
    pairs = zip(SIDES, astuple(box), astuple(layout_box), strict=True)
    return Box(*(known if side in open_sides else own for side, own, known in pairs))
