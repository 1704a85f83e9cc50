"""The sides of a field of view: where they are, and what is seen along them.

A side of a field is straight: along it texture ends, and something constant begins. Text, a ruler or a line
that lies over a part of a side, or a black part of the field, leaves the rest of the side to be seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.fov.estimators import Gray, stroke_px, without_strokes
from nonmass.geometry import Box

Polygon = tuple[tuple[int, int], ...]
SIDES = ("left", "top", "right", "bottom")  # in the order of a box's coordinates
PIECES = 24  # a side is judged in so many
INNER, OUTER = 16, 16  # pixels looked at on its inner and outer side
BLOCK = 8  # pixels of a JPEG block: so far reaches the ringing of an edge
FAINT_LEVELS = 0.7  # mean difference from what is outside, gray levels, from which a piece is seen
CONSTANT_LEVELS = 0.5  # mean deviation of what is constant, after JPEG
RINGING_LEVELS = 2.0  # the same next to a bright edge
CLEAR_SHARE = 0.3  # beyond a side there is at most this share of the texture before it
TRIMMED = 0.25  # share of the brightest pixels of a piece that do not count: ticks, strokes
SEEN_SHARE = 0.35  # of a side's pieces; where a field fades into black, fewer end at one line
FEW_SHARE = 0.2  # of them, if next to nothing speaks against it
CLEAR_LEVELS = 32  # more contrast than this counts no more
DEEP_SHARE = 0.04  # of the field: so far in from a side is looked whether it only fades away there
FADED_SHARE = 0.25  # of what is seen there, or less, next to the side is no end, but a fading


@dataclass(frozen=True)
class Side:
    """What is seen along one side of a box, shares of its pieces that add up to 1 with the dark ones.

    Attributes:
        step: Texture up to the side, something constant beyond it.
        blocked: Something goes on beyond it.
        fades: Texture that ends before it; at the border of the screen, no texture.
        border: Whether the side is the screen's.
    """

    step: float
    blocked: float
    fades: float
    border: bool = False

    @property
    def seen(self) -> bool:
        """Whether enough of the side is seen, and more than speaks against it."""
        if self.border:
            return self.fades <= 1 - SEEN_SHARE
        against = self.blocked + self.fades
        return (self.step >= SEEN_SHARE and self.step >= 2 * against) or (
            self.step >= FEW_SHARE and self.step >= 4 * against
        )

    @property
    def clear(self) -> float:
        """How sure the side is, 0 to 1."""
        if self.border:
            return 1 - self.fades
        return self.step / max(self.step + self.blocked + self.fades, 0.5)


def sides_of(gray: Gray, box: Box, outer_px: int = OUTER) -> dict[str, Side]:
    """What is seen along each side of a box on a screen `(H, W)` uint8, up to `outer_px` beyond it."""
    return {name: side_of(gray, box, name, outer_px) for name in SIDES}


def gap_px(box: Box, others: Iterable[Box]) -> int:
    """Pixels between a box and the nearest of others beside it, above or below."""
    gaps = [max(o.x0 - box.x1, box.x0 - o.x1, o.y0 - box.y1, box.y0 - o.y1) for o in others if o != box]
    return max(min(gaps, default=OUTER), 0)


def side_of(gray: Gray, box: Box, name: str, outer: int = OUTER) -> Side:
    """What is seen along one side, up to `outer` pixels beyond it."""
    # Turned so that the side is the left one.
    turned, x, start, stop = {
        "left": (gray, box.x0, box.y0, box.y1),
        "right": (gray[:, ::-1], gray.shape[1] - box.x1, box.y0, box.y1),
        "top": (gray.T, box.y0, box.x0, box.x1),
        "bottom": (gray[::-1].T, gray.shape[0] - box.y1, box.x0, box.x1),
    }[name]
    margin = (stop - start) // 100 + 2  # corners are rounded off by what is next to them
    outer = min(x, outer)
    strip = np.ascontiguousarray(turned[start + margin : stop - margin, x - outer : x + INNER])
    if len(strip) < 2 * PIECES or strip.shape[1] < outer + 6:
        return Side(0.0, 0.0, 0.0)
    if name == "bottom":  # a caption has a straight foot; bright level lines are seen at the top only
        strip = without_strokes(strip, stroke_px(gray))
    if outer >= 3:  # ticks and text beside the field
        strip[:, :outer] = without_strokes(np.ascontiguousarray(strip[:, :outer].T), stroke_px(gray)).T
    side = turned[start + margin : stop - margin]
    deep = x + max(INNER, round(DEEP_SHARE * (box.height if name in ("top", "bottom") else box.width)))
    # Gel and skin at the top are brighter than what is under them, and a probe in air shows lines alone.
    beneath = None if name == "top" else np.ascontiguousarray(side[:, deep : deep + BLOCK])
    return _judged(strip, outer, lines=name == "top", beneath=beneath)


def outline_sides(gray: Gray, polygon: Polygon) -> dict[str, Side]:
    """What is seen along the left, top, right and bottom part of the outline of a field that is no rectangle.

    A part is left out if it is too short to be judged, or cut off by the border of the screen.
    """
    corners = np.array(polygon, np.float64)
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.maximum(np.hypot(*edges.T), 1e-9)
    turn = np.sign(np.sum(corners[:, 0] * np.roll(corners[:, 1], -1) - np.roll(corners[:, 0], -1) * corners[:, 1]))
    at = np.arange(0, lengths.sum(), 1.0)
    edge = np.minimum(np.searchsorted(np.cumsum(lengths), at, side="right"), len(lengths) - 1)
    along = (edges / lengths[:, None])[edge]
    inwards = turn * np.stack([-along[:, 1], along[:, 0]], axis=1)
    points = corners[edge] + along * (at - (np.cumsum(lengths) - lengths)[edge])[:, None]
    # The sides of a wide sector lean by up to a half right angle, and so does the end of its arc.
    bottom, top = inwards[:, 1] < -0.6, inwards[:, 1] > 0.8
    side = ~(bottom | top)
    parts = {"left": side & (inwards[:, 0] > 0), "top": top, "right": side & (inwards[:, 0] < 0), "bottom": bottom}
    found = {name: _along(gray, points[part], inwards[part]) for name, part in parts.items()}
    return {name: judged for name, judged in found.items() if judged}


def _along(gray: Gray, points: NDArray[np.float64], inwards: NDArray[np.float64]) -> Side | None:
    """What is seen along points `(n, 2)` with unit normals; outlines are known to a few pixels, so about there."""
    best: Side | None = None
    for shift in (-4, -2, 0, 2, 4):
        depth = np.arange(-OUTER, INNER) + shift
        x, y = (points[:, k, None] + inwards[:, k, None] * depth for k in (0, 1))
        inside = (x.min(axis=1, initial=0) >= -0.5) & (y.min(axis=1, initial=0) >= -0.5)
        inside &= (x.max(axis=1, initial=0) < gray.shape[1]) & (y.max(axis=1, initial=0) < gray.shape[0])
        if inside.sum() < 2 * PIECES:
            continue
        strip = cv2.remap(gray, x[inside].astype(np.float32), y[inside].astype(np.float32), cv2.INTER_NEAREST)
        judged = _judged(np.asarray(strip, np.uint8), OUTER)
        if best is None or judged.step > best.step:
            best = judged
    return best


def _judged(strip: Gray, outer: int, lines: bool = False, beneath: Gray | None = None) -> Side:
    """What is seen in a strip `(along the side, from outside to inside)` whose first `outer` columns are outside.

    Lines along the side are texture too if `lines`: gel, skin, and a probe in air show them at the top. Where
    `beneath`, a strip further in, is far brighter than what is next to the side, the field fades away there.
    """
    pieces = _in_pieces(strip)
    if outer < 3:
        lively = _changes(pieces, 1)
        return Side(0.0, 0.0, float(1 - lively.mean()), border=True)
    # The pixel next to the side may be half of each.
    level = medians(pieces[:, :, max(outer - BLOCK, 0) : outer - 1].reshape(PIECES, -1))
    off = np.abs(pieces - level[:, None, None])
    beyond = _trimmed(off[:, :, max(outer - BLOCK, 0) : outer - 1])
    near, further = _trimmed(off[:, :, outer + 1 : outer + 5]), _trimmed(off[:, :, outer + 4 :])
    most = np.maximum(near, further)
    clear = beyond <= _still_constant(near)
    clear &= np.abs(level - medians(level)) <= RINGING_LEVELS  # tissue beyond would be of many levels
    if outer > BLOCK + 2:  # beyond the ringing, all is as constant as it gets; smooth tissue is not
        rest = pieces[:, :, : outer - BLOCK]  # may be of another gray: the rim of a well around the field
        own = medians(rest.reshape(PIECES, -1))
        clear &= np.minimum(beyond, _trimmed(np.abs(rest - own[:, None, None]))) <= CONSTANT_LEVELS
    lively = _changes(pieces[:, :, outer + 1 : outer + 5], 1)
    if lines:
        lively |= _changes(pieces[:, :, outer + 1 : outer + BLOCK], 2)
    step = clear & lively & (near >= FAINT_LEVELS) & (near >= 0.4 * most)
    if beneath is not None and beneath.shape[1]:
        step &= near >= FADED_SHARE * _trimmed(np.abs(_in_pieces(beneath) - level[:, None, None]))
    blocked = (beyond > _still_constant(most)) & ~step
    fades = (most >= FAINT_LEVELS) & ~step & ~blocked
    return Side(float(step.mean()), float(blocked.mean()), float(fades.mean()))


def _in_pieces(strip: Gray) -> NDArray[np.float32]:
    return strip[: len(strip) // PIECES * PIECES].reshape(PIECES, -1, strip.shape[1]).astype(np.float32)


def _changes(pieces: NDArray[np.float32], axis: int) -> NDArray[np.bool_]:
    """Whether each piece changes along an axis, on average, by more than what is constant."""
    return np.asarray(np.abs(np.diff(pieces, axis=axis)).mean(axis=(1, 2)) > CONSTANT_LEVELS)


def _still_constant(texture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Beyond a side with so much texture before it, deviation up to this is constant: the more, the more rings."""
    # np.clip takes twice as long.
    return np.asarray(np.minimum(np.maximum(CLEAR_SHARE * texture, CONSTANT_LEVELS), RINGING_LEVELS), np.float32)


def _trimmed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each piece without its largest values."""
    flat = np.sort(values.reshape(len(values), -1), axis=1)  # of so few, faster than to part them
    kept = max(1, int(flat.shape[1] * (1 - TRIMMED)))
    return np.asarray(flat[:, :kept].sum(axis=1) / np.float32(kept))


def medians(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median along the last axis, in a third of the time that `np.median` takes for so few."""
    ordered = np.sort(values, axis=-1)
    size = values.shape[-1]
    return np.asarray((ordered[..., (size - 1) // 2] + ordered[..., size // 2]) / np.float32(2))


def snap(gray: Gray, box: Box, reach: int | None = None) -> Box:
    """Move each side to the steepest rise of contrast within `reach` pixels, by default 1 % of the screen."""
    height, width = gray.shape
    rows, columns = slice(box.y0, box.y1), slice(box.x0, box.x1)
    x0, y0 = _rise(gray[rows], box.x0, reach), _rise(gray[:, columns].T, box.y0, reach)
    x1 = width - _rise(gray[rows, ::-1], width - box.x1, reach)
    y1 = height - _rise(gray[::-1, columns].T, height - box.y1, reach)
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else box


def _rise(turned: Gray, start: int, reach: int | None) -> int:
    """Where near column `start` three columns most exceed the three before, in contrast to what is outside."""
    length = turned.shape[1]
    reach, span = reach or max(4, length // 100), 3
    if start < span:
        return 0
    first, last = max(start - reach - OUTER, 0), min(start + reach + 2 * span, length)
    strip = np.ascontiguousarray(turned[:, first:last])
    at = slice(max(span, start - reach) - first, min(start + reach, length - span) + 1 - first)
    if at.start >= at.stop:
        return start
    # What is outside begins where the guess ends, unless the guess is too small: then it is a little further out.
    levels = [
        _level(strip[:, max(start - first - 5, 0) : start - first - 1]),
        _level(strip[:, : max(start - reach - first, span)]),
    ]
    near = _steps(strip, levels[0], at)
    further = near if levels[1] == levels[0] else _steps(strip, levels[1], at)
    steps = near if near.max() >= further.max() / 2 else further
    return first + at.start + int(steps.argmax()) if steps.max() > FAINT_LEVELS else start


def _level(outside: Gray) -> int:
    """Median of a strip, gray levels; 0 of none."""
    some = outside[:: max(1, len(outside) // 64)].ravel().astype(np.float32)  # numpy orders bytes ten times slower
    return int(medians(some)) if some.size else 0


def _steps(strip: Gray, level: int, at: slice) -> NDArray[np.float64]:
    """By how much three columns from each of `at` on exceed the three before, in contrast to a level."""
    span, start, stop = 3, at.start, at.stop
    # Beyond some contrast all is foreground; without this limit a line of bright text outweighs dark tissue.
    contrast = cv2.threshold(cv2.absdiff(strip, np.full_like(strip, level)), CLEAR_LEVELS, 0, cv2.THRESH_TRUNC)[1]
    profile = np.asarray(cv2.reduce(contrast, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)).ravel()
    sums = np.concatenate([[0.0], np.cumsum(profile, dtype=np.float64)])
    return np.asarray(
        (sums[start + span : stop + span] - 2 * sums[start:stop] + sums[start - span : stop - span]) / span
    )
