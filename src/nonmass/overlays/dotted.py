"""Dotted and dashed lines: small spots, equally spaced along a line or a bow."""

from math import ceil, log

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from nonmass.images import Gray
from nonmass.overlays.ink import connected

Points = NDArray[np.float64]  # (n, 2) x, y, pixels of the field

SPOT_PX = 6  # longest side of a dot or dash
LEAST_RELIEF, LOCAL_PX, LOCAL_GAIN = 26, 41, 3.0
SPACING_PX = (2.5, 14.0)
SLACK_PX = 1.9  # dots stand on whole pixels
LEAST_LEVEL, MOST_BETWEEN = 34.0, 0.4  # mean relief of a line's dots, and its share between them
SHARPNESS = 0.8  # drop within one pixel, as a share of the relief
LEAST_RUN = 5  # dots without a gap
MOST_BY_CHANCE = 0.05  # such runs in a field without marks
LEAST_DOTS = 8  # of a line with its gaps
MOST_GAP = 6.0  # in spacings
MOST_UNLIKE = 2.3  # of two spacings: a run may have found every second dot
MOST_SPOTS = 4000  # more are noise
LEAST_GAIN = (6.0, 12.0)  # of a line between calipers over what is beside it: in each quarter, and on average


def fine_relief(brightness: Gray) -> Gray:
    """White top-hat for spots and hair lines of less than 5 px."""
    return np.asarray(cv2.morphologyEx(brightness, cv2.MORPH_TOPHAT, np.ones((5, 5), np.uint8)), np.uint8)


def chains(fine: Gray, drop: Gray, taken: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """Dots of each chain, `(k, 2)` x, y: three in a row lie so that the third continues the first two.

    How many in a row are more than chance depends on how densely spots lie (the a-contrario reasoning of
    Desolneux, Moisan & Morel 2000, "Meaningful alignments", doi:10.1023/A:1026593302236).

    Args:
        fine: `(h, w)` see `fine_relief`.
        drop: `(h, w)` see `Ink`.
        taken: `(h, w)` pixels of other marks.
    """
    spots = _spots(fine, drop, taken)
    if not LEAST_DOTS <= len(spots) <= MOST_SPOTS:
        return []
    first, second, group = _grouped(spots)
    found = _long_ones(spots, first, second, group, _beyond_chance(len(first), len(spots)))
    return [dots for dots in found if _are_dots(fine, dots)]


def _grouped(spots: Points) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int32]]:
    """Pairs of spots, as their numbers, and the group of each: pairs of one group continue each other."""
    tree = cKDTree(spots)
    pairs = tree.query_pairs(SPACING_PX[1], output_type="ndarray")
    first, second = np.concatenate([pairs, pairs[:, ::-1]]).T
    step = spots[second] - spots[first]
    apart = np.linalg.norm(step, axis=1) >= SPACING_PX[0]
    first, second, step = first[apart], second[apart], step[apart]
    miss, third = map(np.asarray, tree.query(spots[second] + step, distance_upper_bound=SLACK_PX))
    goes_on = np.flatnonzero(np.isfinite(miss))
    key, following = first * len(spots) + second, second[goes_on] * len(spots) + third[goes_on]
    order = np.argsort(key)
    onwards = order[np.minimum(np.searchsorted(key, following, sorter=order), max(len(key) - 1, 0))]
    met = key[onwards] == following
    graph = coo_array((np.ones(met.sum()), (goes_on[met], onwards[met])), shape=(len(key), len(key)))
    _, group = connected_components(graph, directed=False)
    return first, second, group


def _beyond_chance(pairs: int, spots: int) -> int:
    """Least dots of a run of which a field without marks has fewer than `MOST_BY_CHANCE`."""
    neighbours = pairs / spots  # within the largest spacing
    goes_on = min(neighbours * (SLACK_PX / SPACING_PX[1]) ** 2, 0.9)
    return 2 + ceil(log(max(pairs, 1) / 2 / MOST_BY_CHANCE) / -log(max(goes_on, 1e-3)))


def _are_dots(fine: Gray, dots: NDArray[np.int32]) -> bool:
    """Whether it is dark between neighbouring dots, as it is not on a bright layer that speckle has broken up."""
    neighbours = np.asarray(cKDTree(dots).query(dots, k=2)[1])[:, 1]
    between = np.round((dots + dots[neighbours]) / 2).astype(np.int32)
    level = float(fine[dots[:, 1], dots[:, 0]].mean())
    return level >= LEAST_LEVEL and float(fine[between[:, 1], between[:, 0]].mean()) <= MOST_BETWEEN * level


def _spots(fine: Gray, drop: Gray, taken: NDArray[np.bool_]) -> Points:
    around = cv2.blur(fine, (LOCAL_PX, LOCAL_PX))
    floor = cv2.max(cv2.convertScaleAbs(around, alpha=LOCAL_GAIN), np.full_like(around, LEAST_RELIEF))
    mask = ((fine > floor) & (drop > cv2.convertScaleAbs(fine, alpha=SHARPNESS)) & ~taken).view(np.uint8)
    _, stats, centres = connected(mask)
    small = (stats[:, 2] <= SPOT_PX) & (stats[:, 3] <= SPOT_PX) & (stats[:, 4] <= 2 * SPOT_PX)
    return np.asarray(centres[small], np.float64)


def _long_ones(
    spots: Points, first: NDArray[np.intp], second: NDArray[np.intp], group: NDArray[np.int32], least: int
) -> list[NDArray[np.int32]]:
    """Groups of enough dots; those that go on beyond a gap of a few dots are one line, which needs one long run."""
    frequent = np.flatnonzero(np.bincount(group) >= LEAST_RUN - 1)
    runs = [np.unique(np.r_[first[group == number], second[group == number]]) for number in frequent]
    runs = [run for run in runs if len(run) >= LEAST_RUN]
    if not runs:
        return []
    nearest = [np.asarray(cKDTree(spots[run]).query(spots[run], k=2)[0])[:, 1] for run in runs]
    spacing = np.array([np.median(distances) for distances in nearest])
    dots, owner = np.concatenate(runs), np.repeat(np.arange(len(runs)), [len(run) for run in runs])
    near = cKDTree(spots[dots]).sparse_distance_matrix(
        cKDTree(spots[dots]), MOST_GAP * spacing.max(), output_type="ndarray"
    )
    one, other = owner[near["i"]], owner[near["j"]]
    alike = np.maximum(spacing[one], spacing[other]) <= MOST_UNLIKE * np.minimum(spacing[one], spacing[other])
    meet = alike & (near["v"] <= MOST_GAP * np.minimum(spacing[one], spacing[other]))
    graph = coo_array((meet[meet], (one[meet], other[meet])), shape=(len(runs), len(runs)))
    _, line = connected_components(graph, directed=False)
    long = np.unique(line[[len(run) >= least for run in runs]])
    lines = [np.unique(np.concatenate([runs[i] for i in np.flatnonzero(line == n)])) for n in long]
    return [np.round(spots[dots]).astype(np.int32) for dots in lines if len(dots) >= LEAST_DOTS]


def line_between(fine: Gray, start: NDArray[np.float64], end: NDArray[np.float64], clear: float) -> bool:
    """Whether a dotted, dashed or hair line joins two points: the path is brighter than those beside it."""
    length = float(np.hypot(*(end - start)))
    if length < 2 * clear + 16:
        return False
    along = (end - start) / length
    across = np.array([-along[1], along[0]])
    path = start + np.arange(clear, length - clear)[:, None] * along
    on = _brightest(fine, path, across, 0)
    off = np.stack([_brightest(fine, path, across, aside) for aside in (-8, -5, 5, 8)])
    quarters = [np.array_split(values, 4) for values in (on, off.mean(axis=0))]
    gains = [a.mean() - b.mean() for a, b in zip(*quarters, strict=True)]
    error = float(on.std() + off.std()) / np.sqrt(len(on) / 4)
    return float(min(gains)) >= LEAST_GAIN[0] and float(np.mean(gains)) >= max(LEAST_GAIN[1], 2.5 * error)


def _brightest(fine: Gray, path: Points, across: NDArray[np.float64], aside: int) -> NDArray[np.float64]:
    values = []
    for slip in (-1, 0, 1):
        x, y = np.round(path + (aside + slip) * across).astype(int).T
        values.append(fine[np.clip(y, 0, fine.shape[0] - 1), np.clip(x, 0, fine.shape[1] - 1)])
    return np.asarray(np.max(values, axis=0), np.float64)
