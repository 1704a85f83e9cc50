"""Intervals of proportions against SciPy and NumPy, and whether they hold the truth where images cluster."""

import numpy as np
import pytest
from scipy import stats

from nonmass.determinism import generator
from nonmass.roc import bridge


def patient_interval(hit, patient, level=0.95):
    found = bridge.call("patient_interval", hit=[bool(h) for h in hit], patient=[int(p) for p in patient], level=level)
    return found["lo"], found["hi"]


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("hits", "n"), [(1, 4), (7, 9), (26, 41), (499, 500)])
def test_wilson_is_scipy_s(hits, n, level):
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    found = bridge.call("wilson_interval", share=hits / n, n=float(n), level=level)
    assert (found["lo"], found["hi"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_n_is_divided_by_the_design_effect(seed):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(15), rng.integers(1, 6, 15))
    hit = rng.random(len(patient)) < np.where(patient % 3 == 0, 0.9, 0.3)
    share, n = hit.mean(), len(hit)
    totals = np.array([(hit[patient == code] - share).sum() for code in range(15)])
    effect = max(1, 15 / 14 * (totals**2).sum() / n**2 / (share * (1 - share) / n))
    expected = bridge.call("wilson_interval", share=share, n=n / effect, level=0.95)
    assert patient_interval(hit, patient) == pytest.approx((expected["lo"], expected["hi"]), abs=1e-12)


def test_copies_of_an_image_add_nothing():
    hit, patient = np.array([1, 1, 1, 0, 1, 0, 0, 1, 1, 1]), np.arange(10)
    once, often = patient_interval(hit, patient), patient_interval(np.repeat(hit, 4), np.repeat(patient, 4))
    assert often[0] <= once[0] + 1e-12  # 10 / 9 of the variance, as that of clusters is unbiased
    assert often[1] >= once[1] - 1e-12
    assert np.ptp(often) < 1.1 * np.ptp(once)


@pytest.mark.parametrize("value", [True, False])
def test_nothing_but_hits_or_misses_is_exact_on_patients(value):
    patient = np.repeat(np.arange(6), 3)
    expected = stats.binomtest(6 * value, 6).proportion_ci(0.95, method="exact")
    assert patient_interval([value] * 18, patient) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_patient_has_no_interval():
    found = bridge.call("patient_interval", hit=[True, False], patient=[1, 1], level=0.95)
    assert np.isnan(found["lo"])
    assert found["note"] == "there are fewer than two patients"


def test_patients_called_wrongly_are_counted_exactly():
    truth, patient = np.repeat([1, 0], 12), np.repeat(np.arange(8), 3)
    called = truth.astype(bool).copy()
    called[[0, 1, 3]] = False  # three images of two of four positive patients
    found = bridge.call(
        "wrong_patients", truth=truth.tolist(), cluster=patient.tolist(), called=called.tolist(), level=0.95, group="g"
    )
    missed, alarmed = (stats.binomtest(k, 4).proportion_ci(0.95, method="exact") for k in (2, 0))
    assert found["estimate"] == [2, 0]
    assert found["lo"] == pytest.approx([4 * missed.low, 0])
    assert found["hi"] == pytest.approx([4 * missed.high, 4 * alarmed.high])


def one_study(number, patients):
    """1 to 6 images a patient; a hit is a normal value above a bound, correlated at 0.6 within the patient."""
    rng = generator(1, "proportions", number)
    patient = np.repeat(np.arange(patients), rng.integers(1, 7, patients))
    value = np.sqrt(0.6) * rng.normal(size=patients)[patient] + np.sqrt(0.4) * rng.normal(size=len(patient))
    hit = value > stats.norm.ppf(0.2)
    exact = stats.binomtest(int(hit.sum()), len(hit)).proportion_ci(0.95, method="exact")
    return [low <= 0.8 <= high for low, high in (patient_interval(hit, patient), exact)]


@pytest.mark.slow
def test_the_interval_by_patients_is_honest_where_the_exact_one_is_not():
    by_patients, by_images = np.mean([one_study(number, 100) for number in range(2000)], axis=0)
    assert 0.93 <= by_patients <= 0.97
    assert by_images < 0.85
