"""The notice that a screen is unlike the training images: what it catches, and how often it is wrong."""

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from nonmass.determinism import generator
from nonmass.geometry import Box, CropResize
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import PatientCounts, PhantomParams, draw_cohort
from nonmass.serving.novelty import EDGE, FALSE_ALARMS, FEATURES, RIDGE, distances, features_of, fit


def squares(n):
    """Fields of view of phantoms, one a patient."""
    patients = draw_cohort(PhantomParams(seed=4, patients=PatientCounts(normal=n, mass=n, non_mass=n), ineligible=0))
    for number in generator("novelty").permutation(len(patients))[:n]:
        export = draw_export(4, patients[number], 1)
        crop = CropResize(export.box, 64, "pad_br")
        yield crop.apply(cv2.cvtColor(export.screen, cv2.COLOR_BGR2GRAY))[crop.content.slices]


@pytest.fixture(scope="module")
def phantoms():
    return np.array([features_of(square) for square in squares(72)])


@pytest.fixture(scope="module")
def novelty(phantoms):
    found = fit(phantoms[:40], phantoms[40:62])
    assert found is not None
    return found


def test_phantoms_of_the_same_kind_pass(phantoms, novelty):
    assert (distances(phantoms[62:], novelty) <= novelty.limit).mean() >= 0.8


def photograph(number):
    """One of scikit-learn's two sample pictures, gray."""
    from sklearn.datasets import load_sample_images

    picture = load_sample_images().images[number].mean(axis=2).astype(np.uint8)
    crop = CropResize(Box(0, 0, picture.shape[1], picture.shape[0]), 64, "pad_br")
    return crop.apply(picture)[crop.content.slices]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(np.random.default_rng(0).integers(0, 256, (56, 64), dtype=np.uint8), id="noise"),
        pytest.param(np.zeros((56, 64), np.uint8), id="black"),
        pytest.param(np.full((56, 64), 255, np.uint8), id="white"),
        pytest.param(np.tile(np.linspace(0, 255, 64).astype(np.uint8), (56, 1)), id="ramp"),
        pytest.param(photograph(0), id="temple"),
        pytest.param(photograph(1), id="flower"),
    ],
)
def test_what_is_no_breast_on_ultrasound_is_noticed(other, novelty):
    assert distances(features_of(other)[None], novelty)[0] > novelty.limit


def test_the_limit_keeps_its_promise_whatever_the_features_are_distributed_like():
    """The mean share beyond it is FALSE_ALARMS at most, here over 200 draws of skewed features."""
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        draws = rng.lognormal(sigma=1.5, size=(60 + 39 + 100, len(FEATURES)))
        found = fit(draws[:60], draws[60:99])
        shares.append((distances(draws[99:], found) > found.limit).mean())
    assert np.mean(shares) <= FALSE_ALARMS + 3 * np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) > 0.02, "a limit that never sounds would keep it, too"


def test_distances_are_scipys():
    rng = np.random.default_rng(2)
    draws = rng.normal(size=(89, len(FEATURES)))
    found = fit(draws[:50], draws[50:])
    covariance = np.cov(draws[:50].T)
    inverse = np.linalg.inv(covariance + np.diag(RIDGE * np.diag(covariance) + EDGE**2))
    expected = [mahalanobis(one, draws[:50].mean(axis=0), inverse) for one in draws[50:]]
    np.testing.assert_allclose(distances(draws[50:], found), expected, rtol=1e-9)
    assert (distances(draws[50:], found) > found.limit).sum() == 1, "of 39, as ceil(40 x 0.95) = 38"


@pytest.mark.parametrize(("n_training", "n_validation"), [(50, 18), (20, 30), (50, 0)])
def test_too_few_images_give_no_notice(n_training, n_validation):
    rng = np.random.default_rng(3)
    draw = rng.normal(size=(n_training + n_validation, len(FEATURES)))
    assert fit(draw[:n_training], draw[n_training:]) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (64, 1), (448, 448)])
def test_features_are_finite_on_any_shape(shape):
    for content in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        assert np.isfinite(features_of(content)).all()
        assert len(features_of(content)) == len(FEATURES)
