"""The clustered mean against SciPy where patients have one image each, and against the formula written again."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nonmass.roc import bridge
from nonmass.roc.explanations import key_figures, measure_explanations
from nonmass.tables import LESION_MATCHES, PERTURBED, RANDOMISED

LEVEL = 0.9


def clustered(values, patients, least=-np.inf, most=np.inf, level=LEVEL):
    sample = {"value": list(map(float, values)), "patient": list(patients), "least": least, "most": most}
    answers = bridge.call("clustered_means", samples={"0": sample}, level=level)
    return {name: column[0] for name, column in answers.items()}


def test_one_image_a_patient_is_the_t_test():
    values = np.random.default_rng(1).normal(0.3, 1, 23)
    found, expected = clustered(values, range(23)), stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval(LEVEL)
    assert found["estimate"] == pytest.approx(values.mean(), rel=1e-12)
    assert (found["lo"], found["hi"]) == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-10)
    assert (found["images"], found["patients"], found["note"]) == (23, 23, "")


def test_several_images_a_patient_is_the_formula():
    rng = np.random.default_rng(2)
    patients = rng.integers(0, 9, 60)
    values = rng.normal(patients / 9, 0.2)
    residuals = [sum(values[row] - np.mean(values) for row in np.flatnonzero(patients == p)) for p in range(9)]
    error = np.sqrt(9 / 8 * np.sum(np.square(residuals))) / 60
    half = stats.t.ppf(0.5 + LEVEL / 2, 8) * error
    found = clustered(values, patients.tolist())
    assert (found["lo"], found["hi"]) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-12)
    assert found["p"] == pytest.approx(2 * stats.t.sf(values.mean() / error, 8), rel=1e-10)


def test_copies_of_images_tell_nothing_new():
    values = np.random.default_rng(3).normal(size=12)
    once, tenfold = clustered(values, range(12)), clustered(np.repeat(values, 10), np.repeat(range(12), 10).tolist())
    assert (tenfold["lo"], tenfold["hi"]) == pytest.approx((once["lo"], once["hi"]), rel=1e-12)
    assert (tenfold["images"], tenfold["patients"]) == (120, 12)


def test_an_interval_ends_where_values_do():
    found = clustered([0, 1, 1, 1], range(4), 0.0, 1.0)
    assert 0 < found["lo"] < 0.75 and found["hi"] == 1


@pytest.mark.parametrize(
    ("values", "patients", "note"),
    [([0.1, 0.4], [0, 0], "fewer than two patients"), ([1, 1, 1], [0, 1, 2], "has no variance")],
)
def test_what_is_undefined_says_why(values, patients, note):
    found = clustered(values, patients)
    assert np.isnan([found["lo"], found["hi"], found["p"]]).all()
    assert note in found["note"] and found["estimate"] == pytest.approx(np.mean(values))


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Patients of 1 to 6 images, correlated by 0.6; an interval of images alone would hold it far less often."""
    rng, samples, simple = np.random.default_rng(4), {}, 0
    for study in range(1000):
        sizes = rng.integers(1, 7, 30)
        patients = np.repeat(np.arange(30), sizes)
        values = np.sqrt(0.6) * rng.normal(size=30)[patients] + np.sqrt(0.4) * rng.normal(size=len(patients))
        samples[str(study)] = {"value": values.tolist(), "patient": patients.tolist(), "least": -np.inf, "most": np.inf}
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        simple += interval.low <= 0 <= interval.high
    answers = pd.DataFrame(bridge.call("clustered_means", samples=samples, level=0.95))
    held = ((answers["lo"] <= 0) & (answers["hi"] >= 0)).mean()
    assert 0.92 <= held <= 0.97
    assert simple / 1000 < 0.85


def matches():
    """Four images of three patients; Grad-CAM always hits, the centre never does, random maps half of the time."""
    rows = []
    for number, patient in enumerate(["p", "p", "q", "r"]):
        who = {"image_id": f"i{number}", "patient_id": patient, "part": "test", "outcome": "TP" if number < 3 else "FN"}
        for name, hit in (("gradcam", 1), ("centre", 0), ("random", number % 2)):
            numbers = {"pointing_game": hit, "energy_in_lesion": 0.1 * number + 0.2 * hit, "iou": 0.1 * hit}
            rows.append({**who, "map": name, **numbers, "is_empty": 0, "lesion_share": 0.1})
    return LESION_MATCHES.check(pd.DataFrame(rows), "test")


NOTHING = {table.name: pd.DataFrame(columns=list(table.columns)) for table in (RANDOMISED, PERTURBED)}


def test_maps_are_compared_image_by_image_and_by_outcome():
    table = measure_explanations(matches(), *NOTHING.values(), level=0.95)
    found = table.set_index(["outcome", "subject", "measure"])["estimate"]
    assert found["all", "gradcam", "pointing_game"] == "1"
    assert float(found["all", "random", "pointing_game"]) == 0.5
    assert float(found["all", "gradcam-random", "pointing_game"]) == 0.5
    assert float(found["TP", "gradcam-random", "pointing_game"]) == pytest.approx(2 / 3)
    assert float(found["FN", "gradcam-centre", "iou"]) == pytest.approx(0.1)
    # A difference of every image has less spread than the measure itself: here none at all.
    is_paired = (table["subject"] == "gradcam-centre") & (table["measure"] == "energy_in_lesion")
    paired = table[is_paired & (table["outcome"] == "all")].iloc[0]
    assert float(paired["estimate"]) == pytest.approx(0.2) and "no variance" in paired["note"]
    assert (table.loc[~table["subject"].str.contains("-"), "p"] == "").all()
    figures = key_figures(table)
    assert figures["test"]["n"] == {"images": 4, "patients": 3}
    lo = 0.5 - stats.t.ppf(0.975, 2) * np.sqrt(3 / 2 * 0.5) / 4  # sums of the residuals are 0, 0.5 and -0.5
    assert figures["test"]["pointing_game"] == {
        "est": 1.0,
        "centre_baseline": 0.0,
        "random_baseline": 0.5,
        "above_centre": {"est": 1.0},
        "above_random": pytest.approx({"est": 0.5, "lo": lo, "hi": 1.0}),
    }


def test_drops_are_compared_with_those_elsewhere():
    rows = [(f"i{n}", f"p{n}", "test", "TP", "lesion", 2.0 + n, 0.5 * n) for n in range(4)]
    perturbed = PERTURBED.check(pd.DataFrame(rows, columns=list(PERTURBED.columns)), "test")
    table = measure_explanations(matches()[:0], NOTHING[RANDOMISED.name], perturbed, level=0.95)
    drop = key_figures(table)["test"]["drop"]["lesion"]
    expected = stats.ttest_1samp([2.0 + 0.5 * n for n in range(4)], 0)
    assert drop["est"] == 3.5 and drop["elsewhere"] == 0.75
    interval = expected.confidence_interval(0.95)
    assert drop["more_than_elsewhere"] == pytest.approx({"est": 2.75, "lo": interval.low, "hi": interval.high})
    row = table[(table["outcome"] == "all") & (table["subject"] == "lesion-lesion_elsewhere")].iloc[0]
    assert float(row["p"]) == pytest.approx(expected.pvalue)


def test_the_deepest_randomisation_stands_in_the_metrics():
    rows = [(f"i{n}", f"p{n}", layers, layers / 12, 0.1 * n / layers, 0.5) for n in range(4) for layers in (1, 12)]
    randomised = RANDOMISED.check(pd.DataFrame(rows, columns=list(RANDOMISED.columns)), "test")
    table = measure_explanations(matches()[:0], randomised, NOTHING[PERTURBED.name], level=0.95)
    assert table["subject"].unique().tolist() == ["0001", "0012"]
    assert key_figures(table)["randomised"]["spearman"]["est"] == pytest.approx(0.15 / 12)
    assert key_figures(table)["randomised"]["ssim"] == {"est": 0.5}


def test_nothing_explained_is_an_empty_table():
    table = measure_explanations(matches()[:0], *NOTHING.values(), level=0.95)
    assert table.empty and key_figures(table) == {}
