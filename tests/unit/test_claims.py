"""Printed results against a brute force over all matrices, against areas of real orders, and the study's figures."""

import itertools
import json
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from nonmass.claims import area
from nonmass.claims.claim import Claim
from nonmass.claims.findings import examine
from nonmass.claims.matrices import Counts, feasible_positives
from nonmass.claims.printed import MANNERS, parse
from nonmass.claims.table import read_claims
from nonmass.claims.wording import runs
from nonmass.cli import app

STUDY = Path(__file__).parents[2] / "docs" / "claims" / "study.csv"
SHARES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")


def claim(n=None, unit="percent", label="x", source="", expected=None, auc_by="images", **said):
    counts = {name: value for name, value in said.items() if isinstance(value, int)} | ({"n": n} if n else {})
    figures = {
        name: parse(text, unit == "percent" and not name.startswith("auc"))
        for name, text in said.items()
        if isinstance(text, str)
    }
    assert None not in figures.values()
    return Claim(label, figures, counts, source, expected, auc_by)


def said(*claims, level=None):
    return [finding.text for finding in examine(claims) if level in (None, finding.level)]


def levels(*claims):
    return {finding.level for finding in examine(claims)}


# ---- the study ------------------------------------------------------------------------------------------------------


def findings_of_the_study(about, level):
    return [f.text for f in examine(read_claims(STUDY)) if f.about == about and f.level == level]


def test_the_abstract_contradicts_itself():
    said = findings_of_the_study("classification, external, MobileNet_448 (Abstract)", "contradiction")
    assert said == [
        "accuracy 70.5 % is not between sensitivity 80.3 % and specificity 74.6 %, whose weighted mean it is",
        "AUC 0.837 is outside its own interval 0.990 to 1.000",
        "sensitivity 80.3 %, specificity 74.6 % and accuracy 70.5 % of 870: no counts give all of this, "
        "neither rounded nor cut off",
    ]


def test_the_study_prints_three_accuracies_of_one_network():
    said = findings_of_the_study("classification, external, MobileNet_448", "contradiction")
    assert "accuracy is printed as 70.5 % (Abstract), 68.8 % (Results) and 74.6 % (Discussion)" in said
    two = [claim(accuracy="68.8", source="Results"), claim(accuracy="0.746", unit="share", source="Discussion")]
    assert said_differs(two) == "accuracy is printed as 68.8 % (Results) and 0.746 (Discussion)"
    assert said_differs([claim(accuracy="74.6"), claim(accuracy="0.746", unit="share"), claim(accuracy="75")]) is None


def said_differs(claims):
    return next((text for text in said(*claims, level="contradiction") if "printed as" in text), None)


@pytest.mark.parametrize("network", ["MobileNet_448", "DenseNet121_448"])
def test_the_detection_row_needs_more_positives_than_a_proportional_split_has(network):
    assert findings_of_the_study(f"detection, test, {network} (Results)", "doubt") == [
        "sensitivity 96.9 %, specificity 96.1 % and accuracy 96.5 % of 375: only 194-196 or 223 positives give it "
        "(cut off instead of rounded: 165-166 or 194-195); a proportional split has about 174"
    ]


@pytest.mark.parametrize(("unit", "n", "right"), [("images", 870, 599), ("patients", 228, 157)])
def test_the_accuracy_of_the_results_exists_by_truncation_only(unit, n, right):
    said = findings_of_the_study(f"the accuracy of the Results, of {unit} (Results)", "doubt")
    assert said == [f"accuracy 68.8 % of {n}: exists by truncation only ({right} right); no counts round to it"]


def test_the_interval_of_the_results_is_that_of_independent_images():
    (note,) = findings_of_the_study("classification, external, MobileNet_448 (Results)", "note")
    assert "0.810 to 0.863 (standard error 0.0136) is what 870 independent images give" in note
    assert "228 independent patients would give about 0.785 to 0.889" in note


@pytest.mark.parametrize(
    ("specificity", "positives"), [("68.8", "437 or 441 positives"), ("70.5", "361 or 365 positives")]
)
def test_another_order_of_the_abstract_s_figures_is_possible(specificity, positives):
    (text,) = said(claim(870, sensitivity="80.3", specificity=specificity, accuracy="74.6"))
    assert text.endswith(f"of 870: {positives}")


# ---- counts ---------------------------------------------------------------------------------------------------------


def prints(hits, total, digits, manner):
    """Everything that a share in percent may be printed as, by decimal arithmetic."""
    if total == 0:
        return set()
    exact = Decimal(100 * hits) / Decimal(total)
    ways = {"rounding": (ROUND_HALF_UP, ROUND_HALF_DOWN), "truncation": (ROUND_DOWN,)}
    ways["either"] = ways["rounding"] + ways["truncation"]
    return {str(exact.quantize(Decimal(1).scaleb(-digits), way)) for way in ways[manner]}


def shares_of(positives, negatives, tp, tn):
    fn, fp = positives - tp, negatives - tn
    return {
        "sensitivity": (tp, positives),
        "specificity": (tn, negatives),
        "accuracy": (tp + tn, positives + negatives),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }


def positives_by_brute_force(n, printed, digits, manner, positives=None):
    found = []
    for p in range(n + 1) if positives is None else [positives]:
        for tp, tn in itertools.product(range(p + 1), range(n - p + 1)):
            shares = shares_of(p, n - p, tp, tn)
            if all(text in prints(*shares[name], digits, manner) for name, text in printed.items()):
                found.append(p)
                break
    return found


@st.composite
def matrices(draw, largest=18):
    positives, negatives = (draw(st.integers(1, largest)) for _ in range(2))
    return positives, negatives, draw(st.integers(0, positives)), draw(st.integers(0, negatives))


def printed_of(draw, matrix, digits, manner):
    shares = shares_of(*matrix)
    names = draw(st.lists(st.sampled_from(SHARES), min_size=1, unique=True))
    return {
        name: draw(st.sampled_from(sorted(prints(*shares[name], digits, manner)))) for name in names if shares[name][1]
    }


@settings(deadline=None, max_examples=60)
@given(st.data(), matrices(largest=7), st.integers(0, 2), st.sampled_from(MANNERS), st.booleans(), st.booleans())
def test_feasible_positives_are_those_of_a_brute_force(data, matrix, digits, manner, is_stated, is_disturbed):
    n = matrix[0] + matrix[1]
    printed = printed_of(data.draw, matrix, digits, manner)
    if is_disturbed:
        name = data.draw(st.sampled_from(sorted(printed)))
        step = data.draw(st.integers(-20, 20)) * Decimal(1).scaleb(-digits)
        printed[name] = str(min(max(Decimal(printed[name]) + step, Decimal(0)), Decimal(100)).quantize(step))
    positives = matrix[0] if is_stated else None
    counts = Counts(n, {name: parse(text, True) for name, text in printed.items()}, {}, positives)
    assert feasible_positives(counts, manner) == positives_by_brute_force(n, printed, digits, manner, positives)


@settings(deadline=None, max_examples=100)
@given(st.data(), matrices(largest=100), st.integers(0, 2), st.booleans(), st.booleans())
def test_what_real_counts_print_is_never_flagged(data, matrix, digits, has_positives, has_cells):
    positives, negatives, tp, tn = matrix
    cells = {"tp": tp, "fp": negatives - tn, "tn": tn, "fn": positives - tp} if has_cells else {}
    cells |= {"positives": positives} if has_positives else {}
    printed = printed_of(data.draw, matrix, digits, "rounding")
    assert levels(claim(positives + negatives, **printed, **cells)) == {"possible"}


@settings(deadline=None, max_examples=60)
@given(st.data(), matrices(largest=7), st.integers(1, 2))
def test_a_digit_too_much_is_flagged_exactly_where_no_counts_give_it(data, matrix, digits):
    positives, negatives, *_ = matrix
    shares = shares_of(*matrix)
    printed = {name: sorted(prints(*shares[name], digits, "rounding"))[0] for name in SHARES[:3]}
    name = data.draw(st.sampled_from(SHARES[:3]))
    moved = Decimal(printed[name]) + data.draw(st.sampled_from([-9, -3, -2, -1, 1, 2, 3, 9])) * Decimal(1).scaleb(
        -digits
    )
    assume(0 <= moved <= 100)
    printed[name] = str(moved)
    n = positives + negatives
    is_possible = bool(positives_by_brute_force(n, printed, digits, "rounding", positives))
    assert ("possible" in levels(claim(n, positives=positives, **printed))) == is_possible
    is_conceivable = bool(positives_by_brute_force(n, printed, digits, "either", positives))
    assert ("contradiction" in levels(claim(n, positives=positives, **printed))) == (not is_conceivable)


def test_stated_counts_must_add_up():
    cells = {"tp": 30, "fn": 10, "tn": 45, "fp": 15}
    assert levels(claim(100, positives=40, sensitivity="75.0", **cells)) == {"possible"}
    assert "contradiction" in levels(claim(100, positives=41, sensitivity="75.0", **cells))
    assert "contradiction" in levels(claim(101, sensitivity="75.0", **cells))
    assert "contradiction" in levels(claim(100, positives=101))


@pytest.mark.parametrize(
    "numbers",
    [
        {"n": 100, "tp": 60, "fp": 30, "tn": 20, "fn": 10},
        {"tp": 50, "fp": 10, "tn": 30, "fn": 10, "sensitivity": "99.9", "accuracy": "20.0"},
        {"n": 100, "positives": 50, "tp": 40, "fn": 20},
        {"positives": 50, "tp": 10, "fn": 10, "sensitivity": "50.0"},
        {"positives": 50, "tn": 10, "fp": 10, "patients": 71},
        {"positives": 50, "tp": 60},
        {"positives": 7, "sensitivity": "80.0"},
        {"positives": 0, "sensitivity": "80.0"},
        {"n": 10, "positives": 0, "sensitivity": "0.0"},
        {"tn": 6, "fp": 1, "specificity": "80.0"},
        {"tp": 6, "fp": 1, "ppv": "80.0"},
        {"tn": 6, "fn": 1, "npv": "80.0"},
        {"tp": 0, "fp": 0, "tn": 0, "fn": 0, "accuracy": "0"},
    ],
)
def test_stated_counts_bind_without_a_size_and_without_a_share(numbers):
    assert said(claim(**numbers), level="contradiction")


@settings(deadline=None, max_examples=100)
@given(st.data(), matrices(largest=100), st.integers(0, 2))
def test_any_of_the_counts_and_shares_of_one_matrix_are_never_flagged(data, matrix, digits):
    positives, negatives, tp, tn = matrix
    counts = {"positives": positives, "tp": tp, "fp": negatives - tn, "tn": tn, "fn": positives - tp}
    stated = data.draw(st.sets(st.sampled_from(sorted(counts))))
    printed = printed_of(data.draw, matrix, digits, "rounding")
    assert levels(claim(**printed, **{name: counts[name] for name in stated})) == {"possible"}


def test_too_many_counts_are_said_not_to_have_been_tried():
    (text,) = said(claim(4_000_000, accuracy="70.5"), level="note")
    assert "too many counts" in text


def test_runs():
    assert runs([194, 195, 196, 223]) == "194-196 or 223"
    assert runs([5]) == "5"
    assert runs(list(range(0, 40, 2))) == "one of 20 numbers between 0 and 38"


# ---- areas ----------------------------------------------------------------------------------------------------------


def delong_standard_error(truth, score):
    won = (np.sign(score[truth == 1][:, None] - score[truth == 0][None, :]) + 1) / 2
    positives, negatives = won.shape
    return np.sqrt(won.mean(1).var(ddof=1) / positives + won.mean(0).var(ddof=1) / negatives), won.mean()


def all_orders(positives, negatives):
    """Every order of so many scores of either class, ties included, as a list of (positives, negatives) a rank."""
    if not positives and not negatives:
        yield []
    for p, n in itertools.product(range(positives + 1), range(negatives + 1)):
        if p or n:
            yield from ([(p, n), *rest] for rest in all_orders(positives - p, negatives - n))


@pytest.mark.parametrize(("positives", "negatives"), [(3, 3), (4, 4), (2, 5), (5, 3)])
def test_no_order_has_a_smaller_error_and_some_have_the_smallest(positives, negatives):
    smallest = {}
    for ranks in all_orders(positives, negatives):
        truth = np.concatenate([[1] * p + [0] * n for p, n in ranks])
        score = np.concatenate([[rank] * (p + n) for rank, (p, n) in enumerate(ranks)])
        error, auc = delong_standard_error(truth, score)
        key = round(auc * 2 * positives * negatives)
        smallest[key] = min(error, smallest.get(key, np.inf))
    bounds = {
        key: area.smallest_standard_error(key / (2 * positives * negatives), positives + negatives, [positives])
        for key in smallest
    }
    assert all(bounds[key] <= smallest[key] + 1e-3 for key in bounds)
    assert sum(bounds[key] == pytest.approx(smallest[key], abs=1e-3) for key in bounds) >= 5


@st.composite
def scored(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    truth = np.repeat([1, 0], [draw(st.integers(3, 60)), draw(st.integers(3, 60))])
    score = truth * draw(st.floats(0, 3)) + rng.normal(size=len(truth))
    return truth, np.round(score, draw(st.sampled_from([0, 1, 6])))


@settings(deadline=None, max_examples=80)
@given(scored(), st.sampled_from(["plain", "logit"]), st.floats(-2, 4))
def test_an_area_and_interval_computed_from_scores_are_never_flagged(sample, kind, cutoff):
    truth, score = sample
    error, auc = delong_standard_error(truth, score)
    assume(0 < auc < 1 and error > 0)
    if kind == "plain":
        lo, hi = max(0, auc - 1.96 * error), min(1, auc + 1.96 * error)
    else:
        half = 1.96 * error / (auc * (1 - auc))
        lo, hi = (1 / (1 + np.exp(-(np.log(auc / (1 - auc)) + sign * half))) for sign in (-1, 1))
    called = score >= cutoff
    row = claim(
        len(truth),
        positives=int(truth.sum()),
        sensitivity=f"{100 * called[truth == 1].mean():.1f}",
        specificity=f"{100 * (~called)[truth == 0].mean():.1f}",
        auc=f"{roc_auc_score(truth, score):.3f}",
        auc_lo=f"{lo:.3f}",
        auc_hi=f"{hi:.3f}",
    )
    assert not levels(row) & {"contradiction", "doubt"}


def test_areas_that_cannot_be():
    assert said(claim(auc="0.55", sensitivity="80.3", specificity="74.6"), level="contradiction") == [
        "AUC 0.55: a curve through sensitivity 80.3 % and specificity 74.6 % has 0.598 to 0.950"
    ]
    # 3 positives and 3 negatives: areas are multiples of 1/18.
    assert "no order of 3 positives among 6" in said(claim(6, positives=3, sensitivity="67", auc="0.81"))[-1]
    narrow = claim(870, auc="0.837", auc_lo="0.829", auc_hi="0.845")
    assert "narrower than any scores of 870 independent rows give" in said(narrow, level="contradiction")[0]
    assert levels(claim(870, auc="0.837", auc_lo="0.829", auc_hi="0.845", auc_by="patients")) == {"possible"}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (claim(10, positives=5, auc="0.8371"), "no order of 5 positives among 10"),
        (claim(10, tp=4, fn=1, auc="0.8371"), "no order of 5 positives among 10"),
        (claim(10, auc="0.8371"), "no order of 1-9 positives among 10"),
        (claim(100, positives=0, auc="0.8"), "needs both classes, but 0 of 100 are positive"),
        (claim(100, positives=100, auc="0.8"), "needs both classes, but 100 of 100 are positive"),
        (claim(1, auc="0.8"), "needs both classes"),
    ],
)
def test_an_area_needs_pairs_though_no_share_is_printed(row, fault):
    assert fault in said(row, level="contradiction")[-1]


def test_an_area_of_many_rows_is_answered_without_trying_each_number_of_positives(monkeypatch):
    narrow = claim(1_000_000_000, auc="0.8", auc_lo="0.79999", auc_hi="0.80001")
    assert "narrower" not in " ".join(said(claim(1_000_000, auc="0.8", auc_lo="0.79", auc_hi="0.81")))
    assert levels(claim(1_000_000, auc="0.8", auc_lo="0.79", auc_hi="0.81")) == {"possible"}
    assert levels(narrow) == {"possible"}
    monkeypatch.setattr("nonmass.claims.findings.MOST_STEPS", 3)
    assert said(claim(10, auc="0.8371"), level="note") == ["AUC 0.8371 of 10: too many counts to try them all"]


@pytest.mark.parametrize("auc", [0.2, 0.5, 0.7, 0.837, 0.99, 1.0])
@pytest.mark.parametrize("positives", [range(61), [1, 5, 9, 44], [30], [2, 58], [0, 1]])
def test_the_smallest_error_over_many_numbers_of_positives_is_that_of_each_alone(auc, positives):
    alone = [area.smallest_standard_error(auc, 60, [p]) for p in positives if 2 <= p <= 58]
    assert area.smallest_standard_error(auc, 60, positives) == pytest.approx(min(alone, default=0), abs=1e-12)


def test_hanley_and_mcneil_s_own_example():
    """Radiology 1982;143:29-36: of 58 normal and 51 abnormal images, an area of 0.893 has a standard error of 0.032."""
    assert area.usual_standard_error(0.893, 51, 58) == pytest.approx(0.032, abs=1e-3)


# ---- the command ----------------------------------------------------------------------------------------------------


def check(tmp_path, text, *words):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["check-claims", str(path), *words])


def test_exit_codes_and_json(tmp_path):
    assert CliRunner().invoke(app, ["check-claims", str(STUDY)]).exit_code == 1
    fine = check(tmp_path, "label;n;accuracy\na;8;62,5\n".replace(",", "."))
    assert (fine.exit_code, fine.output.splitlines()[1]) == (0, "  possible: accuracy 62.5 % of 8: 5 right")
    document = json.loads(check(tmp_path, "label,n,accuracy\na,8,62.6\n", "--json").output)
    assert [finding["level"] for finding in document["findings"]] == ["contradiction"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "holds no row"),
        ("label,n\n", "holds no row"),
        ("n,accuracy\n8,62.5\n", "no column label"),
        ("label,n\n,8\n", "row 2: label is empty"),
        ("label,acc\na,62.5\n", "unknown column acc"),
        ("label,n,n\na,1,2\n", "more than one column n"),
        ("label,accuracy\na,1,2\n", "row 2 has 3 cells, the headings 2"),
        ("label,accuracy\na,about 60\n", "row 2: accuracy is 'about 60'"),
        ("label,accuracy\na,162.5\n", "write digits from 0 to 100"),
        ("label,auc\na,83.7\n", "write digits from 0 to 1"),
        ("label,unit,accuracy\na,pct,62.5\n", "unit is 'pct'; allowed: percent, share"),
        ('label,n\na,"13,247"\n', "n is '13,247'"),
        ("label,n\na,0\n", "n is '0'"),
        ("label,level\na,0.95\n", "level is 0.95"),
        ("label,expected_positives\na,-3\n", "expected_positives is '-3'"),
    ],
)
def test_an_unreadable_table_is_said_in_one_line(tmp_path, text, fault):
    result = check(tmp_path, text)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert fault in result.stderr
