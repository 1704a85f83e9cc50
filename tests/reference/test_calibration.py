"""Calibration, reliability and net benefit against scikit-learn, SciPy and NumPy."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from nonmass.roc import bridge
from nonmass.roc.analysis import RocParams
from nonmass.roc.calibration import CalibrationParams, calibrate

ROC = RocParams(confidence_level=0.95, cutoff_rule="youden")
PARAMS = CalibrationParams(bins=4, thresholds=(0.1, 0.3, 0.5))


def drawn(seed=1, n=120):
    """Two images a patient; logits with ties, twice as extreme as they should be; the second half is validation."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) // 2 % 2
    logit = np.round(2 * (1.2 * truth - 0.4 + rng.normal(size=n // 2)[np.arange(n) // 2] + rng.normal(size=n) / 2), 1)
    names = [f"x-{number:04}" for number in range(n)]
    frame = pd.DataFrame({"image_id": names, "patient_id": [f"p{number // 2}" for number in range(n)], "truth": truth})
    part = np.where(np.arange(n) < n // 2, "test", "val")
    return frame.assign(logit=logit, part=part, score=0.5, assignment="0123456789abcdef")


def calibrated(frame, **changes):
    return calibrate({"net": frame}, ROC, PARAMS.model_copy(update=changes), "task")


def row(found, measure, scale, part="test"):
    rows = found.measures.set_index(["part", "group", "measure"])
    return tuple(float(t or "nan") for t in rows.loc[(part, f"calibration_{scale}", measure), ["estimate", "lo", "hi"]])


def note(found, measure, scale, part="test"):
    return found.measures.set_index(["part", "group", "measure"]).loc[(part, f"calibration_{scale}", measure), "note"]


def one_part(frame, part="test"):
    rows = frame[frame["part"] == part]
    return rows["truth"].to_numpy(), rows["logit"].to_numpy(), pd.factorize(rows["patient_id"])[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_has_the_largest_likelihood_on_validation(seed):
    frame = drawn(seed)
    truth, logit, _ = one_part(frame, "val")

    def loss(log_temperature):
        return -special.log_expit(np.where(truth == 1, 1, -1) * logit / np.exp(log_temperature)).sum()

    best = optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    found = calibrated(frame)
    for part in ("val", "test"):  # written in both, fitted on one
        assert row(found, "temperature", "scaled", part)[0] == pytest.approx(np.exp(best.x), rel=1e-6)


@pytest.mark.parametrize("scale", ["raw", "scaled"])
def test_brier_score_is_scikit_learn_s_and_its_parts_are_isotonic_regression_s(scale):
    frame = drawn()
    found = calibrated(frame)
    temperature = 1 if scale == "raw" else row(found, "temperature", "scaled")[0]
    truth, logit, patient = one_part(frame)
    p = special.expit(logit / temperature)
    brier, lo, hi = row(found, "brier", scale)
    assert brier == pytest.approx(brier_score_loss(truth, p), abs=1e-12)
    fitted = IsotonicRegression().fit(p, truth).predict(p)
    assert row(found, "brier_miscalibration", scale)[0] == pytest.approx(brier - np.mean((fitted - truth) ** 2))
    uncertainty = truth.mean() * (1 - truth.mean())
    assert row(found, "brier_discrimination", scale)[0] == pytest.approx(uncertainty - np.mean((fitted - truth) ** 2))
    totals = np.array([((p - truth) ** 2 - brier)[patient == code].sum() for code in set(patient)])
    error = np.sqrt(len(totals) / (len(totals) - 1) * (totals**2).sum()) / len(truth)
    half = stats.t.ppf(0.975, len(totals) - 1) * error
    assert (lo, hi) == pytest.approx((brier - half, brier + half), abs=1e-12)


def sandwich(design, truth, p, patient):
    """Cluster-robust covariance of a logistic regression, patient by patient."""
    bread = np.linalg.inv(sum(w * np.outer(x, x) for w, x in zip(p * (1 - p), design, strict=True)))
    scores = [((truth - p)[:, None] * design)[patient == code].sum(axis=0) for code in set(patient)]
    meat = len(scores) / (len(scores) - 1) * sum(np.outer(s, s) for s in scores)
    return bread @ meat @ bread


def half_width(variance, truth, patient):
    rarer = min(len(set(patient[truth == 1])), len(set(patient[truth == 0])))
    return stats.t.ppf(0.975, rarer - 1) * np.sqrt(variance)


def test_slope_is_scikit_learn_s_with_a_sandwich_interval():
    frame = drawn()
    truth, logit, patient = one_part(frame)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], truth)
    slope, lo, hi = row(calibrated(frame), "slope", "raw")
    assert slope == pytest.approx(model.coef_[0, 0], rel=1e-6)
    design = np.column_stack([np.ones(len(truth)), logit])
    variance = sandwich(design, truth, model.predict_proba(logit[:, None])[:, 1], patient)[1, 1]
    half = half_width(variance, truth, patient)
    assert (lo, hi) == pytest.approx((slope - half, slope + half), rel=1e-5)


def test_intercept_makes_the_mean_probability_right_with_a_sandwich_interval():
    frame = drawn()
    truth, logit, patient = one_part(frame)
    shift = optimize.brentq(lambda a: special.expit(logit + a).mean() - truth.mean(), -10, 10, xtol=1e-13)
    intercept, lo, hi = row(calibrated(frame), "intercept", "raw")
    assert intercept == pytest.approx(shift, abs=1e-8)
    half = half_width(
        sandwich(np.ones((len(truth), 1)), truth, special.expit(logit + shift), patient)[0, 0], truth, patient
    )
    assert (lo, hi) == pytest.approx((intercept - half, intercept + half), abs=1e-7)


def test_scaling_divides_the_slope_and_leaves_what_ranks_alone():
    found = calibrated(drawn())
    temperature = row(found, "temperature", "scaled")[0]
    assert row(found, "slope", "scaled")[0] == pytest.approx(temperature * row(found, "slope", "raw")[0], rel=1e-6)
    raw, scaled = (row(found, "brier_discrimination", scale)[0] for scale in ("raw", "scaled"))
    assert raw == pytest.approx(scaled, abs=1e-12)


def test_bins_are_even_and_keep_ties_together():
    frame = drawn()
    truth, logit, _ = one_part(frame)
    curve = calibrated(frame).reliability.query("part == 'test' and scale == 'raw'")
    order = np.argsort(logit, kind="stable")
    edges = np.cumsum(curve["images"].to_numpy())
    for bin_, rows in zip(curve.itertuples(), np.split(order, edges[:-1]), strict=True):
        assert bin_.probability == pytest.approx(special.expit(logit[rows]).mean())
        assert bin_.observed == pytest.approx(truth[rows].mean())
        assert float(bin_.lo) <= bin_.observed <= float(bin_.hi)
        assert len(set(logit[rows]) & set(np.delete(logit, rows))) == 0
    assert edges[-1] == len(truth)
    assert np.abs(curve["images"] - len(truth) / 4).max() <= 5


def test_net_benefit_is_its_definition():
    frame = drawn()
    found = calibrated(frame)
    temperature = row(found, "temperature", "scaled")[0]
    truth, logit, patient = one_part(frame)
    curves = found.decisions.query("part == 'test'").set_index(["backbone", "threshold"])
    for threshold in PARAMS.thresholds:
        odds = threshold / (1 - threshold)
        acts = special.expit(logit / temperature) >= threshold
        benefit = (acts & (truth == 1)).mean() - odds * (acts & (truth == 0)).mean()
        net = curves.loc[("net", threshold)]
        assert net["net_benefit"] == pytest.approx(benefit)
        each = acts * (truth - (1 - truth) * odds)
        totals = np.array([(each - benefit)[patient == code].sum() for code in set(patient)])
        error = np.sqrt(len(totals) / (len(totals) - 1) * (totals**2).sum()) / len(truth)
        assert float(net["hi"]) == pytest.approx(benefit + stats.t.ppf(0.975, len(totals) - 1) * error)
        everybody = truth.mean() - odds * (1 - truth.mean())
        assert curves.loc[("treat all", threshold), "net_benefit"] == pytest.approx(everybody)
        assert curves.loc[("treat none", threshold), "net_benefit"] == 0


def test_what_has_no_temperature_says_why():
    frame = drawn()
    found = calibrated(frame[frame["part"] == "test"])
    assert note(found, "brier", "scaled") == "there is no validation part to fit a temperature on"
    assert set(found.decisions["backbone"]) == {"treat all", "treat none"}
    assert set(found.reliability["scale"]) == {"raw"}
    against = calibrated(frame.assign(logit=-frame["logit"]))
    assert "run against the truth" in note(against, "temperature", "scaled")
    parted = calibrated(frame.assign(logit=np.where(frame["truth"] == 1, 1.0, -1.0)))
    assert "has no maximum" in note(parted, "temperature", "scaled")
    assert note(parted, "slope", "raw") == "a cut-off parts the classes, so the likelihood has no maximum"
    assert not np.isnan(row(parted, "brier", "raw")[0])


def test_equal_scores_have_a_brier_score_and_no_slope():
    found = calibrated(drawn().assign(logit=0.5))
    assert np.isnan(row(found, "slope", "raw")[0])
    assert row(found, "brier", "raw")[0] == pytest.approx(np.mean((special.expit(0.5) - np.array([0, 1])) ** 2))
    assert len(found.reliability.query("part == 'test' and scale == 'raw'")) == 1


@pytest.mark.parametrize("size", [20, 30, 60, 800])
def test_sure_logits_have_the_intercept_that_makes_the_mean_probability_right(size):
    frame = drawn(n=200)
    wrong = frame.index.isin(frame.index[(frame["truth"] == 1) & (frame["part"] == "val")][:3])
    logit = np.where((frame["truth"] == 1) & ~wrong, size, -size) + np.random.default_rng(7).normal(size=len(frame))
    frame = frame.assign(logit=logit)
    truth, logit, patient = one_part(frame, "val")
    found = calibrated(frame)
    shift = optimize.brentq(lambda a: special.expit(logit + a).sum() - truth.sum(), 0, size + 50, xtol=1e-13)
    intercept, lo, hi = row(found, "intercept", "raw", "val")
    assert intercept == pytest.approx(shift, abs=1e-6)
    half = half_width(
        sandwich(np.ones((len(truth), 1)), truth, special.expit(logit + shift), patient)[0, 0], truth, patient
    )
    assert (lo, hi) == pytest.approx((intercept - half, intercept + half), rel=1e-5)


def test_an_intercept_without_information_has_no_interval():
    frame = drawn()
    truth, is_wrong = frame["truth"] == 1, frame.index.isin([0, 2])  # one of either class, so that the intercept is 0
    found = calibrated(frame.assign(logit=np.where(truth ^ is_wrong, 900, -900)))
    assert row(found, "intercept", "raw") == pytest.approx((0, np.nan, np.nan), abs=1e-6, nan_ok=True)
    assert "no information" in note(found, "intercept", "raw")


@pytest.mark.parametrize("seed", range(20))
def test_isotonic_regression_with_ties_is_scikit_learn_s(seed):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 2 + 4 * seed, 80).astype(float)
    truth = (score / (2 + 4 * seed) + rng.normal(size=80) * seed / 20 > 0.5).astype(int)
    found = bridge.call("isotonic", truth=truth.tolist(), score=score.tolist())
    assert found == pytest.approx(IsotonicRegression().fit(score, truth).predict(score), abs=1e-12)


def test_logits_that_rank_rightly_but_are_shifted_are_called_shifted():
    frame = drawn()
    frame = frame[(frame["truth"] == 0) | (frame.index % 3 > 0)]  # fewer positives, so that shifted logits cost more
    shifted = calibrated(frame.assign(logit=np.where(frame["truth"] == 1, 9.0, 8.0)))
    assert "the logits are shifted or" in note(shifted, "temperature", "scaled")


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_temperature_has_the_unit_of_the_logits(unit):
    frame = drawn()
    expected = unit * row(calibrated(frame), "temperature", "scaled")[0]
    found = calibrated(frame.assign(logit=unit * frame["logit"]))
    assert row(found, "temperature", "scaled")[0] == pytest.approx(expected, rel=1e-9)
