"""Our numbers against pROC's published ones, scikit-learn, SciPy, and DeLong and Obuchowski rewritten in NumPy."""

import io
import subprocess

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from nonmass.roc import bridge
from nonmass.roc.analysis import Evaluation, RocParams, evaluate

PARAMS = RocParams(confidence_level=0.95, cutoff_rule="youden")


def predictions(truth, score, patient=None, part="test"):
    truth = np.asarray(truth)
    names = [f"image-{number:06}" for number in range(len(truth))]
    return pd.DataFrame(
        {
            "image_id": names,
            "patient_id": names if patient is None else [f"patient-{code}" for code in patient],
            "part": part,
            "truth": truth,
            "logit": np.asarray(score, dtype=float),
            "score": 0.5,
            "assignment": "0123456789abcdef",
        }
    )


def row(evaluation: Evaluation, backbone, measure, group="", part="test"):
    """(estimate, lo, hi) from the table of measures, which holds all 17 digits; NaN where undefined."""
    rows = evaluation.measures.set_index(["backbone", "part", "group", "measure"])
    return tuple(float(text or "nan") for text in rows.loc[(backbone, part, group, measure), ["estimate", "lo", "hi"]])


@pytest.fixture(scope="module")
def asah():
    """Subarachnoid haemorrhage, 113 patients (Turck et al. 2010), which pROC ships and tests itself with."""
    script = "suppressMessages(library(pROC)); data(aSAH); write.csv(aSAH, row.names = FALSE)"
    text = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True).stdout
    frame = pd.read_csv(io.StringIO(text))
    truth = (frame["outcome"] == "Poor").astype(int)
    return evaluate({name: predictions(truth, frame[name]) for name in ("wfns", "ndka", "s100b")}, PARAMS, "aSAH")


@pytest.mark.parametrize(
    ("marker", "auc", "lo", "hi"),
    [
        ("s100b", 0.7313685637, 0.6301182118, 0.8326189156),
        ("ndka", 0.6119579946, 0.5012449993, 0.7226709899),
        ("wfns", 0.8236788618, 0.7485348878, 0.8988228358),
    ],
)
def test_auc_and_delong_interval_are_proc_s_on_asah(asah, marker, auc, lo, hi):
    assert row(asah, marker, "auc_image") == pytest.approx((auc, lo, hi), abs=1e-10)


# Expected values of pROC's own test suite (tests/testthat/test-roc.test.R); intervals beyond the first: its output.
PAIRED = {
    "wfns-s100b": (0.0923102981, 0.0104061769564846, 0.174214419249478, 0.0271757822291882),
    "wfns-ndka": (0.2117208672, 0.0634011709, 0.3600405635, 0.00514557970691098),
    "ndka-s100b": (-0.1194105691, -0.2876917446, 0.0488706064, 0.164295175223054),
}


@pytest.mark.parametrize("pair", PAIRED)
@pytest.mark.parametrize("unit", ["", "_image"])
def test_paired_delong_is_proc_s_on_asah_and_the_clustered_test_equals_it_there(asah, pair, unit):
    # One row a patient: then the clustered test must be DeLong's.
    estimate, lo, hi, p = PAIRED[pair]
    measured = row(asah, pair, f"auc_difference{unit}", "comparison")
    assert measured == pytest.approx((estimate, lo, hi), abs=1e-10)
    assert row(asah, pair, f"p{unit}", "comparison")[0] == pytest.approx(p, abs=1e-12)


def test_youden_point_on_asah(asah):
    assert row(asah, "s100b", "cutoff", "as_published")[0] == 0.205
    assert row(asah, "ndka", "cutoff", "as_published")[0] == 11.08
    assert row(asah, "wfns", "cutoff", "as_published")[0] == 3.5
    sensitivity = row(asah, "s100b", "sensitivity", "as_published")
    assert sensitivity == pytest.approx((26 / 41, 0.4693625, 0.7787721), abs=1e-7)
    assert row(asah, "s100b", "specificity", "as_published")[0] == pytest.approx(58 / 72)
    assert row(asah, "s100b", "accuracy", "as_published")[0] == pytest.approx(84 / 113)


@pytest.mark.parametrize("marker_variance", [("s100b", 0.00266868245717244), ("wfns", 0.00146991470882363)])
def test_clustered_interval_is_logit_t_around_delong_s_variance_on_asah(asah, marker_variance):
    marker, variance = marker_variance
    auc, lo, hi = row(asah, marker, "auc")
    half = stats.t.ppf(0.975, 41 - 1) * np.sqrt(variance) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    assert (lo, hi) == pytest.approx((1 / (1 + np.exp(half - logit)), 1 / (1 + np.exp(-half - logit))), abs=1e-10)


def test_ties_by_hand():
    truth = [0, 0, 0, 0, 0, 1, 1, 1, 1]
    first = [1.0, 2.0, 2.0, 3.0, 4.0, 2.0, 3.0, 3.0, 5.0]
    second = [1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 2.0, 2.0, 2.0]
    result = evaluate({"a": predictions(truth, first), "b": predictions(truth, second)}, PARAMS, "toy")
    assert row(result, "a", "auc")[0] == pytest.approx(0.7)
    assert row(result, "b", "auc")[0] == pytest.approx(0.675)
    z = 0.025 / np.sqrt(0.0346875 + 0.030625 - 2 * 0.02875)
    assert row(result, "a-b", "p", "comparison")[0] == pytest.approx(2 * stats.norm.sf(z), abs=1e-12)


def one_draw(seed, largest_cluster):
    """Images of patients with correlated scores, ties, and some patients with images of both classes."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(14), rng.integers(1, largest_cluster + 1, 14))
    truth = np.where(patient < 3, rng.integers(0, 2, len(patient)), patient % 2)
    effect = rng.normal(size=14)[patient]
    scores = [np.round(truth + effect + rng.normal(size=len(patient)), 1) for _ in range(2)]
    order = rng.permutation(len(patient))
    return truth[order], patient[order], [score[order] for score in scores]


def wins(truth, score):
    """Every positive against every negative image: 1, 1/2 or 0."""
    difference = score[truth == 1][:, None] - score[truth == 0][None, :]
    return (np.sign(difference) + 1) / 2


def delong_covariance(truth, scores):
    cases = np.array([wins(truth, score).mean(axis=1) for score in scores])
    controls = np.array([wins(truth, score).mean(axis=0) for score in scores])
    return np.cov(cases) / cases.shape[1] + np.cov(controls) / controls.shape[1]


def obuchowski_covariance(truth, patient, scores):
    """Obuchowski 1997, equation by equation, patient by patient."""
    of_cases, of_controls = patient[truth == 1], patient[truth == 0]
    total = np.zeros((2, 2))
    everybody, diseased, healthy = (len(set(codes)) for codes in (patient, of_cases, of_controls))
    m, n = len(of_cases), len(of_controls)
    for code in set(patient):
        ten, one = np.zeros(2), np.zeros(2)
        for k, score in enumerate(scores):
            won = wins(truth, score)
            ten[k] = won.mean(axis=1)[of_cases == code].sum() - (of_cases == code).sum() * won.mean()
            one[k] = won.mean(axis=0)[of_controls == code].sum() - (of_controls == code).sum() * won.mean()
        total += np.outer(ten, ten) * diseased / (diseased - 1) / m**2
        total += np.outer(one, one) * healthy / (healthy - 1) / n**2
        total += (np.outer(ten, one) + np.outer(one, ten)) * everybody / (everybody - 1) / (m * n)
    return total


def variance_of_difference(covariance):
    return covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


@pytest.mark.parametrize("seed", range(12))
def test_delong_and_clustered_variances_equal_the_independent_ones(seed):
    truth, patient, scores = one_draw(seed, largest_cluster=1 + seed % 4)
    result = evaluate(
        {name: predictions(truth, s, patient) for name, s in zip("ab", scores, strict=True)}, PARAMS, "draw"
    )
    delong, clustered = delong_covariance(truth, scores), obuchowski_covariance(truth, patient, scores)

    auc, lo, hi = row(result, "a", "auc_image")
    assert auc == pytest.approx(wins(truth, scores[0]).mean(), abs=1e-12)
    half = stats.norm.ppf(0.975) * np.sqrt(delong[0, 0])
    assert (lo, hi) == pytest.approx((max(auc - half, 0), min(auc + half, 1)), abs=1e-10)

    logit_half = (np.log(row(result, "a", "auc")[2] / (1 - row(result, "a", "auc")[2])) - np.log(auc / (1 - auc))) * (
        auc * (1 - auc)
    )
    patients = min(len(set(patient[truth == 1])), len(set(patient[truth == 0])))
    assert logit_half == pytest.approx(stats.t.ppf(0.975, patients - 1) * np.sqrt(clustered[0, 0]), abs=1e-10)

    for unit, covariance in (("", clustered), ("_image", delong)):
        difference, lo, hi = row(result, "a-b", f"auc_difference{unit}", "comparison")
        half = stats.norm.ppf(0.975) * np.sqrt(variance_of_difference(covariance))
        assert (lo, hi) == pytest.approx((difference - half, difference + half), abs=1e-10)
        z = abs(difference) / np.sqrt(variance_of_difference(covariance))
        assert row(result, "a-b", f"p{unit}", "comparison")[0] == pytest.approx(2 * stats.norm.sf(z), abs=1e-10)


def test_copies_of_an_image_add_nothing_for_the_clustered_interval_and_mislead_delong():
    truth, patient, scores = one_draw(1, largest_cluster=1)
    once = evaluate({"a": predictions(truth, scores[0], patient)}, PARAMS, "once")
    often = evaluate({"a": predictions(*(np.repeat(v, 5) for v in (truth, scores[0], patient)))}, PARAMS, "often")
    assert row(often, "a", "auc") == pytest.approx(row(once, "a", "auc"), abs=1e-12)
    width_once, width_often = (np.ptp(row(result, "a", "auc_image")[1:]) for result in (once, often))
    assert width_often < 0.5 * width_once


tied_scores = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.integers(-3, 3).map(float), st.floats(-30, 30, width=32))), min_size=2
).filter(lambda pairs: len({truth for truth, _ in pairs}) == 2)


@settings(deadline=None, max_examples=40)
@given(tied_scores)
def test_auc_and_curve_are_scikit_learn_s(pairs):
    truth, score = (np.array(values) for values in zip(*pairs, strict=True))
    result = evaluate({"a": predictions(truth, score)}, PARAMS, "any")
    assert row(result, "a", "auc")[0] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    false_positive_rate, sensitivity, _ = roc_curve(truth, score, drop_intermediate=False)
    np.testing.assert_allclose(result.curves["false_positive_rate"], false_positive_rate, atol=1e-12)
    np.testing.assert_allclose(result.curves["sensitivity"], sensitivity, atol=1e-12)
    for point in result.curves.itertuples():  # and the threshold written is one that gives this point
        called = score >= float(point.threshold)
        assert called[truth == 1].mean() == pytest.approx(point.sensitivity)
        assert called[truth == 0].mean() == pytest.approx(point.false_positive_rate)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("tp", "fn"), [(0, 3), (7, 0), (5, 4)])
def test_exact_interval_is_scipy_s(tp, fn, level):
    truth = [1] * (tp + fn) + [0] * 2
    score = [2.0] * tp + [0.0] * fn + [0.0, 1.0]
    rows = list(range(len(truth)))
    frame = bridge.call(
        "at_cutoff", truth=truth, cluster=rows, score=score, cutoff={"value": 1.5}, level=level, group="as_published"
    )
    index = frame["measure"].index("sensitivity")
    expected = stats.binomtest(tp, tp + fn).proportion_ci(level, method="exact")
    assert (frame["lo"][index], frame["hi"][index]) == pytest.approx((expected.low, expected.high), abs=1e-12)
