"""Calipers: small plus signs, crosses and I shapes of even, thin arms."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.overlays.ink import Corners, Ink

ARM_PX = (3, 14)  # from the centre to the tip
LEAST_RELIEF, LEAST_MEAN_RELIEF = 36, 65  # anywhere and on average
FRAME_PX = 20  # more than an arm, and what is beside it
TIP = 0.4  # an arm ends where the relief falls below this share of the centre's
ASIDE_PX = 3  # so far beside an arm there is no ink
DARKER = 40  # gray levels
LEAST_BARE = 0.55  # share of the arms beside which there is none
LEAST_SHARPNESS = 0.75  # largest drop within one pixel, as a share of the relief
MOST_SPREAD = 0.2  # of the brightness along the arms, as a share of it
SERIF, TRAIL = 0.75, 0.15  # of an I's width: what its end rows fill at least, what a dot fills at most
PLUS = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])  # steps in x, y
CROSS = np.array([(1, 1), (-1, -1), (1, -1), (-1, 1)])


@dataclass(frozen=True)
class Arms:
    """What is measured along the four arms of each of n centres.

    Attributes:
        length: `(n, 4)` pixels to the tips, ascending.
        relief: `(n,)` mean over the arms, gray levels.
        bare: `(n,)` share of the arms with nothing beside them.
        sharpness: `(n,)` largest drop within one pixel, as a share of the relief.
        spread: `(n,)` standard deviation of the brightness, as a share of it.
    """

    length: NDArray[np.intp]
    relief: NDArray[np.float64]
    bare: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    spread: NDArray[np.float64]

    @property
    def even(self) -> NDArray[np.bool_]:
        """`(n,)` whether three arms are equally long; a dotted line may lengthen the fourth."""
        shortest, middle, long, longest = self.length.T
        alike = (long - shortest <= np.maximum(2, 0.25 * middle)) & (longest <= 2 * middle + 4)
        return np.asarray(alike & (shortest >= ARM_PX[0]) & (middle <= ARM_PX[1]))

    @property
    def drawn(self) -> NDArray[np.bool_]:
        """`(n,)` whether they are thin, of one ink, and sharp."""
        clear = (self.relief >= LEAST_MEAN_RELIEF) & (self.sharpness >= LEAST_SHARPNESS)
        return np.asarray(clear & (self.bare >= LEAST_BARE) & (self.spread <= MOST_SPREAD))


def find_calipers(ink: Ink) -> Corners:
    """Boxes `(n, 4)` of calipers, pixels of the field; none has its middle in another."""
    found = np.concatenate([_crossings(ink, PLUS), _crossings(ink, CROSS), _capital_i(ink)])
    kept: list[NDArray[np.int32]] = []
    for corners in found:
        x, y = corners[:2] + corners[2:]
        if not any(2 * x0 <= x < 2 * x1 and 2 * y0 <= y < 2 * y1 for x0, y0, x1, y1 in kept):
            kept.append(corners)
    return np.array(kept, np.int32).reshape(-1, 4)


def _crossings(ink: Ink, steps: NDArray[np.int_]) -> Corners:
    """Where two thin strokes cross in their middles.

    A crossing lies on both strokes, so its relief survives an erosion by either: a matched filter that asks for
    the weakest pixel and not for the sum, which one bright speck would satisfy.
    """
    likely = _both_strokes(ink.relief, steps) >= LEAST_RELIEF
    rows, columns = np.divmod(np.flatnonzero(likely), likely.shape[1])
    arms = _measured(ink, steps, columns, rows)
    fits = arms.even & arms.drawn
    unevenness = arms.length[:, 2] - arms.length[:, 0]
    score = ink.relief[rows, columns] * arms.bare - 20 * unevenness
    reach = arms.length[:, 1:3].mean(axis=1)
    return _best(np.stack([columns, rows], axis=1)[fits], reach[fits], score[fits])


def _measured(ink: Ink, steps: NDArray[np.int_], columns: NDArray[np.intp], rows: NDArray[np.intp]) -> Arms:
    reach = np.arange(ARM_PX[1] + 2)[None, :, None]  # arrays below are (centres, reach, 4 arms)
    x = columns[:, None, None] + FRAME_PX + reach * steps[:, 0]
    y = rows[:, None, None] + FRAME_PX + reach * steps[:, 1]
    edges = np.asarray(cv2.dilate(ink.drop, np.ones((3, 3), np.uint8)), np.uint8)  # of strokes up to 3 px wide
    relief, brightness = _framed(ink.relief), _framed(ink.brightness)
    on, bright, drop = (_framed(plane)[y, x].astype(np.float32) for plane in (ink.relief, ink.brightness, edges))
    ended = np.concatenate([on < TIP * on[:, :1], np.ones_like(on[:, :1], np.bool_)], axis=1)
    length = ended.argmax(axis=1) - 1
    arm = (reach > 0) & (reach <= length[:, None])
    aside = ASIDE_PX * np.array([(1, 0) if step.all() else abs(step[::-1]) for step in steps])
    beside = [(y + aside[:, 1], x + aside[:, 0]), (y - aside[:, 1], x - aside[:, 0])]
    low = np.maximum(*[relief[at] for at in beside]) < 0.5 * on
    low |= np.maximum(*[brightness[at] for at in beside]) < bright - DARKER  # tissue within a dark outline stands out
    outer = arm & ((reach > ASIDE_PX) | (reach == length[:, None]))
    height, level = _mean(on, arm), _mean(bright, arm)
    return Arms(
        length=np.sort(length, axis=1),
        relief=height,
        bare=_mean(low, outer),
        sharpness=_mean(drop, arm) / np.maximum(height, 1),
        spread=np.sqrt(_mean((bright - level[:, None, None]) ** 2, arm)) / np.maximum(level, 1),
    )


def _framed(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With black around, so that arms may be followed over the border."""
    return np.asarray(cv2.copyMakeBorder(values, FRAME_PX, FRAME_PX, FRAME_PX, FRAME_PX, cv2.BORDER_CONSTANT), np.uint8)


def _mean(values: NDArray[np.generic], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the arms of each centre."""
    return np.asarray((values * where).sum(axis=(1, 2)) / np.maximum(where.sum(axis=(1, 2)), 1), np.float64)


def _both_strokes(relief: NDArray[np.uint8], steps: NDArray[np.int_]) -> NDArray[np.uint8]:
    """The lowest relief on two strokes of the shortest arms through each pixel."""
    size, middle = 2 * ARM_PX[0] + 1, ARM_PX[0]
    strokes = []
    for pair in (steps[:2], steps[2:]):
        kernel = np.zeros((size, size), np.uint8)
        for step in pair:
            for reach in range(middle + 1):
                kernel[middle + reach * step[1], middle + reach * step[0]] = 1
        occupied = np.flatnonzero(kernel.any(axis=1)), np.flatnonzero(kernel.any(axis=0))
        strokes.append(cv2.erode(relief, kernel[np.ix_(*occupied)]))
    return np.asarray(cv2.min(*strokes), np.uint8)


def _best(centres: NDArray[np.int_], arms: NDArray[np.float64], scores: NDArray[np.float64]) -> Corners:
    """One box a caliper: the best of centres that are closer than their arms."""
    boxes: list[NDArray[np.int_]] = []
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable"):
        if all(np.abs(centres[at] - centres[other]).max() > max(arms[other], 4) for other in kept):
            kept.append(int(at))
            arm = round(float(arms[at]))
            boxes.append(np.r_[centres[at] - arm, centres[at] + arm + 1])
    return np.array(boxes, np.int32).reshape(-1, 4)


def _capital_i(ink: Ink) -> Corners:
    """Pieces whose top and bottom rows are full and whose middle is a thin stroke."""
    found = []
    boxes = ink.pieces.boxes
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    likely = ink.pieces.sharp & (height >= 7) & (height <= 26) & (width >= 4) & (width <= 1.2 * height)
    for number in np.flatnonzero(likely):
        x0, y0, x1, y1 = boxes[number]
        filled = (ink.labels[y0:y1, x0:x1] == number + 1).mean(axis=1)
        body = np.flatnonzero(filled > TRAIL)  # without the first dots of a line
        filled = filled[body[0] : body[-1] + 1] if len(body) else filled
        quarter = max(len(filled) // 4, 2)
        thin = max(0.45, 3.2 / (x1 - x0))
        serifs = min(filled[:quarter].max(), filled[-quarter:].max())
        if len(filled) >= 7 and serifs >= SERIF and thin < SERIF and (filled[quarter:-quarter] <= thin).all():
            found.append((x0, y0 + body[0], x1, y0 + body[-1] + 1))
    return np.array(found, np.int32).reshape(-1, 4)
