"""From logits of several networks to one probability; needs no torch, as a light install has none."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def ensemble_logits(logits: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(n,) mean over seeds, added up in the order of the seeds' numbers, as another order may give other last bits."""
    mean: NDArray[np.float64] = np.mean([logits[seed] for seed in sorted(logits)], axis=0, dtype=np.float64)
    return mean


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) logistic function of logits."""
    # exp of a negative number only, which cannot overflow
    odds = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, odds) / (1.0 + odds))
