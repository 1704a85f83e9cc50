"""What the page says of patients, pairs, calibration, decisions and subgroups."""

import re
from dataclasses import replace

import pytest
from report_inputs import AT_THE_END, BACKBONES, PARAMS, write_inputs
from report_pages import Page, build

from nonmass import tables
from nonmass.report import calibration, cautions, comparisons, subgroups, wording
from nonmass.report.records import Estimate
from nonmass.report.sources import read_sources

PAIR = " minus ".join(BACKBONES)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("graph"), patients_per_class=10)


@pytest.fixture(scope="module")
def page(places):
    return Page(build(places).page)


@pytest.fixture(scope="module")
def task(places):
    return read_sources(places, PARAMS, BACKBONES).tasks[0]


def cells(page):
    return [[" ".join(cell.split()) for cell in row] for table in page.tables for row in table]


def test_no_difference_is_never_said_without_what_could_have_been_found(page):
    words = re.sub(r" (?=[,.)])|(?<=\() ", "", page.words)  # links stand apart in it
    assert f"Difference in AUC, {PAIR}: 0.012 (\u22120.046 to 0.079), p = 0.432 (p = 0.864 by Holm)." in words
    found = "only one of 0.111 or more would have been found in four of five studies"
    # twice a part: in the answer and below the table of pairs
    assert page.words.count(found) == 2 * 3


def test_a_difference_that_was_shown_needs_no_such_sentence():
    measures = {"auc_difference": Estimate(0.1, 0.05, 0.15), "p": Estimate(0.001), "p_holm": Estimate(0.002)}
    measures["detectable_difference"] = Estimate(0.07)
    assert comparisons.could_have_shown(measures, 0.95) == ""
    measures["p_holm"] = Estimate(0.06)
    assert "0.070" in comparisons.could_have_shown(measures, 0.95)


def test_an_adjusted_p_that_reads_alike_is_not_printed_twice():
    measures = {"p": Estimate(0.0041), "p_holm": Estimate(0.0044)}
    assert comparisons.tested(measures) == "p = 0.004 (also by Holm)"
    measures["p_holm"] = Estimate(0.0082)
    assert comparisons.tested(measures) == "p = 0.004 (p = 0.008 by Holm)"
    assert comparisons.tested({"p": Estimate(0.0041)}) == "p = 0.004"


def test_table_3_names_both_frozen_cut_offs_and_the_published_one(page):
    rules = [cell for row in cells(page) for cell in row if cell in wording.RULE_WORDS.values()]
    assert set(rules) == set(wording.RULE_WORDS.values())
    assert "sensitivity of at least 95 % on validation" in page.words


def test_patients_and_errors_are_counted(page):
    rows = [row for row in cells(page) if "0.876 (0.765\u20130.988)" in row]
    assert len(rows) == 2 * 3
    for row in rows:
        missed, alarmed = row[-3:-1]
        assert re.fullmatch(r"0 \(0\.0\u20133\.0\) ?of \d+", missed), missed
        assert re.fullmatch(r"2 \(0\.2\u20136\.8\) ?of \d+", alarmed), alarmed
        # Detection: who has images of both classes would count in both; here nobody has.
        patients = int(row[-6])
        assert sum(int(cell.rpartition("of ")[2]) for cell in (missed, alarmed)) == patients


def test_a_sensitive_cut_off_that_calls_fewer_positive_is_said_to(task):
    values = task.performance[BACKBONES[0]]["test"]
    plain = {"cutoff": Estimate(-0.596), "sensitivity": Estimate(0.9804)}
    sensitive = {"cutoff": Estimate(-0.086), "sensitivity": Estimate(0.9412)}
    rules = {"frozen": plain, "frozen_sensitivity": sensitive}
    (line,) = cautions.sensitive_cautions("test", {"net": replace(values, rules=rules)})
    assert line.startswith("Test, net: the sensitive cut-off, \u22120.086, lies above the plain one, \u22120.596,")
    assert line.endswith("no more sensitive here: 94.1 % against 98.0 %.")
    lower = {"frozen": plain, "frozen_sensitivity": sensitive | {"cutoff": Estimate(-0.7)}}
    assert cautions.sensitive_cautions("test", {"net": replace(values, rules=lower)}) == []
    assert cautions.sensitive_cautions("test", {"net": replace(values, rules={"frozen": plain})}) == []


def test_an_area_of_one_is_followed_by_its_errors(tmp_path):
    places = write_inputs(tmp_path, patients_per_class=10)
    path = places.measures / "detect.csv"
    rows = tables.MEASURES.read(path)
    perfect = (rows["measure"] == "auc") & (rows["part"] == "test")
    rows.loc[perfect, ["estimate", "lo", "hi", "note"]] = ["1", "", "", AT_THE_END]
    tables.MEASURES.write(rows, path)
    words = Page(build(places).page).words
    assert words.count("an AUC of 1.000 has no interval; at the frozen cut-off 0 (0.0\u20133.0) of") == 2
    assert "1.000 (1.000" not in words


def test_what_is_undefined_says_why(page, task):
    lines = comparisons.reasons(task)
    assert f"Test, {PAIR}, test of calls: both are right on the same patients." in lines
    assert all(line in page.words for line in lines)


def test_calibration_stands_before_and_after(page):
    rows = [row for row in cells(page) if "0.222 (0.172\u20130.272)" in row]
    assert len(rows) == 2 * 3
    assert all("as trained" in row and "none" in row for row in rows)
    rows = [row for row in cells(page) if "0.172 (0.122\u20130.222)" in row]
    assert len(rows) == 2 * 3
    assert all("temperature-scaled" in row and "0.457" in row for row in rows)


def test_figures_name_their_axes_and_say_what_stands_for_what(task):
    reliability = calibration.reliability_figure(task, "test")
    (axes,) = reliability.axes
    assert axes.get_xlabel() == "Predicted probability, mean of the bin"
    texts = [text.get_text() for text in reliability.legends[0].get_texts()]
    assert f"{BACKBONES[0]}, temperature-scaled\nBrier score 0.172 (0.122\u20130.222)" in texts
    decision = calibration.decision_figure(task, "test")
    *named, shaded = [text.get_text() for text in decision.legends[0].get_texts()]
    assert named == ["treat all", "treat none", *BACKBONES]
    assert shaded == "shaded: interval by patients"


def test_decision_curves_end_near_what_can_be_gained_and_no_marker_is_cut(task):
    """The share of positives is the most that can be gained; bands go beyond, as they allow for another share."""
    wide = replace(task, decisions=task.decisions.assign(hi="0.9"))
    (axes,) = calibration.decision_figure(wide, "test").axes
    assert axes.get_ylim()[1] == pytest.approx(1.2 * task.decisions["net_benefit"].max())
    assert axes.get_xlim()[1] > task.decisions["threshold"].max()
    plots = calibration.decision_plots(task)
    assert all("which allows for another share of positives" in plot.caption for plot in plots)


def test_subgroups_are_in_order_and_what_is_not_known_is_said(page, task):
    rows = subgroups.rows_of(task, "test")
    assert [(row.characteristic, row.level) for row in rows] == [
        ("BI-RADS", ""),
        ("age, years", "0 to < 50"),
        ("age, years", "50 or more"),
        ("age, years", "unknown"),
        ("device", "Phantom A"),
    ]
    assert ["Age, years", "50 or more", "10", "1, 9", "too few", "too few"] in cells(page)
    assert ["Age, years", "unknown", "3", "1, 1", "not known", "not known"] in cells(page)
    assert "left out: not known of any image of this part" in page.words
    assert len(subgroups.forest(task, "test").axes[0].get_yticklabels()) == 1 + 2
