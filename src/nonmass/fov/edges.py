"""The field of view by its straight edges: four lines along which texture ends and something constant begins.

Tissue, text and bars have edges too, but none that runs straight along a whole side with nothing beyond it.
The guess does not need the field to be bright, nor whole: a side that is dark or covered for a part still
has the rest of its line.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.estimators import View
from nonmass.geometry import Box

Floats = NDArray[np.float32]

BANDS = 96  # a screen is cut into so many along a side; a tick or a line of text fills few of them
NEAR_SHARE = 1 / 170  # of the screen: how far is looked on either side of an edge; 3 to 6 pixels
FAINT = 0.6  # mean 3 x 3 range, gray levels, from which a band is texture; constant areas after JPEG are below
CLEAR = 0.25  # beyond an edge there is at most this share of the texture before it
ENOUGH = 3.0  # more texture makes an edge no more of one
LINES = 8  # of each side that are tried, beside the border of the screen
FULL_SHARE = 0.4  # with less texture across the box, a line is in part empty
EMPTY_COST = 1.5  # pixels of edge that an empty line costs: so many it would have at its ends
BORDER_GAIN = 0.5  # texture that ends with the screen is half an edge
LONG_SHARE = 0.33  # of a side: a straight edge that may be the true one
NEXT_SHARE = 0.015  # of the field: nearer to a side, it is the same edge
LEAST_PX = 48  # a smaller picture is no screen
LEAST_SIDE = 0.15  # of the screen's


class Lines(NamedTuple):
    """Candidates for one side: where, and along each band whether texture ends there (1) or goes on (-1)."""

    at: NDArray[np.int64]  # (n,) the first pixel within, seen from outside
    gain: Floats  # (n, BANDS + 1) cumulated over bands


def straight_edges(view: View) -> Box | None:
    """The rectangle with the most straight edge around it.

    Fails on sectors, and where a bar with a pattern of its own is as high as the field and touches it.
    """
    height, width = view.texture.shape
    if min(height, width) < LEAST_PX:
        return None
    down, across = _bands(view)
    left, top, right, bottom = _sides(view)
    x0, x1 = np.meshgrid(left.at, width - right.at, indexing="ij")
    y0, y1 = np.meshgrid(top.at, height - bottom.at, indexing="ij")
    rows = (np.array([y0, y1]) * BANDS / height + 0.5).astype(int)  # (2, n_top, n_bottom)
    columns = (np.array([x0, x1]) * BANDS / width + 0.5).astype(int)  # (2, n_left, n_right)
    # Both (n_left, n_right, n_top, n_bottom), pixels of edge less pixels of nothing.
    upright = _between(left.gain, rows)[:, None] + _between(right.gain, rows)[None]
    level = np.moveaxis(_between(top.gain, columns)[:, None] + _between(bottom.gain, columns)[None], (0, 1), (2, 3))
    empty = _empty(down, rows, np.array([x0, x1])) + np.moveaxis(
        _empty(across, columns, np.array([y0, y1])), (0, 1), (2, 3)
    )
    score = upright * (height / BANDS) + level * (width / BANDS) - EMPTY_COST * empty
    score[(x1 - x0) < LEAST_SIDE * width] = -np.inf
    score[:, :, (y1 - y0) < LEAST_SIDE * height] = -np.inf
    a, b, c, d = np.unravel_index(int(score.argmax()), score.shape)
    if not score[a, b, c, d] > 0:
        return None
    return Box(int(x0[a, b]), int(y0[c, d]), int(x1[a, b]), int(y1[c, d]))


def lines_within(view: View, box: Box) -> list[tuple[str, Box]]:
    """What the box would be if it ended at another straight edge further in: the side's name, and that box.

    Only edges as long as a third of the side, or longer.
    """
    height, width = view.texture.shape
    sides = _sides(view)
    rows, columns = (
        (round(y * BANDS / height) for y in (box.y0, box.y1)),
        (round(x * BANDS / width) for x in (box.x0, box.x1)),
    )
    spans = {"upright": tuple(rows), "level": tuple(columns)}
    found = []
    for name, lines in zip(("left", "top", "right", "bottom"), sides, strict=True):
        start, stop = spans["upright" if name in ("left", "right") else "level"]
        long = lines.gain[:, stop] - lines.gain[:, start] >= LONG_SHARE * (stop - start)
        for at in lines.at[long].tolist():
            x0, y0, x1, y1 = box.x0, box.y0, box.x1, box.y1
            changed = {
                "left": (at, y0, x1, y1),
                "top": (x0, at, x1, y1),
                "right": (x0, y0, width - at, y1),
                "bottom": (x0, y0, x1, height - at),
            }[name]
            if changed[0] < changed[2] and changed[1] < changed[3]:
                found.append((name, Box(*changed)))
    return [(name, inner) for name, inner in found if inner.area < (1 - NEXT_SHARE) * box.area]


@lru_cache(maxsize=1)  # of the view that is just looked at; all that is asked about its edges begins with these
def _bands(view: View) -> tuple[Floats, Floats]:
    """Mean texture in bands of rows, `(BANDS, W)`, and of columns, `(BANDS, H)`."""
    height, width = view.texture.shape
    level = np.minimum(view.texture, 16)
    down = cv2.resize(level, (width, BANDS), interpolation=cv2.INTER_AREA).astype(np.float32)
    across = cv2.resize(level, (BANDS, height), interpolation=cv2.INTER_AREA).astype(np.float32).T
    return down, np.ascontiguousarray(across)


@lru_cache(maxsize=1)
def _sides(view: View) -> tuple[Lines, Lines, Lines, Lines]:
    """Candidates for left, top, right, bottom, each seen from outside."""
    down, across = _bands(view)
    near = min(max(round(max(view.texture.shape) * NEAR_SHARE), 3), 6)
    return _lines(down, near), _lines(across, near), _lines(down[:, ::-1], near), _lines(across[:, ::-1], near)


def _lines(bands: Floats, near: int) -> Lines:
    """Where, walking along the rows of `bands` `(BANDS, n)`, texture begins; the strongest few, and the border."""
    size = bands.shape[1]
    sums = np.concatenate([np.zeros((len(bands), 1), np.float32), np.cumsum(bands, axis=1)], axis=1)
    at = np.arange(near + 2, size - near)
    inside = (sums[:, 2 * near + 2 :][:, : len(at)] - sums[:, near + 2 :][:, : len(at)]) / near
    # The range of 3 x 3 pixels reaches one pixel beyond what it is of.
    outside = (sums[:, near : near + len(at)] - sums[:, : len(at)]) / near
    textured = inside >= FAINT
    ends = textured & (outside <= CLEAR * inside)
    goes_on = textured & (outside > 2 * CLEAR * inside)
    rise = np.where(ends, inside - outside, 0)
    best = _strongest(np.minimum(rise, ENOUGH).sum(axis=0) + rise.sum(axis=0) / 1000, near)  # of equals, the steepest
    gain = ends[:, best].astype(np.float32) - goes_on[:, best]
    border = BORDER_GAIN * (sums[:, near] / near >= FAINT).astype(np.float32)
    gain = np.concatenate([border[:, None], gain], axis=1).T
    zero = np.zeros((len(gain), 1), np.float32)
    return Lines(np.concatenate([[0], at[best]]), np.concatenate([zero, np.cumsum(gain, axis=1)], axis=1))


def _strongest(profile: Floats, near: int) -> list[int]:
    """Where a profile is largest, `LINES` places at most and none closer than `near` to a larger one."""
    found: list[int] = []
    for at in np.argsort(-profile, kind="stable").tolist():
        if len(found) == LINES or profile[at] <= 0:
            break
        if all(abs(at - other) > near for other in found):
            found.append(at)
    return found


def _between(gain: Floats, ends: NDArray[np.int64]) -> Floats:
    """Sum of each line's gain from band `ends[0]` to `ends[1]`: `(n_lines, *ends.shape[1:])`."""
    return np.asarray(gain[:, ends[1]] - gain[:, ends[0]])


def _empty(bands: Floats, across: NDArray[np.int64], along: NDArray[np.int64]) -> Floats:
    """How many of the lines from `along[0]` to `along[1]` have no texture in the bands from `across[0]` to `[1]`.

    A line that has some counts in part. `(*along.shape[1:], *across.shape[1:])`.
    """
    filled = np.concatenate([np.zeros((1, bands.shape[1]), np.float32), np.cumsum(bands >= FAINT, axis=0)])
    share = (filled[across[1]] - filled[across[0]]) / np.maximum(across[1] - across[0], 1)[..., None]
    count = np.cumsum(np.pad(np.maximum(1 - share / FULL_SHARE, 0), [(0, 0), (0, 0), (1, 0)]), axis=-1)
    return np.moveaxis(count[..., along[1]] - count[..., along[0]], (0, 1), (2, 3))
