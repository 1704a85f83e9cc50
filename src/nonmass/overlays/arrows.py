"""Arrows: plain shapes of one ink with sharp edges, even on both sides of their axis, with a head and a tail."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.images import Gray
from nonmass.overlays.ink import Corners, Ink, connected

LENGTH_PX = (16, 110)
HEAD_PX = 7  # least width of the head
LEAST_SHARPNESS, LEAST_EDGE = 0.5, 50.0
CLEAR_SHARPNESS, CLEAR_EDGE, CLEAR_RELIEF = 0.62, 44.0, 58.0  # of a piece of ink; see `Pieces`
LEAST_RIM = 0.75  # share of the rim that is sharp
LEAST_SYMMETRY = 0.72  # overlap with the shape mirrored at its axis
HEAD = (0.22, 0.75)  # width of the head as a share of the length
TAIL = 0.58  # mean width of the last third as a share of the head's
TIP = 0.75  # width of the tip as a share of the head's
SLICES = 12


def find_arrows(ink: Ink, taken: NDArray[np.bool_]) -> Corners:
    """Boxes of arrows: thin ones are pieces of ink as a whole; filled ones are too wide for that.

    Args:
        ink: See `find_ink`.
        taken: `(h, w)` pixels of other marks.
    """
    thin, filled = _thin(ink, taken), _filled(ink, taken)
    apart = [not any(_meet(corners, other) for other in thin) for corners in filled]
    return np.concatenate([thin, filled[apart]]) if len(filled) else thin


def _meet(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    return bool((np.minimum(one[2:], other[2:]) > np.maximum(one[:2], other[:2])).all())


def _thin(ink: Ink, taken: NDArray[np.bool_]) -> Corners:
    pieces = ink.pieces
    longer = (pieces.boxes[:, 2:] - pieces.boxes[:, :2]).max(axis=1)
    found = []
    clear = (pieces.sharpness >= CLEAR_SHARPNESS) & (pieces.edge >= CLEAR_EDGE) & (pieces.relief >= CLEAR_RELIEF)
    for number in np.flatnonzero(clear & (longer >= 0.7 * LENGTH_PX[0]) & (longer <= LENGTH_PX[1])):
        x0, y0, x1, y1 = pieces.boxes[number]
        piece = (ink.labels[y0:y1, x0:x1] == number + 1).view(np.uint8)
        contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if not taken[y0:y1, x0:x1][piece > 0].any() and is_arrow(contours[0]):
            found.append(pieces.boxes[number])
    return np.array(found, np.int32).reshape(-1, 4)


def _filled(ink: Ink, taken: NDArray[np.bool_]) -> Corners:
    # Only what touches sharp edges can be an arrow; the level that parts it from the tissue is its own.
    sharp = ((ink.drop > LEAST_EDGE) & ~taken).view(np.uint8)
    _, stats, _ = connected(cv2.dilate(sharp, np.ones((3, 3), np.uint8)))
    found = []
    for x, y, width, height, _ in stats[1:]:
        if LENGTH_PX[0] <= max(width, height) <= LENGTH_PX[1] and min(width, height) >= HEAD_PX:
            window = slice(max(y - 2, 0), y + height + 2), slice(max(x - 2, 0), x + width + 2)
            box = _arrow_in(ink.brightness[window], sharp[window])
            if box is not None:
                found.append(np.array(box) + (window[1].start, window[0].start) * 2)
    return np.array(found, np.int32).reshape(-1, 4)


def _arrow_in(gray: Gray, sharp: Gray) -> tuple[int, int, int, int] | None:
    ink = np.median(gray[sharp > 0])
    ground = np.median(gray[sharp == 0])
    mask = (gray > (ink + ground) / 2).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    piece = (labels == largest).view(np.uint8)
    contours, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = contours[0]
    if not _looks_drawn(gray, piece) or not is_arrow(contour):
        return None
    x, y, width, height = cv2.boundingRect(contour)
    return x, y, x + width, y + height


def _looks_drawn(gray: Gray, piece: Gray) -> bool:
    """One ink, and edges of one pixel."""
    small = np.ones((3, 3), np.uint8)
    rim = (piece - cv2.erode(piece, small)) > 0
    drop = cv2.subtract(gray, cv2.erode(gray, small))[rim]
    level = gray[piece > 0].astype(float)
    around = gray[(cv2.dilate(piece, np.ones((7, 7), np.uint8)) - piece) > 0]
    relief = level.mean() - np.median(around)
    return bool((drop >= max(LEAST_EDGE, LEAST_SHARPNESS * relief)).mean() >= LEAST_RIM)


def is_arrow(contour: NDArray[np.int32]) -> bool:
    """Whether an outline, `(n, 1, 2)`, is that of an arrow, by its width along its axis of symmetry."""
    area = np.zeros(np.ptp(contour[:, 0], axis=0)[::-1] + 1, np.uint8)
    cv2.fillPoly(area, [contour - contour.min(axis=0)], 1)
    y, x = np.nonzero(area)
    points = np.stack([x, y], axis=1) - (x.mean(), y.mean())
    _, axes = np.linalg.eigh(points.T @ points)
    along, across = points @ axes[:, 1], points @ axes[:, 0]
    length = np.ptp(along) + 1
    if not LENGTH_PX[0] <= length <= LENGTH_PX[1]:
        return False
    slot = np.minimum(((along - along.min()) / length * SLICES).astype(int), SLICES - 1)
    left = np.array([-across[slot == n].min(initial=0) for n in range(SLICES)])
    right = np.array([across[slot == n].max(initial=0) for n in range(SLICES)])
    symmetry = np.minimum(left, right).clip(0).sum() / max(np.maximum(left, right).sum(), 1e-9)
    width = left + right + 1
    if np.argmax(width) >= SLICES // 2:
        width = width[::-1]
    head, tail = width.max(), width[SLICES * 2 // 3 :].mean()
    return bool(
        symmetry >= LEAST_SYMMETRY
        and head >= HEAD_PX
        and HEAD[0] <= head / length <= HEAD[1]
        and tail <= TAIL * head
        and width[0] <= TIP * head
    )
