"""What is said of images that were scored alike: R's own bins, found again by their scores."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass import tables
from nonmass.errors import InputError
from nonmass.roc.analysis import RocParams
from nonmass.roc.calibration import CalibrationParams, calibrate
from nonmass.serving.cautions import part_cautions
from nonmass.serving.evidence import Band, Evidence, Rate, evidence_of, like

NOTHING = pd.DataFrame(columns=list(tables.MEASURES.columns))


def predictions_of(n_patients=60, seed=7):
    """Two images a patient, of one class, with scores that know a little of it; some scores are equal."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_patients) % 2, 2)
    logit = np.round(rng.normal(truth - 0.5, 1.0), 1)
    frame = pd.DataFrame(
        {
            "image_id": [f"drawn-{number:016x}" for number in range(2 * n_patients)],
            "patient_id": np.repeat([f"p{number}" for number in range(n_patients)], 2),
            "part": np.resize(["val", "val", "test", "test", "test", "test"], 2 * n_patients),
            "truth": truth,
            "logit": logit,
            "score": 1 / (1 + np.exp(-logit)),
            "assignment": "0" * 16,
        }
    )
    return tables.PREDICTIONS.check(frame, "drawn")


@pytest.fixture(scope="module")
def judged():
    """Predictions, and what R says of them."""
    predictions = predictions_of()
    roc = RocParams(confidence_level=0.9, cutoff_rule="youden", sensitivity=0.95)
    found = calibrate({"tiny": predictions}, roc, CalibrationParams(bins=4, thresholds=(0.1,)), "drawn")
    return predictions, found.reliability


def test_bands_hold_the_images_of_r_s_bins(judged):
    predictions, reliability = judged
    found = evidence_of(NOTHING, reliability, predictions, {"test": "mass"}, 10, 0.9, "drawn")
    assert list(found) == ["test"], "validation set the cut-off, so it backs nothing"
    test, rows = found["test"], predictions[predictions["part"] == "test"]
    assert (test.images, test.patients, test.shows) == (80, 40, "mass")
    assert sum(band.images for band in test.bands) == 80
    bins = reliability[(reliability["part"] == "test") & (reliability["scale"] == "raw")].sort_values("bin")
    for band, row in zip(test.bands, bins.itertuples(), strict=True):
        within = rows[rows["logit"].between(band.from_logit, band.to_logit)]
        assert (len(within), within["patient_id"].nunique()) == (band.images, band.patients)
        assert within["truth"].sum() == band.positive_images
        assert within["score"].mean() == pytest.approx(row.probability)
        assert band.share == Rate(estimate=row.observed, lo=float(row.lo), hi=float(row.hi))
        for logit in within["logit"]:
            assert like(logit, test) == (band, "")


def test_a_curve_of_other_predictions_is_refused(judged):
    predictions, reliability = judged
    turned = predictions.assign(truth=1 - predictions["truth"])
    with pytest.raises(InputError, match="drawn: test: the reliability curve is not of these predictions"):
        evidence_of(NOTHING, reliability, turned, {}, 10, 0.9, "drawn")
    with pytest.raises(InputError, match="not of these predictions"):
        evidence_of(NOTHING, reliability, predictions.iloc[:-2], {}, 10, 0.9, "drawn")


def test_rates_are_those_at_the_frozen_cutoff(judged):
    predictions, reliability = judged
    rows = [
        ("tiny", "test", "frozen", "sensitivity", "0.8", "0.7", "0.9", ""),
        ("tiny", "test", "as_published", "specificity", "0.1", "0", "0.2", ""),
        ("tiny", "test", "frozen", "specificity", "1", "", "", "no variance"),
        ("tiny", "test", "", "auc", "0.6", "0.4", "0.8", ""),
        ("tiny", "test", "calibration_raw", "brier", "0.2", "0.1", "0.3", ""),
        ("tiny", "test", "calibration_scaled", "brier", "0.25", "0.1", "0.3", ""),
    ]
    measures = pd.DataFrame(rows, columns=list(tables.MEASURES.columns))
    found = evidence_of(measures, reliability, predictions, {}, 10, 0.9, "drawn")["test"]
    assert found.sensitivity == Rate(estimate=0.8, lo=0.7, hi=0.9)
    assert found.specificity == Rate(estimate=1.0, lo=None, hi=None)
    assert found.auc == Rate(estimate=0.6, lo=0.4, hi=0.8)
    assert (found.brier_as_trained, found.brier_calibrated) == (0.2, 0.25)
    assert list(part_cautions(found)) == [
        "not shown to be better than chance",
        "the temperature of validation makes probabilities worse here (Brier score 0.200 as trained, 0.250 calibrated)",
    ]


@pytest.mark.parametrize(
    ("auc", "said"),
    [
        (Rate(estimate=0.6, lo=0.5, hi=0.7), ["not shown to be better than chance"]),
        (Rate(estimate=0.4, lo=0.3, hi=0.45), ["worse than chance"]),
        (Rate(estimate=0.6, lo=0.51, hi=0.7), []),
        (Rate(estimate=1.0, lo=None, hi=None), []),
        (None, []),
    ],
)
def test_a_part_whose_interval_holds_a_half_is_said_to(auc, said):
    judged = KNOWN.model_copy(update={"auc": auc, "brier_as_trained": 0.2, "brier_calibrated": 0.2})
    assert list(part_cautions(judged)) == said


def band_of(low, high, patients=20):
    share = Rate(estimate=0.5, lo=0.3, hi=0.7)
    return Band(
        from_logit=low, to_logit=high, images=2 * patients, patients=patients, positive_images=patients, share=share
    )


BANDS = (band_of(-2.0, -1.0), band_of(-0.5, 0.5, patients=9), band_of(1.0, 3.0))
KNOWN = Evidence(
    shows="",
    images=98,
    patients=49,
    sensitivity=None,
    specificity=None,
    auc=None,
    brier_as_trained=None,
    brier_calibrated=None,
    bands=BANDS,
    min_patients=10,
    confidence_level=0.95,
)


@pytest.mark.parametrize(
    ("logit", "band", "why_not"),
    [
        (-2.0, 0, ""),
        (-0.8, 0, ""),
        (-0.7, None, "of only 9 patients; nothing is said of fewer than 10"),
        (0.0, None, "of only 9 patients; nothing is said of fewer than 10"),
        (0.76, 2, ""),
        (3.0, 2, ""),
        (-2.1, None, "no image of this part was scored so low"),
        (3.1, None, "no image of this part was scored so high"),
    ],
)
def test_small_bands_and_scores_beyond_all_others_are_not_spoken_of(logit, band, why_not):
    assert like(logit, KNOWN) == (None if band is None else BANDS[band], why_not)


@given(st.floats(-5, 5, allow_nan=False))
def test_a_score_counts_to_the_nearest_band(logit):
    found, why_not = like(logit, KNOWN.model_copy(update={"min_patients": 1}))
    away = [max(band.from_logit - logit, logit - band.to_logit, 0) for band in BANDS]
    assert (found is None) == (not -2 <= logit <= 3) == bool(why_not)
    if found:
        assert away[BANDS.index(found)] == min(away)
