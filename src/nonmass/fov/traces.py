"""Time traces: M-mode and spectral Doppler, whose screens show no field of view to use, or a small one.

A trace repeats with the heartbeat, and all of its depth does so at once; tissue does not. Two pictures of the
screen are searched for wide bands of rows that repeat along time: its brightness (envelopes of flow, colour
M-mode), and the slope of its structures (layers that move in M-mode). Each row's autocorrelation by the Fourier
transform (Wiener-Khinchin) is summed over the rows of a band, and says by how much a band is like itself some
time later. A period must come twice over, and with a valley between. M-mode that does not repeat is known by what
moves in step (`motion`).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from nonmass.fov.estimators import CONTRAST_LEVELS, Mask
from nonmass.fov.motion import BLOCK_PX, Gradients, gradients_of, mean_rows, motion_of, slopes
from nonmass.geometry import Box
from nonmass.images import Gray, Picture

Values = NDArray[np.float32]

WORK_PX = 256  # width of the screen at which it is searched
BANDS = (0.2, 0.3, 0.45, 0.65, 0.9)  # heights of bands, of the screen
PARTS = ((0.0, 1.0), (0.0, 0.6), (0.4, 1.0))  # of the width: traces below or above the image, or beside it
SHORTEST, LONGEST = 1 / 16, 0.36  # periods, of a part's width: two must fit in, and speckle repeats by chance
UNEVEN = 4  # lags by which later periods may be off: no heart beats quite evenly
SEEN_SHARE = 0.85  # of the width: longer lags compare too little
VALLEY = 0.25  # by how much a period's correlation exceeds that of shorter and half as long a time again
BRIGHTNESS_FLOOR = 15.0  # least variance along a row that counts, gray levels squared; noise stays below
SLOPE_FLOOR = 0.004  # likewise of slopes, pixels per pixel squared
# Correlation of a trace with itself one to three periods later; no B-mode of 450 comes above 0.34, but one of 40 whose
# thumbnails could not be told from their strip came to 0.54.
REPEATS = 0.55
MAY_REPEAT = 0.4  # such a screen is doubtful, and a trace if an axis of time is on it
REPEATS_OVER_TIME = 0.3  # correlation that suffices above or below an axis of time, beside another image
NEARLY = 0.95  # of a limit: so a quick look finds every trace that a thorough one does
THUMBNAIL_SHARE, THUMBNAIL_PX, THUMBNAIL_FILL = 0.15, 5, 0.8  # of the screen's height; least height; of its box
BUTTON_SHARE = 0.2  # of the screen's height: no trace is lower, nor of one gray
THUMBNAIL_GAP_PX = 41  # a sixth of the width: the widest gap in a row of thumbnails
LOW_BLOCKS, HIGH_BLOCKS = 5, 7  # of a band, in which motion is looked for; 1255 of BUSI and BUS-BRA are within these:
IN_STEP, STREAKS = 0.7, 0.4  # none of the high bands comes above 0.52
IN_STEP_BY_AXIS = 0.65  # suffices for a low band on a screen with an axis of time, which none of these has
IN_STEP_OVER_TIME, STREAKS_OVER_TIME = 0.38, 0.8  # and either of these, beside another image
BLACK_LEVELS = 24  # darker pixels of a spectrum have no flow
STRONG_CHROMA, COLOURED_SHARE = 40, 0.05  # a band with so many such pixels is no tinted gray
TICK_LEVELS = 40  # how much brighter a tick is than what is beside it
TICKS, AXIS_SHARE = 6, 0.35  # least number of ticks, and the part of the screen's width that they span
AREA_SHARE = 0.03  # of the screen: less is no image
M_MODE_FILL = 0.95  # lit share and half the lit runs of a column; spectra are one run with black around it


@dataclass(frozen=True)
class _Rhythm:
    """The part of a screen that repeats most, at `WORK_PX`: correlation a period later, and where."""

    correlation: float
    rows: tuple[int, int] = (0, 0)
    columns: tuple[int, int] = (0, 0)


def refusal_and_doubt(picture: Picture, mask: Mask) -> tuple[str, tuple[str, ...]]:
    """Why a screen has no field of view to use, and what makes one doubtful.

    Args:
        picture: The screen.
        mask: `(H, W)`, 1 off the background; or of every second pixel of every second row.

    Returns:
        `m-mode` or `spectral` if a trace is on it, else ""; and `("trace",)` if one may be, else `()`.
    """
    plane = _plane(picture.gray, picture.chroma)
    searched = _without_thumbnails(plane, picture.chroma, mask)
    rhythm = _rhythm(searched, gradients_of(searched))
    if rhythm.correlation >= REPEATS:
        return _kind(picture, plane, rhythm), ()
    axis = _axis(picture.gray)
    timed = axis is not None and _two_areas(picture.gray, mask, axis)
    if rhythm.correlation >= (REPEATS_OVER_TIME if timed else MAY_REPEAT) and axis:
        return _kind(picture, plane, rhythm), ()
    motion = motion_of(plane)
    low, high = motion[LOW_BLOCKS], motion[HIGH_BLOCKS]
    moves = high.in_step >= IN_STEP and high.streaks >= STREAKS
    if axis:
        moves |= low.in_step >= IN_STEP_BY_AXIS
    if timed:
        moves |= low.in_step >= IN_STEP_OVER_TIME or low.streaks >= STREAKS_OVER_TIME
    if moves:
        return "m-mode", ()
    return "", (("trace",) if timed or rhythm.correlation >= MAY_REPEAT else ())


def may_be_trace(picture: Picture, box: Box) -> bool:
    """Whether a field of view repeats or moves nearly as much as a trace may, by the strictest of all limits."""
    plane = _plane(picture.gray[box.slices], picture.chroma[box.slices], is_quick=True)
    gradients = gradients_of(plane)
    low = motion_of(plane, gradients)[LOW_BLOCKS]
    if low.in_step >= NEARLY * IN_STEP_OVER_TIME or low.streaks >= NEARLY * STREAKS_OVER_TIME:
        return True
    return _rhythm(plane, gradients, PARTS[:1], row_px=4).correlation >= NEARLY * REPEATS_OVER_TIME


def _plane(gray: Gray, chroma: Gray, is_quick: bool = False) -> Values:
    """The screen's brightness, colour added, at `WORK_PX`; a little smoother if it has to be quick."""
    height, width = gray.shape
    step = max(1, width // (2 * WORK_PX))
    gray, chroma = (np.ascontiguousarray(plane[::step, ::step]) for plane in (gray, chroma))
    bright = cv2.add(gray, chroma)
    size = (WORK_PX, max(5 * BLOCK_PX, round(height * WORK_PX / width)))
    if is_quick:
        return np.asarray(cv2.resize(cv2.blur(bright, (3, 3)), size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.asarray(cv2.resize(bright, size, interpolation=cv2.INTER_AREA), np.float32)


def _without_thumbnails(plane: Values, chroma: Gray, mask: Mask) -> Values:
    """The plane without low rectangles: a row of thumbnails or buttons repeats, too, and a trace is no rectangle.

    There, and in the gaps between them, each row has its own mean, so that they count for nothing. One gray for all
    would repeat as they do where they stand on a strip of another gray than that of the screen.
    """
    step = max(1, mask.shape[1] // (2 * WORK_PX))
    some = mask[::step, ::step] * np.uint8(255)
    lit = cv2.resize(some, plane.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    small = _rectangles(lit, THUMBNAIL_SHARE)
    # Buttons of one gray are not in the mask, and are away from what is: jets of M-mode are not, nor are they gray.
    flat = cv2.dilate(lit.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    flat &= cv2.resize(chroma, plane.shape[::-1], interpolation=cv2.INTER_AREA) <= STRONG_CHROMA
    if flat.any():
        small |= _rectangles(flat & (plane - np.median(plane[~lit]) > CONTRAST_LEVELS), BUTTON_SHARE)
    if not small.any():
        return plane
    rims = cv2.morphologyEx(small.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, THUMBNAIL_GAP_PX), np.uint8))
    out = cv2.dilate(rims, np.ones((5, 5), np.uint8)) > 0
    rest = np.where(out, np.float32(0), plane).sum(axis=1) / np.maximum((~out).sum(axis=1), 1)
    return np.where(out, rest[:, None], plane).astype(np.float32)


def _rectangles(lit: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Where areas of `lit` fill the box around them, which is lower than a share of the screen."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lit.astype(np.uint8), connectivity=4)
    _, _, wide, high, area = stats.T
    small = (high < share * len(lit)) & (area >= THUMBNAIL_FILL * wide * high) & (high >= THUMBNAIL_PX)
    small[0] = False
    return np.asarray(small[labels])


def _rhythm(
    plane: Values, gradients: Gradients, parts: tuple[tuple[float, float], ...] = PARTS, row_px: int = 2
) -> _Rhythm:
    """The band that repeats most, in brightness or in slope, in some parts of the width.

    Brightness is that of `row_px` rows together: the more of them, the less speckle, and the sooner a band repeats.
    """
    lower = mean_rows(plane, row_px)
    best = _Rhythm(0.0)
    for values, floor, rows in ((lower, BRIGHTNESS_FLOOR, row_px), (slopes(gradients)[0], SLOPE_FLOOR, BLOCK_PX)):
        for start, stop in parts:
            columns = round(start * WORK_PX), round(stop * WORK_PX)
            correlation, (first, last) = _most_repeating(values[:, columns[0] : columns[1]], floor)
            if correlation > best.correlation:
                best = _Rhythm(correlation, (first * rows, last * rows), columns)
    return best


def _most_repeating(values: Values, floor: float) -> tuple[float, tuple[int, int]]:
    """Correlation a period later of the band of rows where it is highest, and the band's first and last row."""
    height, width = values.shape
    shortest, longest = max(8, int(SHORTEST * width)), int(LONGEST * width)
    first, last, members = _bands(height)
    like = members @ _autocovariance(values)
    like /= np.maximum(like[:, :1], ((last - first) * floor)[:, None].astype(np.float32))
    once, twice = like[:, shortest:longest], like[:, 2 * shortest - UNEVEN : 2 * longest + UNEVEN]
    worth = np.flatnonzero(np.minimum(once.max(axis=1), twice.max(axis=1)) >= NEARLY * REPEATS_OVER_TIME)
    if not len(worth):
        return 0.0, (0, 0)
    repeats = _periods(like[worth], shortest, longest).max(axis=1)
    band = int(worth[repeats.argmax()])
    return float(repeats.max()), (int(first[band]), int(last[band]))


@cache
def _bands(height: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Values]:
    """Of the bands that are looked at on a plane of a height: first row, last row, and 1 for each row that it has."""
    starts, stops = [], []
    for share in BANDS:
        rows = max(3, round(share * height))
        first = np.arange(0, height - rows + 1, max(1, rows // 6))
        starts.append(first)
        stops.append(first + rows)
    first, last = np.concatenate(starts), np.concatenate(stops)
    row = np.arange(height)
    return first, last, ((row >= first[:, None]) & (row < last[:, None])).astype(np.float32)


def _autocovariance(values: Values) -> Values:
    """Of each row, `(rows, lags)`, unbiased for the shorter overlap."""
    width = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft(centred, 2 * width, axis=1)
    power = spectrum * spectrum.conj()
    products = scipy.fft.irfft(power, 2 * width, axis=1)[:, :width]
    return np.asarray(products / (width - np.arange(width, dtype=np.float32)), np.float32)


def _periods(like: Values, shortest: int, longest: int) -> Values:
    """Of each band and lag, the least correlation after one, two and three periods if the lag is one, else 0."""
    lags = np.arange(shortest, longest)
    once = like[:, shortest:longest]
    around = cv2.dilate(like, np.ones((1, 2 * UNEVEN + 1), np.uint8))
    lesser = np.minimum(once, around[:, 2 * lags])
    thrice = 3 * lags < SEEN_SHARE * like.shape[1]
    lesser[:, thrice] = np.minimum(lesser[:, thrice], around[:, 3 * lags[thrice]])
    if lesser.max() < NEARLY * REPEATS_OVER_TIME:
        return np.zeros_like(lesser)
    valley = np.maximum(np.minimum.accumulate(like, axis=1)[:, shortest:longest], like[:, (1.5 * lags).astype(int)])
    peak = (once >= like[:, shortest - 1 : longest - 1]) & (once >= like[:, shortest + 1 : longest + 1])
    return np.where(peak & (lesser - valley > VALLEY), lesser, np.float32(0))


def _kind(picture: Picture, plane: Values, rhythm: _Rhythm) -> str:
    """`m-mode` if the band is coloured or full of layers, `spectral` if each column is one lit run at most."""
    rows, columns = slice(*rhythm.rows), slice(*rhythm.columns)
    colour = cv2.resize(picture.chroma, plane.shape[::-1], interpolation=cv2.INTER_AREA)[rows, columns]
    if (colour > STRONG_CHROMA).mean() > COLOURED_SHARE:
        return "m-mode"
    band = cv2.GaussianBlur(plane[rows, columns], (0, 0), 1.0, sigmaY=2.0)
    threshold, _ = cv2.threshold(band.astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    runs = (np.diff(band > threshold, axis=0, prepend=False).sum(axis=0) / 2).mean()
    filled = (band > BLACK_LEVELS).mean()
    return "m-mode" if filled + runs / 2 > M_MODE_FILL else "spectral"


def _axis(gray: Gray) -> tuple[int, int, int] | None:
    """Row, first and last column of the widest row of even upright ticks, or None."""
    strip = 4
    height, width = gray.shape
    thin = np.zeros(gray.shape, np.uint8)
    thin[:, 3:-3] = cv2.subtract(gray[:, 3:-3], cv2.max(gray[:, :-6], gray[:, 6:]))
    upright = cv2.erode(thin, np.ones((3, 1), np.uint8))
    marks = upright[: height // strip * strip].reshape(-1, strip, width).max(axis=1) > TICK_LEVELS
    best: tuple[int, int, int] | None = None
    for row in np.flatnonzero((marks.sum(axis=1) >= TICKS) & (marks.mean(axis=1) < 0.25)):
        at = _even(np.flatnonzero(marks[row] & ~np.roll(marks[row], 1)))
        if (
            len(at) >= TICKS
            and at[-1] - at[0] >= AXIS_SHARE * width
            and (best is None or at[-1] - at[0] > best[2] - best[1])
        ):
            best = (int(row) * strip, int(at[0]), int(at[-1]))
    return best


def _even(at: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of positions, those of the longest run at one distance; a tick may be hidden."""
    gaps = np.diff(at)
    if not len(gaps):
        return at[:0]
    gap = float(np.median(gaps))
    steps = gaps / max(gap, 1.0)
    regular = (np.abs(steps - np.round(steps)) * gap <= 1.6) & (steps < 2.5) & (gap >= 6)
    turns = np.flatnonzero(np.diff(np.concatenate([[0], regular.astype(np.int8), [0]])))
    if not len(turns):
        return at[:0]
    longest = int((turns[1::2] - turns[::2]).argmax())
    return at[turns[2 * longest] : turns[2 * longest + 1] + 1]


def _two_areas(gray: Gray, mask: Mask, axis: tuple[int, int, int]) -> bool:
    """Whether something wide is beside the columns of the axis, or an empty line divides what is above or below it."""
    step = max(1, mask.shape[1] // WORK_PX)
    factor = round(gray.shape[1] / mask.shape[1])
    some = gray[::factor, ::factor][::step, ::step]
    lit = (mask[::step, ::step] & (some > BLACK_LEVELS)).astype(np.uint8)
    step *= factor
    lit = cv2.morphologyEx(
        cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), cv2.MORPH_OPEN, np.ones((9, 9), np.uint8)
    )
    first, last = axis[1] // step, axis[2] // step
    margin = lit.shape[1] // 20
    beside = int(lit[:, : max(first - margin, 0)].sum()) + int(lit[:, last + margin :].sum())
    if beside > AREA_SHARE * lit.size:
        return True
    filled = np.flatnonzero(lit.sum(axis=1) > 0)
    if not len(filled):
        return False
    parts = np.split(filled, np.flatnonzero(np.diff(filled) > 2) + 1)
    return sum(1 for part in parts if int(lit[part].sum()) > AREA_SHARE * lit.size) > 1
