"""Whether a square image is unlike those that a network was trained on.

Ten plain features of the gray values, their Mahalanobis distance from the training images, and a limit that
validation images set: split conformal prediction (Lei et al. 2018, doi:10.1080/01621459.2017.1307116). Of further
images like them no more than a stated share lies beyond the limit, whatever the features are distributed like. That
is exact for images that are drawn one by one; several of one patient are alike, which makes it approximate, so the
share on the test part is measured beside it.
"""

import math
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from nonmass.images import Gray
from nonmass.params import Section

FALSE_ALARMS = 0.05  # share of images like the validation's that is noticed for nothing
COARSE_PX = 32  # side at which brightness is compared between places
EDGE = 1e-3  # keeps logarithms finite on flat images
RIDGE = 1e-3  # of a feature's variance: features that nearly agree must not blow the distance up

FEATURES = (
    *("mean", "deviation", "dark", "bright", "skewness"),
    *("grain", "grain_direction", "coarseness", "depth_fall", "left_right"),
)


class Novelty(Section):
    """What is remembered of the training images.

    Attributes:
        features: Names, in order.
        center: Their mean over training images.
        precision: Inverse of their covariance.
        limit: The distance beyond which an image is noticed.
        false_alarms: The share of images like those of validation that lies beyond it, at most.
        training_images: How many there were.
        validation_images: Likewise.
    """

    features: tuple[str, ...]
    center: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float
    false_alarms: float
    training_images: int
    validation_images: int

    @model_validator(mode="after")
    def _is_of_these_features(self) -> Self:
        n = len(FEATURES)
        if self.features != FEATURES or [len(self.center), *map(len, self.precision)] != [n] * (n + 1):
            raise ValueError("features are not those of this version; export it again")
        return self


def features_of(content: Gray) -> NDArray[np.float64]:
    """`FEATURES` of the part of a square image that holds the field, `(h, w)` uint8 -> (10,) float64."""
    gray = content.astype(np.float32) / 255
    mean, deviation = float(gray.mean()), float(gray.std())
    across, down = (float(np.abs(np.diff(gray, axis=axis)).mean()) if min(gray.shape) > 1 else 0.0 for axis in (1, 0))
    coarse = cv2.resize(gray, (COARSE_PX, COARSE_PX), interpolation=cv2.INTER_AREA).astype(np.float64)
    third = COARSE_PX // 3
    values = (
        mean,
        deviation,
        float((content < 16).mean()),
        float((content > 240).mean()),
        float(((gray - mean) ** 3).mean()) / (deviation + EDGE) ** 3,
        math.log((across + down + EDGE) / (mean + EDGE)),
        math.log((across + EDGE) / (down + EDGE)),
        math.log((float(coarse.std()) + EDGE) / (deviation + EDGE)),
        float(coarse[:third].mean() - coarse[-third:].mean()),
        float(np.abs(coarse - coarse[:, ::-1]).mean()),
    )
    return np.array(values, np.float64)


def fit(training: NDArray[np.float64], validation: NDArray[np.float64]) -> Novelty | None:
    """The reference, or None where validation is too small to give a limit at `FALSE_ALARMS`.

    Args:
        training: (n, 10) features.
        validation: (m, 10) features.
    """
    rank = math.ceil((len(validation) + 1) * (1 - FALSE_ALARMS))
    if rank > len(validation) or len(training) <= 2 * len(FEATURES):
        return None
    center = training.mean(axis=0)
    covariance = np.cov(training, rowvar=False)
    ridge = np.diag(RIDGE * np.diag(covariance) + EDGE**2)
    precision: NDArray[np.float64] = np.linalg.inv(covariance + ridge).astype(np.float64)
    limit = np.sort(_distances(validation, center, precision))[rank - 1]
    return Novelty(
        features=FEATURES,
        center=tuple(center.tolist()),
        precision=tuple(map(tuple, precision.tolist())),
        limit=float(limit),
        false_alarms=FALSE_ALARMS,
        training_images=len(training),
        validation_images=len(validation),
    )


def distances(features: NDArray[np.float64], novelty: Novelty) -> NDArray[np.float64]:
    """(n, 10) features -> (n,) Mahalanobis distances from the training images."""
    return _distances(features, np.array(novelty.center), np.array(novelty.precision))


def _distances(
    features: NDArray[np.float64], center: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    away = features - center
    return np.asarray(np.sqrt(np.einsum("ni,ij,nj->n", away, precision, away).clip(0)))
