"""Table 1's tests against SciPy, against published values of pROC's aSAH data, and by exact enumeration."""

import io
import math
import subprocess
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nonmass.roc import bridge
from nonmass.roc.characteristics import compare_pathologies
from nonmass.tables import MANIFEST, PATIENTS

EMPTY = {"frame": 0, "us_regions": "", "device": "", "width_px": 9, "height_px": 9, "mask_path": "", "mask_id": ""}


def study(rows, columns):
    """Manifest and patients of (patient, finding, pathology, excluded) rows, one an image."""
    images = pd.DataFrame(rows, columns=["patient_id", "finding", "pathology", "excluded"])
    names = [f"c-{number:04}" for number in range(len(images))]
    images = images.assign(cohort="c", image_id=names, path=names, patient_group=images["patient_id"], **EMPTY)
    people = pd.DataFrame({"patient_id": images["patient_id"].unique(), "cohort": "c", **columns})
    return MANIFEST.check(images, "manifest"), PATIENTS.check(people, "patients")


def two_groups(n_benign, n_malignant, finding="mass"):
    labels = ["benign"] * n_benign + ["malignant"] * n_malignant
    return [(f"p{number:04}", finding, label, "") for number, label in enumerate(labels)]


def answers(rows, columns):
    tests = compare_pathologies(*study(rows, columns)).tests
    return {(row.finding, row.characteristic): row for row in tests.itertuples()}


def ask(first, second):
    """R's own answer, in plain values."""
    tests = bridge.call("compare_groups", samples={"0": {"first": first, "second": second}})["tests"]
    return {name: values[0] for name, values in tests.items()}


def spread(counts):
    """[[3, 1], [0, 2]] -> the texts of both columns."""
    return tuple([f"c{row}" for row, pair in enumerate(counts) for _ in range(pair[side])] for side in (0, 1))


@pytest.fixture(scope="module")
def asah():
    script = "suppressMessages(library(pROC)); data(aSAH); write.csv(aSAH, row.names = FALSE)"
    text = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True).stdout
    return pd.read_csv(io.StringIO(text)).sort_values("outcome", kind="stable")


def test_welch_and_chi_squared_are_the_published_ones_on_asah(asah):
    rows = two_groups((asah["outcome"] == "Good").sum(), (asah["outcome"] == "Poor").sum())
    found = answers(rows, {"age_years": asah["age"].astype(str).tolist(), "gender": asah["gender"].tolist()})
    age, gender = found["mass", "age_years"], found["mass", "gender"]
    assert (age.test, round(float(age.p), 4)) == ("Welch's t-test", 0.0244)
    assert (gender.test, round(float(gender.p), 4)) == ("Pearson's chi-squared test", 0.0539)
    assert not age.note + gender.note
    good, poor = (asah.loc[asah["outcome"] == outcome, "age"] for outcome in ("Good", "Poor"))
    assert float(age.p) == pytest.approx(stats.ttest_ind(good, poor, equal_var=False).pvalue, abs=1e-12)


def test_fisher_on_asah_s_gender_is_the_published_one(asah):
    # Every expected count is above five there, so the rule would not choose it.
    table = pd.crosstab(asah["gender"], asah["outcome"]).to_numpy().tolist()
    flat = f"matrix(c({','.join(str(n) for row in table for n in row)}), 2)"
    script = f"cat(format(fisher.test({flat})$p.value, digits = 15))"
    text = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True).stdout
    assert round(float(text), 4) == 0.0690
    assert float(text) == pytest.approx(stats.fisher_exact(table).pvalue, abs=1e-10)


NUMBERS = st.lists(st.integers(-500, 900).map(lambda n: n / 8), min_size=2, max_size=30)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_welch_is_scipy_s(first, second):
    answer = ask(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert (answer["test"], answer["note"]) == ("", "no variance in a group")
        assert math.isnan(answer["p"])
    else:
        assert answer["test"] == "Welch's t-test"
        assert answer["p"] == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue, abs=1e-10)


COUNTS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(sum), min_size=2, max_size=4)


@settings(max_examples=80, deadline=None)
@given(COUNTS.filter(lambda counts: all(map(sum, zip(*counts, strict=True)))))
def test_categories_are_tested_as_scipy_does(counts):
    answer = ask(*spread(counts))
    if stats.contingency.expected_freq(counts).min() >= 5 - 1e-9:
        assert answer["test"] == "Pearson's chi-squared test"
        expected = stats.chi2_contingency(counts, correction=False).pvalue
    else:
        assert answer["test"] == "Fisher's exact test"
        expected = stats.fisher_exact(counts).pvalue if len(counts) == 2 else None
    if expected is not None:
        assert answer["p"] == pytest.approx(expected, abs=1e-10)
    assert answer["note"] == ""


@pytest.mark.parametrize(
    "counts", [[(3, 1), (0, 4), (2, 2)], [(5, 0), (1, 3), (0, 2), (2, 2)], [(1, 0), (0, 1), (0, 7)]]
)
def test_fisher_beyond_two_categories_is_the_sum_over_all_tables(counts):
    """SciPy only simulates these: the probability of every table with the same margins, as whole numbers."""
    margins, n_first = [a + b for a, b in counts], sum(a for a, _ in counts)
    ways = {
        cells: math.prod(map(math.comb, margins, cells))
        for cells in product(*(range(total + 1) for total in margins))
        if sum(cells) == n_first
    }
    seen = ways[tuple(a for a, _ in counts)]
    exact = Fraction(sum(n for n in ways.values() if n <= seen), math.comb(sum(margins), n_first))
    answer = ask(*spread(counts))
    assert answer["test"] == "Fisher's exact test"
    assert answer["p"] == pytest.approx(float(exact), abs=1e-10)


def test_an_expected_count_of_exactly_five_is_enough():
    assert ask(*spread([(5, 5), (5, 5)]))["test"] == "Pearson's chi-squared test"
    assert ask(*spread([(5, 4), (5, 5)]))["test"] == "Fisher's exact test"


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([], [1.0, 2.0], "fewer than two known values in a group"),
        ([1.0], [1.0, 2.0], "fewer than two known values in a group"),
        ([0.1, 0.1, 0.1], [1.0, 2.0], "no variance in a group"),
        ([1.0, 1 + 2e-16 * 2], [1.0, 1 + 2e-16 * 2], "hardly any variance in the groups"),
        ([], ["a", "b"], "no known value in a group"),
        ([], [], "no known value in a group"),
        (["a"], ["a", "a"], "all known values are the same"),
    ],
)
def test_where_there_is_no_test_the_reason_stands(first, second, why):
    answer = ask(first, second)
    assert (answer["test"], answer["note"]) == ("", why)
    assert math.isnan(answer["p"])


def test_words_that_r_takes_for_missing_are_categories():
    counts = [(6, 1), (1, 6)]
    plain = ask(*spread(counts))
    first, second = ([{"c0": "NA", "c1": "NaN"}[word] for word in words] for words in spread(counts))
    assert ask(first, second) == plain
    assert plain["p"] == pytest.approx(stats.fisher_exact(counts).pvalue, abs=1e-10)


def test_a_table_too_large_for_fisher_has_no_p_and_says_so():
    common = np.random.default_rng(1).choice([f"c{n}" for n in range(11)], 3499).tolist()
    words = ["rare", *common]
    answer = ask(words[:1000], words[1000:])
    assert (answer["test"], answer["note"]) == ("", "too many patients in too many categories for Fisher's exact test")


def test_only_included_patients_with_one_class_and_a_known_value_are_tested():
    rows = two_groups(8, 8)
    columns = {"age_years": [str(30 + 3 * n % 17) for n in range(16)]}
    plain = answers(rows, columns)["mass", "age_years"]
    more = [*rows, ("out", "mass", "benign", "lost to follow-up"), ("gap", "mass", "benign", "")]
    more += [("both", "mass", "benign", ""), ("both", "mass", "malignant", ""), ("p0000", "mass", "benign", "")]
    changed = answers(more, {"age_years": [*columns["age_years"], "99", "", "99"]})["mass", "age_years"]
    assert changed.p == plain.p
    assert changed.note == "1 patient with benign and malignant lesions left out"


def test_findings_are_tested_apart_and_only_where_both_classes_are():
    rows = [*two_groups(3, 3), *((f"n{n}", "normal", "", "") for n in range(3)), ("x", "non_mass", "benign", "")]
    found = answers(rows, {"age_years": [str(n * n) for n in range(10)]})
    assert list(found) == [("mass", "age_years")]


def test_no_pathology_and_no_column_give_an_empty_table():
    comparison = compare_pathologies(*study([("a", "normal", "", "")], {}))
    assert comparison.tests.empty
    assert set(comparison.software) == {"R", "pROC", "platform"}


def test_numbers_with_a_stray_word_and_comments_describe_no_group():
    rows = two_groups(10, 10)
    columns = {
        "age_years": [*map(str, range(30, 49)), "n/a"],
        "children": ["0", "1"] * 10,
        "weight_kg": ["60"] * 19 + ["inf"],
    }
    found = answers(rows, columns)
    assert set(found) == {("mass", "children"), ("mass", "weight_kg")}
    assert found["mass", "children"].test == "Pearson's chi-squared test"
    assert found["mass", "weight_kg"].test == "Fisher's exact test"  # of the words "60" and "inf"
