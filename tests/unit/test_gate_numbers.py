"""The gate's R against other software, and against answers that are known beforehand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nonmass.determinism import generator
from nonmass.gate.patients import flipped
from nonmass.gate.verdicts import decide
from nonmass.roc import bridge
from nonmass.roc.analysis import RocParams, evaluate

P_VALUES = st.lists(st.floats(1e-6, 1), min_size=2, max_size=8)


def scores(images=60, purpose="a"):
    """One image a patient; two related scores."""
    rng = generator(1, "gate numbers", purpose)
    truth = np.arange(images) % 2
    base = truth + rng.normal(size=images)
    return {
        "truth": truth.tolist(),
        "patient": list(range(images)),
        "base": base.tolist(),
        "head": (0.5 * truth + base + rng.normal(size=images)).tolist(),
    }


def compare(pairs, level=0.95):
    return pd.DataFrame(bridge.call("compare_revisions", pairs=pairs, level=level)).set_index("row")


@given(P_VALUES)
def test_levels_reject_what_holms_adjusted_p_values_reject(p):
    """Adjusted as R's p.adjust documents it: the running maximum of (m - rank + 1) p."""
    levels = np.array(bridge.call("holm_levels", p=p, alpha=0.05))
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * np.array(p)[order])
    assert (np.array(p)[order] < levels[order]).tolist() == (adjusted < 0.05).tolist()


def test_a_row_alone_has_delongs_variance_where_a_patient_has_one_image():
    """pROC's, from the width of its normal interval; ours has t quantiles on 29 degrees of freedom."""
    pair = scores()
    frame = pd.DataFrame({"truth": pair["truth"], "image_id": [f"i{n:02}" for n in pair["patient"]]})
    frame = frame.assign(patient_id=frame["image_id"], part="test", score=0.5, assignment="0")
    sides = {name: frame.assign(logit=pair[name]) for name in ("head", "base")}
    measures = evaluate(sides, RocParams(confidence_level=0.95, cutoff_rule="youden"), "x").measures
    delong = measures.set_index("measure").loc["auc_difference_image"]
    error = (float(delong["hi"]) - float(delong["lo"])) / 2 / stats.norm.ppf(0.975)
    row = compare({"x": pair}).loc["x"]
    assert row["difference"] == pytest.approx(float(delong["estimate"]), abs=1e-12)
    assert row["hi"] - row["difference"] == pytest.approx(stats.t.ppf(0.975, 29) * error)
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["difference"]) / error, 29))
    assert row["detectable"] == pytest.approx((stats.t.ppf(0.975, 29) + stats.t.ppf(0.8, 29)) * error)


@given(st.integers(0, 200), st.integers(2, 5))
def test_an_interval_leaves_zero_out_exactly_if_holm_rejects(number, rows):
    table = compare({str(n): scores(40, f"{number} {n}") for n in range(rows)})
    assert ((table["lo"] > 0) | (table["hi"] < 0)).tolist() == (table["p"] < table["tested_at"]).tolist()


def test_copies_of_images_change_nothing():
    """Ten copies of an image are no ten patients."""
    pair = scores()
    copies = {name: np.repeat(values, 10).tolist() for name, values in pair.items()}
    assert compare({"x": copies}).loc["x", "lo":"p"].tolist() == pytest.approx(
        compare({"x": pair}).loc["x", "lo":"p"].tolist()
    )


def test_rows_that_nobody_trained_again_cost_the_others_no_power():
    pair, equal = scores(), scores(purpose="b")
    equal = {**equal, "head": (3 + 2 * np.array(equal["base"])).tolist()}  # another scale, the same order
    table = compare({"x": pair, **{str(n): equal for n in range(5)}})
    assert table.loc["x"].equals(compare({"x": pair}).loc["x"])
    assert set(table["p"].drop("x")) == {1}


def test_too_few_patients_even_for_a_sign_test_give_no_interval():
    turned = {"truth": [0, 1] * 3, "patient": list(range(6)), "base": [0.0, 1.0] * 3, "head": [1.0, 0.0] * 3}
    row = compare({"x": turned}).loc["x"]
    assert (row["difference"], row["p"]) == (-1, 0.25)
    assert np.isnan(row["lo"])


def test_one_patient_of_a_class_gives_no_interval():
    pair = {"truth": [0, 0, 1, 1], "patient": [0, 1, 2, 2], "base": [0.0, 1.0, 2.0, 3.0], "head": [2.5, 1.0, 2.0, 3.0]}
    row = compare({"x": pair}).loc["x"]
    assert np.isnan(row["lo"])
    assert "fewer than two patients" in row["note"]


@pytest.mark.parametrize(
    ("lo", "hi", "verdict"),
    [
        (0.001, 0.2, "better"),
        (-0.049, 0.1, "same"),
        (-0.051, 0.1, "unsure"),
        (-0.3, -0.001, "worse"),
        (-0.01, -0.001, "worse"),  # within the margin, and still a loss
        (0.0, 0.0, "same"),
        (None, None, "unsure"),
    ],
)
def test_verdicts_follow_from_the_interval(lo, hi, verdict):
    assert decide(lo, hi, 0.05) == verdict


def test_net_benefit_is_that_of_vickers_and_elkin():
    """TP / n - FP / n * t / (1 - t); with one image a patient the interval is that of SciPy's t-test of a mean."""
    rng = generator(1, "net benefit")
    truth, base, head = (rng.integers(0, 2, 50) for _ in range(3))
    found = bridge.call(
        "net_benefit_change",
        truth=truth.tolist(),
        patient=list(range(50)),
        base=(base == 1).tolist(),
        head=(head == 1).tolist(),
        threshold=0.2,
        level=0.95,
    )

    def benefit(called):
        return (np.sum(called & truth) - np.sum(called & (1 - truth)) * 0.2 / 0.8) / 50

    assert found["base"] == pytest.approx(benefit(base))
    assert found["head"] == pytest.approx(benefit(head))
    change = (head - base) * np.where(truth == 1, 1, -0.25)
    interval = stats.ttest_1samp(change, 0).confidence_interval(0.95)
    assert (found["lo"], found["hi"]) == pytest.approx(tuple(interval))


def test_a_patient_flips_by_the_mean_of_her_images():
    """a: right, then wrong by one image that fell far; b: the other way round; c: one image flips, she does not."""
    images = pd.DataFrame(
        [
            ("i1", "a", 1, 1.0, 1.0),
            ("i2", "a", 1, 1.0, -3.0),
            ("i3", "b", 0, 2.0, 0.5),
            ("i4", "c", 0, -2.0, 1.0),
            ("i5", "c", 0, -2.0, -2.0),
        ],
        columns=["image_id", "patient_id", "truth", "base", "head"],
    )
    found = [(flip.patient, flip.image, flip.before, flip.now, lost) for flip, lost in flipped(images, 0.0, 1.0)]
    assert found == [("a", "i2", 1.0, -1.0, True), ("b", "i3", 2.0, 0.5, False)]
