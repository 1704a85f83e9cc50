"""What the sound analysis adds, each against an answer computed in another way: patients, pairs, power, subgroups."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from nonmass.roc import bridge
from nonmass.roc.analysis import RocParams, evaluate
from nonmass.subgroups import SubgroupParams, subgroup_areas

PARAMS = RocParams(confidence_level=0.95, cutoff_rule="youden", sensitivity=0.9)
PARTS = ("val", "test", "external")


def drawn(seed, quality=1.0):
    """60 patients with 1 to 4 images, a third of them in each part; scores of a patient correlate."""
    rng = np.random.default_rng(7)
    patient = np.repeat(np.arange(60), rng.integers(1, 5, 60))
    truth = patient // 3 % 2
    rng = np.random.default_rng(seed)
    logit = quality * truth + rng.normal(size=60)[patient] + rng.normal(size=len(patient))
    names = [f"x-{number:04}" for number in range(len(patient))]
    frame = pd.DataFrame({"image_id": names, "patient_id": [f"p{code:02}" for code in patient], "truth": truth})
    return frame.assign(part=np.array(PARTS)[patient % 3], logit=logit, score=0.5, assignment="0123456789abcdef")


def measures(*frames, **changes):
    found = evaluate(dict(zip("abc", frames, strict=False)), PARAMS, "task", **changes).measures
    return found.set_index(["backbone", "part", "group", "measure"])


def row(found, *key):
    return tuple(float(text or "nan") for text in found.loc[key, ["estimate", "lo", "hi"]])


def delong_of_patients(frame, part, summary):
    """Area and DeLong's limits of one score a patient, pair by pair."""
    rows = frame[frame["part"] == part].groupby("patient_id").agg(truth=("truth", "first"), logit=("logit", summary))
    case, control = (rows.loc[rows["truth"] == label, "logit"].to_numpy() for label in (1, 0))
    won = (np.sign(case[:, None] - control[None, :]) + 1) / 2
    variance = won.mean(axis=1).var(ddof=1) / len(case) + won.mean(axis=0).var(ddof=1) / len(control)
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    return won.mean(), max(won.mean() - half, 0), min(won.mean() + half, 1)


@pytest.mark.parametrize(("measure", "summary"), [("auc_patient", "mean"), ("auc_patient_max", "max")])
def test_areas_of_patients_are_delong_s_on_one_score_each(measure, summary):
    frame = drawn(1)
    found = measures(frame)
    for part in PARTS:
        expected = delong_of_patients(frame, part, summary)
        assert row(found, "a", part, "", measure) == pytest.approx(expected, abs=1e-10)


def test_patients_with_images_of_both_classes_are_left_out_and_counted():
    frame = drawn(1)
    odd = frame.index[frame["patient_id"] == frame["patient_id"].value_counts().index[0]][0]
    mixed = frame.assign(truth=frame["truth"].where(frame.index != odd, 1 - frame["truth"]))
    part, patient = frame.loc[odd, ["part", "patient_id"]]
    found = measures(mixed)
    n = row(found, "a", part, "n", "patients")[0]
    assert row(found, "a", part, "n", "single_class_patients")[0] == n - 1
    expected = delong_of_patients(frame[frame["patient_id"] != patient], part, "mean")
    assert row(found, "a", part, "", "auc_patient") == pytest.approx(expected, abs=1e-10)


def test_the_sensitive_cut_off_is_the_largest_that_does_and_is_applied_as_written():
    frame = drawn(1)
    val = frame[frame["part"] == "val"]
    found = measures(frame)
    cutoff = row(found, "a", "test", "frozen_sensitivity", "cutoff")[0]
    cases = np.sort(val.loc[val["truth"] == 1, "logit"])
    needed = int(np.ceil(0.9 * len(cases) - 1e-9))
    assert (cases >= cutoff).sum() == needed
    assert not ((val["logit"] >= cutoff) & (val["logit"] < cases[len(cases) - needed])).any()
    assert cutoff == round(cutoff, 6) == row(found, "a", "external", "frozen_sensitivity", "cutoff")[0]
    test = frame[frame["part"] == "test"]
    called = test["logit"] >= cutoff
    assert row(found, "a", "test", "frozen_sensitivity", "sensitivity")[0] == called[test["truth"] == 1].mean()


def test_a_sensitivity_that_takes_every_image_is_no_cut_off():
    frame = drawn(1)
    lowest = (frame["part"] == "val") & (frame["truth"] == 1)
    frame = frame.assign(logit=frame["logit"].where(~lowest, -50))
    found = measures(frame)
    note = found.loc[("a", "test", "frozen_sensitivity", "cutoff"), "note"]
    assert note == "only a cut-off that calls every image positive is that sensitive"


def test_holm_steps_down_over_all_pairs_and_parts_but_validation():
    found = measures(drawn(1), drawn(2, 2.0), drawn(3, 0.2))
    keys = [(pair, part) for pair in ("a-b", "a-c", "b-c") for part in ("external", "test")]
    raw = np.array([row(found, *key, "comparison", "p")[0] for key in keys])
    order = np.argsort(raw)
    expected = np.empty(6)
    expected[order] = np.minimum(1, np.maximum.accumulate((6 - np.arange(6)) * raw[order]))
    assert [row(found, *key, "comparison", "p_holm")[0] for key in keys] == pytest.approx(expected.tolist())
    assert ("a-b", "val", "comparison", "p_holm") not in found.index


def test_calls_are_compared_by_mcnemar_s_exact_test_on_patients():
    frames = drawn(1), drawn(2, 2.0)
    found = measures(*frames)
    for part in ("test", "external"):
        right = []
        for name, frame in zip("ab", frames, strict=True):
            rows = frame[frame["part"] == part].groupby("patient_id")
            called = rows["logit"].mean() >= row(found, name, part, "frozen", "cutoff")[0]
            right.append(called == (rows["truth"].first() == 1))
        only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
        names = ("only_first_right", "only_second_right")
        assert [row(found, "a-b", part, "comparison", name)[0] for name in names] == only
        expected = stats.binomtest(only[0], sum(only)).pvalue
        assert row(found, "a-b", part, "comparison", "p_calls")[0] == pytest.approx(expected, abs=1e-12)


def test_no_patient_of_one_class_is_no_test_of_calls():
    frame = drawn(1)
    frame = frame.assign(patient_id=frame["patient_id"].str[1:].astype(int) % 3)
    frame["patient_id"] = "p" + frame["patient_id"].astype(str)  # one patient a part, with images of both classes
    found = measures(frame, frame.assign(logit=frame["logit"] ** 3))
    pair = found.loc[("a-b", "test", "comparison")]
    assert pair.loc["p_calls", "note"] == "one class has no patient whose images carry one label"
    assert pair.loc["p_calls", "estimate"] == ""
    assert not {"only_first_right", "only_second_right"} & set(pair.index)


def test_the_detectable_difference_is_2_80_standard_errors():
    found = measures(drawn(1), drawn(2))
    difference, lo, hi = row(found, "a-b", "test", "comparison", "auc_difference")
    error = (hi - difference) / stats.norm.ppf(0.975)
    assert lo == pytest.approx(difference - (hi - difference))
    detectable = row(found, "a-b", "test", "comparison", "detectable_difference")[0]
    assert detectable == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error)
    assert detectable == pytest.approx(2.80 * error, rel=2e-3)


def test_the_detectable_area_is_proc_s():
    """0.6536354 is what `power.roc.test(ncases = 41, ncontrols = 72, power = 0.8)` prints."""
    truth = [1] * 41 + [0] * 72
    component = bridge.call("components", truth=truth, score=[float(n % 7) for n in range(113)])
    area = bridge.call("detectable_auc", component=component, truth=truth, cluster=list(range(113)), level=0.95)
    assert area["value"] == pytest.approx(0.6536354, abs=1e-6)


def test_four_patients_tell_no_area_from_chance():
    found = bridge.call(
        "detectable_auc", component=[0.5, 1.0, 1.0, 0.5], truth=[0, 0, 1, 1], cluster=[1, 2, 3, 4], level=0.95
    )
    assert np.isnan(found["value"])
    assert found["note"] == "so few patients tell no AUC from chance"


def test_linked_patients_count_as_one_for_inference_alone():
    frame = drawn(1)
    linked = frame["patient_id"].replace({"p01": "p07", "p04": "p10"})
    one = measures(frame, clusters=linked.set_axis(frame["image_id"]))
    renamed = measures(frame.assign(patient_id=linked))
    for key in (("", "auc"), ("frozen", "sensitivity"), ("", "auc_patient")):
        assert row(one, "a", "test", *key) == row(renamed, "a", "test", *key)
    n = {name: row(one, "a", "test", "n", name)[0] for name in ("patients", "independent_patients")}
    assert n == {"patients": 20, "independent_patients": 18}


def test_a_subgroup_has_the_area_of_its_images_or_too_few():
    frame = drawn(1)
    number = frame["patient_id"].str[1:].astype(int)
    groups = pd.DataFrame(
        {"device": np.where(number < 42, "A", "B"), "birads": "", "all": "x"},
    ).set_axis(frame["image_id"])
    clusters = frame["patient_id"].set_axis(frame["image_id"])
    params = SubgroupParams(min_patients=5, age_years=(40,), lesion_size_mm=(10,))
    found = subgroup_areas({"a": frame}, groups, clusters, PARAMS, params, "task")
    table = found.set_index(["part", "characteristic", "level"])
    assert set(found["part"]) == {"test", "external"}
    rows = frame[(frame["part"] == "test") & (number < 42)]
    a = table.loc[("test", "device", "A")]
    assert float(a["auc"]) == pytest.approx(roc_auc_score(rows["truth"], rows["logit"]))
    alone = measures(rows)
    assert (float(a["lo"]), float(a["hi"])) == pytest.approx(row(alone, "a", "test", "", "auc")[1:])
    assert a["images"] == len(rows)
    assert tuple(table.loc[("test", "device", "B"), ["auc", "lo", "hi", "note"]]) == ("", "", "", "too few")
    assert table.loc[("test", "birads", ""), "note"] == "not known of any image of this part"
    whole = row(measures(frame), "a", "test", "", "auc")
    assert tuple(map(float, table.loc[("test", "all", "x"), ["auc", "lo", "hi"]])) == pytest.approx(whole)


def test_images_of_unknown_level_are_counted():
    frame = drawn(1)
    number = frame["patient_id"].str[1:].astype(int)
    levels = np.select([number < 20, number < 40], ["A", "unknown"], "")
    groups = pd.DataFrame({"device": levels}).set_axis(frame["image_id"])
    clusters = frame["patient_id"].set_axis(frame["image_id"])
    params = SubgroupParams(min_patients=2, age_years=(40,), lesion_size_mm=(10,))
    table = subgroup_areas({"a": frame}, groups, clusters, PARAMS, params, "task").set_index(["part", "level"])
    test = frame[frame["part"] == "test"]
    assert table.loc["test"].index.tolist() == ["A", "unknown"]
    assert table.loc["test", "images"].sum() == len(test)
    unknown = table.loc[("test", "unknown")]
    positive = test.loc[(number >= 20) & (test["truth"] == 1), "patient_id"].nunique()
    assert tuple(unknown[["auc", "note", "positive_patients"]]) == ("", "not known", positive)


def independent_delong(truth, score):
    """Sun & Xu (2014) by pairs: area and variance."""
    won = (np.sign(score[truth == 1][:, None] - score[truth == 0][None, :]) + 1) / 2
    cases, controls = won.mean(axis=1), won.mean(axis=0)
    return won.mean(), cases.var(ddof=1) / len(cases) + controls.var(ddof=1) / len(controls)


def test_delong_is_the_independent_one_on_200_draws_with_ties():
    """Patients have one image in the even draws, so that the clustered variance is the same; in others, several."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(16), 1 if seed % 2 == 0 else rng.integers(1, 5, 16))
        truth = patient % 2
        score = np.round(truth + rng.normal(size=16)[patient] + rng.normal(size=len(patient)), 1)
        area, variance = independent_delong(truth, score)
        arguments = {"truth": truth.tolist(), "score": score.tolist()}
        component = bridge.call("components", **arguments)
        assert np.mean([c for c, t in zip(component, truth, strict=True) if t == 1]) == pytest.approx(area, abs=1e-12)
        for units in [list(range(len(truth)))] + ([patient.tolist()] if seed % 2 == 0 else []):
            found = bridge.call("clustered_variance", component=component, truth=truth.tolist(), patient=units)
            assert found == pytest.approx(variance, abs=1e-10)
        half = stats.norm.ppf(0.975) * np.sqrt(variance)
        if 0 < area < 1:  # pROC's own, one image a patient
            found = bridge.call("patient_areas", **arguments, patient=list(range(len(truth))), level=0.95)
            limits = (found["lo"][0], found["hi"][0])
            assert limits == pytest.approx((max(area - half, 0), min(area + half, 1)), abs=1e-10)
