import numpy as np
import pytest

from nonmass.saliency import enlarge
from nonmass.similarity import rank_correlation, structural_similarity

RAMP = np.arange(16, dtype=np.float32).reshape(4, 4)
SIDE = 24


def test_ranks_alone_count():
    assert rank_correlation(RAMP, RAMP**3) == pytest.approx(1)
    assert rank_correlation(RAMP, 99 - RAMP) == pytest.approx(-1)
    # 1, 2, 3, 4 against 2, 1, 3, 4: 1 - 6 * 2 / (4 * 15)
    first, second = (np.array([row], np.float32) for row in ([1, 2, 3, 4], [2, 1, 3, 4]))
    assert rank_correlation(first, second) == pytest.approx(0.8)


def test_a_map_without_differences_ranks_nothing():
    assert rank_correlation(RAMP, np.zeros((4, 4), np.float32)) == 0


def test_a_map_is_like_itself_whatever_its_scale():
    assert structural_similarity(RAMP, 7 * RAMP, SIDE) == pytest.approx(1)
    assert structural_similarity(RAMP, RAMP[::-1].copy(), SIDE) < 0.5


def test_even_maps_have_the_similarity_of_their_means():
    # Scaled to its maximum an even map is 1; an empty one stays 0. (2 * 0 + C1) / (0 + 1 + C1), and the same structure.
    one, zero = np.ones((4, 4), np.float32), np.zeros((4, 4), np.float32)
    assert structural_similarity(one, zero, SIDE) == pytest.approx(1e-4 / (1 + 1e-4))


def test_it_is_the_formula_window_by_window():
    rng = np.random.default_rng(1)
    first, second = (rng.random((6, 6)).astype(np.float32) for _ in range(2))
    a, b = (np.pad(enlarge(m, SIDE).astype(float) / m.max(), 5, "symmetric") for m in (first, second))
    bell = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    values = []
    for y in range(SIDE):
        for x in range(SIDE):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            var_p, var_q = (window * (p - mean_p) ** 2).sum(), (window * (q - mean_q) ** 2).sum()
            cov = (window * (p - mean_p) * (q - mean_q)).sum()
            top = (2 * mean_p * mean_q + 1e-4) * (2 * cov + 9e-4)
            values.append(top / ((mean_p**2 + mean_q**2 + 1e-4) * (var_p + var_q + 9e-4)))
    assert structural_similarity(first, second, SIDE) == pytest.approx(np.mean(values), abs=1e-6)
