"""Speckle against its theory: Wagner et al., IEEE Trans Sonics Ultrason 1983;30:156."""

import numpy as np
import pytest
from scipy import stats

from nonmass.phantom import acoustics

SHAPE = (400, 260)
SILENT_DB = -200.0


@pytest.fixture(scope="module")
def uniform_envelope():
    """Envelope of a uniform tissue at 0 dB, no noise, away from the edges."""
    rng = np.random.default_rng(3)
    looks = [acoustics.envelope_of(np.zeros(SHAPE, np.float32), SILENT_DB, 10.0, rng) for _ in range(4)]
    return np.stack(looks)[:, 20:-20, 20:-20]


def test_uniform_tissue_gives_rayleigh_speckle(uniform_envelope):
    expected = np.sqrt(np.pi / (4 - np.pi))  # 1.913, whatever the level
    assert uniform_envelope.mean() / uniform_envelope.std() == pytest.approx(expected, rel=0.02)


def test_envelope_follows_scipys_rayleigh_distribution(uniform_envelope):
    apart = uniform_envelope[:, ::8, ::16].ravel()  # further apart than the point-spread function is wide
    assert stats.kstest(apart, stats.rayleigh(scale=np.sqrt(0.5)).cdf).pvalue > 0.01


def test_mean_square_is_the_level_of_the_tissue():
    level_db = np.full(SHAPE, -12.0, np.float32)
    envelope = acoustics.envelope_of(level_db, SILENT_DB, 10.0, np.random.default_rng(4))[20:-20, 20:-20]
    assert 10 * np.log10(np.mean(envelope**2)) == pytest.approx(-12.0, abs=0.3)


def _width_of_speckle(rows):
    """Lag, in columns, at which the intensity's correlation along a row falls to 1/2."""
    intensity = rows**2 - (rows**2).mean()
    lags = range(1, 12)
    correlation = [1.0] + [
        float((intensity[..., lag:] * intensity[..., :-lag]).mean() / intensity.var()) for lag in lags
    ]
    return float(np.interp(-0.5, [-value for value in correlation[:8]], range(8)))


def test_speckle_widens_with_depth_as_the_beam_does(uniform_envelope):
    shallow, deep = uniform_envelope[:, :80], uniform_envelope[:, -80:]
    depth_mm = np.array([60, SHAPE[0] - 60]) * acoustics.CELL_MM[0]
    beam = acoustics.beam_sigma_mm(depth_mm)
    assert _width_of_speckle(deep) / _width_of_speckle(shallow) == pytest.approx(beam[1] / beam[0], rel=0.15)


def test_a_bright_point_shows_the_point_spread_function():
    echo_db = np.full(SHAPE, SILENT_DB, np.float32)
    echo_db[200, 130] = 0
    looks = [acoustics.envelope_of(echo_db, SILENT_DB, 10.0, np.random.default_rng(seed)) for seed in range(5)]
    across = np.mean(looks, axis=0)[200]
    width_mm = np.sqrt(np.average((np.arange(SHAPE[1]) - 130.0) ** 2, weights=across)) * acoustics.CELL_MM[1]
    assert width_mm == pytest.approx(float(acoustics.beam_sigma_mm(20.0)), rel=0.1)


def test_attenuation_darkens_what_lies_below_and_nothing_above():
    excess = np.zeros(SHAPE, np.float32)
    excess[100:150, 100:160] = 2.0  # dB/mm over 5 mm
    lost = acoustics.shadow_db(excess)
    assert lost[90, 130] == pytest.approx(0, abs=1e-3)
    assert lost[300, 130] == pytest.approx(10, abs=0.1)
    assert lost[300, 20] == pytest.approx(0, abs=1e-3)


def test_compression_maps_decibels_to_gray_levels_linearly():
    settings = acoustics.draw_settings(np.random.default_rng(1), 38.0)
    envelope = np.repeat(np.float32([[1.0, 10.0, 100.0]]), 4, axis=0)  # 20 dB apart
    gray = acoustics.compress(envelope, np.zeros((4, 1), np.float32), settings)
    assert gray[0, 1] - gray[0, 0] == pytest.approx(gray[0, 2] - gray[0, 1], rel=1e-3)
    assert gray.mean() == pytest.approx(settings.level, rel=1e-3)


def test_a_higher_frequency_gives_finer_speckle():
    flat = np.zeros(SHAPE, np.float32)
    fine, coarse = (acoustics.envelope_of(flat, SILENT_DB, mhz, np.random.default_rng(2)) for mhz in (13.0, 8.0))
    assert _width_of_speckle(coarse) / _width_of_speckle(fine) == pytest.approx(13 / 8, rel=0.15)
