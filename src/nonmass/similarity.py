"""How alike two heat maps are, whatever their scales."""

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.saliency import Heat, enlarge

# Wang et al. 2004 (doi:10.1109/TIP.2003.819861): a Gaussian window of 11 pixels, and what keeps a quotient from 0 / 0.
WINDOW_PX, SIGMA_PX = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def rank_correlation(first: Heat, second: Heat) -> float:
    """Spearman's, over the cells of two coarse maps of one shape, -1 to 1.

    A map that is the same everywhere ranks nothing, so it is uncorrelated with any other: 0.
    """
    from scipy.stats import spearmanr

    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def structural_similarity(first: Heat, second: Heat, side_px: int) -> float:
    """Mean SSIM (Wang et al. 2004) of two coarse maps as they are shown, -1 to 1.

    Args:
        first: (h, w), 0 or more; each map is scaled to its own maximum, as only its pattern is compared.
        second: Likewise.
        side_px: They are compared on a square of this size.
    """
    a, b = (_pattern(heat, side_px) for heat in (first, second))
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a, variance_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    covariance = _smooth(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return float((luminance * structure).mean())


def _pattern(heat: Heat, side_px: int) -> NDArray[np.float64]:
    top = float(heat.max())
    return enlarge(heat, side_px).astype(np.float64) / (top or 1.0)


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed: NDArray[np.float64] = cv2.GaussianBlur(
        values, (WINDOW_PX, WINDOW_PX), SIGMA_PX, borderType=cv2.BORDER_REFLECT
    )
    return smoothed
