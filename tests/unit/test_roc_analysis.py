"""What goes into the analysis, what is refused, and what a degenerate part gets instead of a number."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.roc.analysis import RocParams, evaluate
from nonmass.roc.calibration import CalibrationParams, calibrate
from nonmass.roc.key_figures import key_figures

PARAMS = RocParams(confidence_level=0.95, cutoff_rule="youden")


def predictions(truth, logit, part="test"):
    names = [f"x-{number:04}" for number in range(len(truth))]
    return pd.DataFrame(
        {"image_id": names, "patient_id": names, "part": part, "truth": truth, "logit": logit, "score": 0.5}
    ).assign(assignment="0123456789abcdef")


def drawn(purpose, parts=(("val", 40), ("test", 60), ("external", 50))):
    """Three images a patient; score and truth are related."""
    part = np.concatenate([[name] * n for name, n in parts])
    truth = np.arange(len(part)) // 3 % 2
    frame = predictions(truth, generator(1, "logit", purpose).normal(size=len(part)) + truth, part)
    return frame.assign(patient_id=[f"p{n // 3}" for n in range(len(part))])


def evaluate_one(frame):
    return evaluate({"net": frame}, PARAMS, "classify")


def notes(evaluation):
    rows = evaluation.measures
    rows = rows[rows["note"] != ""]
    names = rows["backbone"] + "." + rows["part"] + "." + rows["group"] + "." + rows["measure"]
    return dict(zip(names, rows["note"], strict=True))


def cutoff_of(evaluation):
    rows = evaluation.measures.set_index(["group", "measure"])
    return float(rows.loc[("as_published", "cutoff"), "estimate"])


def leaves(tree):
    return sum(leaves(branch) for branch in tree.values()) if isinstance(tree, dict) else 1


def test_metrics_of_three_parts_stay_short_and_hold_what_is_promised():
    metrics = evaluate({"net": drawn("a"), "other": drawn("b")}, PARAMS, "classify").metrics
    assert set(metrics) == {"net", "other", "comparison"}
    assert leaves(metrics["net"]) < 60
    assert metrics["net"]["val"].keys() == {"auc"}
    assert metrics["net"]["test"]["n"] == {"images": 60, "patients": 21, "positive_images": 30, "positive_patients": 11}
    point = metrics["net"]["external"]["frozen"]
    assert set(point) == {"cutoff", "sensitivity", "specificity", "accuracy"}
    assert set(point["sensitivity"]) == {"est", "lo", "hi"}
    assert set(metrics["net"]["external"]) >= {"auc", "auc_image", "auc_patient", "as_published", "frozen_sensitivity"}
    pair = metrics["comparison"]["net-other"]["external"]
    assert set(pair) == {
        *(f"{name}{unit}" for name in ("auc_difference", "p") for unit in ("", "_image", "_patient")),
        *("p_holm", "p_calls", "detectable_difference"),
    }
    aucs = [metrics[name]["external"]["auc"]["est"] for name in ("net", "other")]
    assert pair["auc_difference"]["est"] == pytest.approx(aucs[0] - aucs[1])


def test_the_frozen_cut_off_is_validation_s_and_the_published_one_is_the_part_s_own():
    frame = drawn("a")
    result = evaluate_one(frame)
    frozen = {part: result.metrics["net"][part]["frozen"]["cutoff"] for part in ("test", "external")}
    alone = evaluate_one(frame[frame["part"] == "val"]).measures.set_index(["group", "measure"])
    assert frozen["test"] == frozen["external"] == float(alone.loc[("as_published", "cutoff"), "estimate"])
    for part in ("test", "external"):
        rows = frame[frame["part"] == part]
        youden = [
            (rows["logit"] >= cutoff)[rows["truth"] == 1].mean() + (rows["logit"] < cutoff)[rows["truth"] == 0].mean()
            for cutoff in rows["logit"]
        ]
        point = result.metrics["net"][part]["as_published"]
        assert point["sensitivity"]["est"] + point["specificity"]["est"] == pytest.approx(max(youden))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(-40, 40)), min_size=4, max_size=40).filter(
        lambda pairs: len({truth for truth, _ in pairs}) == 2
    )
)
def test_every_number_follows_from_the_written_cut_off_and_lies_in_its_interval(pairs):
    truth, logit = (np.array(values) for values in zip(*pairs, strict=True))
    result = evaluate_one(predictions(truth, logit))
    found = result.measures.set_index(["group", "measure"])
    written = found.loc[("as_published", "cutoff"), "estimate"]
    if written:
        called = logit >= float(written)
        counts = {name: int(found.loc[("as_published", name), "estimate"]) for name in ("tp", "fp", "tn", "fn")}
        assert counts == {
            "tp": (called & (truth == 1)).sum(),
            "fp": (called & (truth == 0)).sum(),
            "tn": (~called & (truth == 0)).sum(),
            "fn": (~called & (truth == 1)).sum(),
        }
    bounded = found[found["lo"] != ""]
    lo, estimate, hi = (bounded[name].astype(float) for name in ("lo", "estimate", "hi"))
    assert ((lo <= estimate + 1e-12) & (estimate <= hi + 1e-12)).all()
    assert (found["note"] != "").to_numpy()[(found["estimate"] == "").to_numpy()].all()


def test_row_order_changes_nothing():
    frame = drawn("a")
    shuffled = frame.sample(frac=1, random_state=3)
    for ours, theirs in zip(
        (evaluate_one(frame).measures, evaluate_one(frame).curves),
        (evaluate_one(shuffled).measures, evaluate_one(shuffled).curves),
        strict=True,
    ):
        pd.testing.assert_frame_equal(ours, theirs)


def test_a_reversed_score_stays_reversed():
    result = evaluate_one(predictions([0, 0, 0, 1, 1, 1], [3.0, 2.0, 1.5, 1.8, 0.0, -1.0]))
    assert result.metrics["net"]["test"]["auc"]["est"] == pytest.approx(1 / 9)


def test_equal_gains_go_to_the_higher_specificity():
    # Cut-offs 1.5 (sensitivity 1, specificity 1/2) and 2.5 (1/2, 1) have the same Youden index, 1/2.
    result = evaluate_one(predictions([0, 0, 1, 1], [1.0, 2.0, 2.0, 3.0]))
    point = result.metrics["net"]["test"]["as_published"]
    assert (cutoff_of(result), point["sensitivity"]["est"], point["specificity"]["est"]) == (2.5, 0.5, 1.0)


def test_perfect_scores_get_no_interval_and_the_reason():
    result = evaluate(
        {"a": predictions([0, 0, 1, 1], [0, 1, 2, 3]), "b": predictions([0, 0, 1, 1], [0, 0, 5, 5])}, PARAMS, "t"
    )
    assert result.metrics["a"]["test"]["auc"] == {"est": 1.0}
    assert "auc_image" not in result.metrics["a"]["test"]
    assert result.metrics["comparison"]["a-b"]["test"]["auc_difference"] == {"est": 0.0}
    assert "p" not in result.metrics["comparison"]["a-b"]["test"]
    sensitivity = result.measures.set_index(["backbone", "group", "measure"]).loc["a", "as_published", "sensitivity"]
    assert float(sensitivity["lo"]) == pytest.approx(0.025**0.5, abs=1e-6)
    assert "exactly 0 or 1" in notes(result)["a.test..auc"]
    assert "no variance" in notes(result)["a-b.test.comparison.p"]


def test_equal_scores_are_chance_without_interval_or_cut_off():
    result = evaluate_one(predictions([0, 1, 0, 1], [2.0] * 4))
    assert result.metrics["net"]["test"]["auc"] == {"est": 0.5}
    assert "as_published" not in result.metrics["net"]["test"]
    assert notes(result)["net.test.as_published.cutoff"] == "no cut-off does better than chance"
    assert len(result.curves) == 2


def test_one_positive_image_gets_a_point_but_no_interval():
    result = evaluate_one(predictions([0, 0, 0, 1], [0.0, 1.0, 3.0, 2.0]))
    assert result.metrics["net"]["test"]["auc"] == {"est": pytest.approx(2 / 3)}
    assert notes(result)["net.test..auc"] == "a class has fewer than two patients"
    assert notes(result)["net.test..auc_image"] == "a class has fewer than two images"
    assert result.metrics["net"]["test"]["as_published"]["sensitivity"]["est"] == 1.0


def test_one_patient_a_class_has_only_an_image_level_interval():
    frame = predictions([0, 0, 0, 1, 1], [0.0, 1.0, 3.0, 2.0, 4.0]).assign(patient_id=list("aaabb"))
    test = evaluate_one(frame).metrics["net"]["test"]
    assert set(test["auc"]) == {"est"}
    assert set(test["auc_image"]) == {"lo", "hi"}


def test_without_validation_nothing_is_frozen():
    result = evaluate_one(predictions([0, 0, 1, 1], [0.0, 2.0, 1.0, 3.0]))
    assert "frozen" not in result.metrics["net"]["test"]
    assert "no validation part" in notes(result)["net.test.frozen.cutoff"]


def test_scores_closer_than_the_metrics_digits_keep_an_exact_cut_off_in_the_table_only():
    low, high = 1.0, 1.0 + 3e-9
    result = evaluate_one(predictions([0, 0, 1, 1], [low, low, high, high]))
    cutoff = float(result.measures.set_index(["group", "measure"]).loc[("as_published", "cutoff"), "estimate"])
    assert low < cutoff <= high
    frame = predictions([0, 0, 1, 1] * 2, [low, low, high, high] * 2, ["val"] * 4 + ["test"] * 4)
    assert "cutoff" not in evaluate_one(frame).metrics["net"]["test"]["frozen"]


def test_a_cut_off_is_written_with_six_decimals_where_these_do():
    assert cutoff_of(evaluate_one(predictions([0, 0, 1, 1], [0.1, 0.2, 0.3001234567, 0.4]))) == 0.250062


def test_a_score_at_the_cut_off_is_called_positive():
    frame = predictions([0, 0, 1, 1, 0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0, 2.4, 2.5, 2.5, 2.6], ["val"] * 4 + ["test"] * 4)
    frozen = evaluate_one(frame).metrics["net"]["test"]["frozen"]
    assert (frozen["cutoff"], frozen["sensitivity"]["est"], frozen["specificity"]["est"]) == (2.5, 1.0, 0.5)


def test_a_tiny_p_is_not_written_as_zero():
    truth = np.arange(400) % 2
    good, poor = truth + np.sin(np.arange(400)), np.sin(7 * np.arange(400))
    pair = evaluate({"a": predictions(truth, good), "b": predictions(truth, poor)}, PARAMS, "t").metrics["comparison"]
    assert pair["a-b"]["test"]["p"] == 1e-6


BASE = predictions([0, 1, 0, 1], [0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": [1, 1, 1, 1]}, "part test holds no negative image"),
        ({"truth": [0, 0, 0, 0]}, "part test holds no positive image"),
        ({"truth": [0, 1, 2, 1]}, "truth holds .*2.*; allowed: 0, 1"),
        ({"logit": [0.0, 1.0, float("nan"), 3.0]}, "logit holds values that are not finite"),
        ({"logit": [0.0, 1.0, float("inf"), 3.0]}, "logit holds values that are not finite"),
        ({"image_id": ["a", "a", "b", "c"]}, "more than one row for a"),
        ({"patient_id": ["", "p", "q", "r"]}, "name no patient"),
        ({"part": ["train", "test", "test", "test"]}, "hold part train"),
    ],
)
def test_wrong_predictions_are_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message):
        evaluate_one(BASE.assign(**changes))


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="hold no image"):
        evaluate_one(BASE.iloc[:0])


@pytest.mark.parametrize(
    ("other", "first"),
    [
        (BASE.iloc[1:], "x-0000"),
        (BASE.assign(truth=[1, 1, 0, 0]), "x-0000"),
        (BASE.assign(part=["test", "val", "test", "test"]), "x-0001"),
        (BASE.assign(patient_id=["x-0000", "x-0001", "x-0001", "x-0003"]), "x-0002"),
    ],
)
def test_backbones_that_saw_different_images_are_refused(other, first):
    with pytest.raises(InputError, match=f"a and b disagree on .* first {first}"):
        evaluate({"a": BASE, "b": other}, PARAMS, "detect")


def of_seeds(frame, n_seeds):
    """Members of an ensemble, drawn around its images' truths, and the ensemble."""
    logits = {
        seed: frame["truth"] + generator(seed, "member").normal(size=len(frame)) for seed in range(5, 5 + n_seeds)
    }
    members = pd.concat(
        [pd.DataFrame({"image_id": frame["image_id"], "seed": s, "logit": v}) for s, v in logits.items()]
    )
    return frame.assign(logit=sum(logits.values()) / n_seeds), members, logits


def test_the_spread_over_seeds_is_that_of_their_own_areas():
    frame, members, logits = of_seeds(drawn("a"), 3)
    other = drawn("b")
    lone = other[["image_id", "logit"]].assign(seed=5)
    result = evaluate(
        {"net": frame, "other": other},
        PARAMS,
        "classify",
        {"net": members.sample(frac=1, random_state=1), "other": lone},
    )
    for part in ("val", "test", "external"):
        rows = (frame["part"] == part).to_numpy()
        areas = [roc_auc_score(frame["truth"][rows], logit[rows]) for logit in logits.values()]
        expected = {"mean": np.mean(areas), "sd": np.std(areas, ddof=1), "min": min(areas), "max": max(areas), "n": 3}
        table = result.measures.set_index(["backbone", "part", "group", "measure"])["estimate"]["net", part, "seeds"]
        assert table.astype(float).to_dict() == pytest.approx(expected, abs=1e-12)
        spread = result.metrics["net"][part].get("auc_seeds")
        if part == "val":
            assert spread is None
        else:
            assert spread == pytest.approx({name: expected[name] for name in ("mean", "sd", "n")}, abs=1e-12)
            assert isinstance(spread["n"], int)
        assert result.metrics["net"][part]["auc"]["est"] == pytest.approx(
            roc_auc_score(frame["truth"][rows], frame["logit"][rows])
        )
        assert "auc_seeds" not in result.metrics["other"][part], "one seed has no spread"
    params = CalibrationParams(bins=4, thresholds=(0.5,))
    calibration = calibrate({"net": frame}, PARAMS, params, "classify").measures
    assert leaves(key_figures(pd.concat([result.measures, calibration]))["net"]) < 60
    rows = result.measures[result.measures["group"] == "seeds"]
    assert set(rows["backbone"]) == {"net"}
    assert len(rows) == 3 * 5
    assert (rows[["lo", "hi", "note"]] == "").all(axis=None)


def test_one_seed_changes_nothing():
    frame, members, _ = of_seeds(drawn("a"), 1)
    pd.testing.assert_frame_equal(
        evaluate({"net": frame}, PARAMS, "t", {"net": members}).measures, evaluate_one(frame).measures
    )


@pytest.mark.parametrize("fault", ["an image short", "a member's score", "an image of its own"])
def test_members_that_are_not_the_ensemble_s_are_refused(fault):
    frame, members, _ = of_seeds(drawn("a"), 2)
    wrong = {
        "an image short": members.iloc[1:],
        "a member's score": members.assign(logit=[members["logit"].iloc[0] + 1e-3, *members["logit"].iloc[1:]]),
        "an image of its own": pd.concat([members, members.iloc[:1].assign(image_id="stranger")]),
    }[fault]
    with pytest.raises(
        InputError, match=r"classify, net: scores are not the mean of those of the seeds; predict again"
    ):
        evaluate({"net": frame}, PARAMS, "classify", {"net": wrong})
