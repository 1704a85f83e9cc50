import pandas as pd
import pytest

from nonmass.errors import InputError
from nonmass.selection import best_backbone, explained_images, frozen_cutoffs, judge
from nonmass.tables import MEASURES


def measures(*rows):
    columns = ["backbone", "part", "group", "measure", "estimate"]
    return MEASURES.check(pd.DataFrame(rows, columns=columns).assign(lo="", hi="", note=""), "measures")


def aucs(**values):
    rows = [(name, part, "", "auc", auc) for name, by_part in values.items() for part, auc in by_part.items()]
    return measures(*rows)


def test_best_is_chosen_on_validation_even_where_test_says_otherwise():
    table = aucs(a={"val": "0.7", "test": "0.99"}, b={"val": "0.8", "test": "0.5"})
    assert best_backbone(table, ("a", "b")) == "b"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_of_equal_backbones_the_first_in_params_is_best(order):
    assert best_backbone(aucs(a={"val": "0.8"}, b={"val": "0.8"}), order) == order[0]


def test_a_backbone_that_params_no_longer_name_does_not_compete():
    assert best_backbone(aucs(a={"val": "0.7"}, old={"val": "0.9"}), ("a",)) == "a"


@pytest.mark.parametrize("table", [aucs(a={"val": "0.7"}), aucs(a={"val": "0.7"}, b={"val": ""})])
def test_backbone_without_auc_is_refused(table):
    with pytest.raises(InputError, match=r"no AUC on validation for backbone\(s\) b;"):
        best_backbone(table, ("a", "b"))


def test_cutoffs_of_a_part_that_has_none_are_absent():
    table = measures(
        ("a", "test", "frozen", "cutoff", "-0.25"),
        ("a", "external", "frozen", "cutoff", ""),
        ("a", "val", "as_published", "cutoff", "3"),
        ("b", "test", "frozen", "cutoff", "9"),
    )
    assert frozen_cutoffs(table, "a") == {"test": -0.25}


def predictions(*rows):
    return pd.DataFrame(rows, columns=["part", "truth", "logit"])


def test_judgement_at_the_cutoff():
    rows = predictions(("test", 1, 0.5), ("test", 0, 0.75), ("test", 1, 0.25), ("test", 0, -1.0))
    judged = judge(rows, {"test": 0.5})
    assert judged["outcome"].tolist() == ["TP", "FP", "FN", "TN"]
    assert judged["called"].tolist() == ["positive", "positive", "negative", "negative"]
    assert judged["margin"].tolist() == [0.0, 0.25, 0.25, 1.5]


def test_explained_are_images_that_no_choice_was_made_on_by_the_backbone_s_own_cutoff():
    rows = predictions(("val", 1, 9.0), ("test", 1, 0.5), ("external", 0, -1.0), ("train", 0, 9.0))
    table = measures(("a", "test", "frozen", "cutoff", "0.75"), ("b", "test", "frozen", "cutoff", "0.25"))
    assert explained_images(rows, table, "a")[["part", "outcome"]].to_numpy().tolist() == [
        ["test", "FN"],
        ["external", ""],
    ]
    assert explained_images(rows, table, "b")["outcome"].tolist() == ["TP", ""]


def test_without_cutoff_there_is_a_call_at_one_half_and_no_outcome():
    judged = judge(predictions(("external", 1, 0.1), ("external", 1, -0.1)), {"test": 5.0})
    assert judged["outcome"].tolist() == ["", ""]
    assert judged["called"].tolist() == ["positive", "negative"]
