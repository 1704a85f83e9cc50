"""What an area under the ROC curve and its interval can be: limits for any scores, and what is usual."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

_GRID = np.linspace(0, 1, 4001)[:-1]


def limits_at_a_point(sensitivity: float, specificity: float) -> tuple[float, float]:
    """Smallest and largest area of any curve through one point: an ROC curve never falls."""
    return sensitivity * specificity, 1 - (1 - sensitivity) * (1 - specificity)


def usual_standard_error(auc: float, positives: int, negatives: int) -> float:
    """Of independent rows (Hanley & McNeil 1982, Radiology 143:29-36), from exponential scores."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(variance / (positives * negatives))


def smallest_standard_error(auc: float, n: int, positives: Sequence[int]) -> float:
    """The least that DeLong's formula gives for any order of independent rows, ties included.

    Such an order has three ranks: positives alone at the top, negatives alone at the bottom, all
    others tied between. Its top share c and bottom share d are bound by the area, so one number is
    left to search. Without ties Birnbaum & Klose (1957, Ann Math Stat 28:933-945) give a larger
    bound. Exhaustive search over all orders of up to five scores a class finds nothing smaller; a
    proof is not known to us.

    Args:
        auc: The area, 0 to 1.
        n: Rows.
        positives: Numbers of positives to consider, in order.

    Returns:
        The smallest over all of `positives` that have two or more of each class; 0 if there are none.
    """
    theta = max(auc, 1 - auc)  # reversed scores have the same variance
    level = (1 + _GRID) / 2  # share of positives above a tied negative, ties one half
    bottom = (theta - level) / (1 - level)
    fits = (bottom >= 0) & (bottom <= 1)
    top, bottom, level = _GRID[fits], bottom[fits], level[fits]
    of_negatives = bottom + (1 - bottom) * level**2 - theta**2
    of_positives = top + (1 - top) * ((1 + bottom) / 2) ** 2 - theta**2
    tried = positives[bisect_left(positives, 2) : bisect_right(positives, n - 2)]
    if not tried:
        return 0.0
    # An order's variance is convex in the number of positives: the least is beside that of any real number.
    roots = np.sqrt(np.maximum((of_negatives, of_positives), 0))
    best = 1 + (n - 2) * roots[1] / np.maximum(roots.sum(axis=0), np.finfo(float).tiny)
    after = [bisect_left(tried, p) for p in best.tolist()]
    beside = np.array([[tried[max(0, i - 1)], tried[min(i, len(tried) - 1)]] for i in after], dtype=float).T
    return math.sqrt(max(0.0, float(np.min(of_negatives / (n - beside - 1) + of_positives / (beside - 1)))))


def implied_standard_error(auc: float, lo: float, hi: float, level: float) -> float:
    """The largest standard error that an interval may come from, plain or on the logit scale.

    An end at 0 or 1 may have been cut, so that the other one alone speaks.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    arms = [end for end in (lo, hi) if 0 < end < 1]
    if not arms or not 0 < auc < 1:
        return math.inf
    plain = [abs(auc - end) for end in arms]
    on_logit = [abs(_logit(auc) - _logit(end)) * auc * (1 - auc) for end in arms]
    return max(sum(widths) / len(widths) for widths in (plain, on_logit)) / z


def interval(auc: float, standard_error: float, level: float) -> tuple[float, float]:
    """The plain interval, cut at 0 and 1."""
    half = NormalDist().inv_cdf((1 + level) / 2) * standard_error
    return max(0.0, auc - half), min(1.0, auc + half)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
