"""The report's own Table 3 under the checks for published tables."""

from dataclasses import replace

import pytest
from report_inputs import BACKBONES, PARAMS, write_inputs
from report_pages import Page, compose

from nonmass.report import possible
from nonmass.report.records import Estimate
from nonmass.report.sources import read_sources
from nonmass.report.wording import percent


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return read_sources(write_inputs(tmp_path_factory.mktemp("graph")), PARAMS, BACKBONES)


def changed(task, part, rule, **measures):
    """The task with other measures of the first backbone."""
    numbers = task.performance[BACKBONES[0]][part]
    point = numbers.rules[rule] | measures
    numbers = replace(numbers, rules=numbers.rules | {rule: point})
    parts = task.performance[BACKBONES[0]] | {part: numbers}
    return replace(task, performance=task.performance | {BACKBONES[0]: parts})


def test_every_row_is_read_as_it_is_printed(sources):
    for task in sources.tasks:
        rows = list(possible.table3(task, 0.95))
        points = [point for parts in task.performance.values() for numbers in parts.values() for point in numbers.rules]
        assert len(rows) == len(points) > 3
        assert all({"auc", "auc_lo", "auc_hi", "sensitivity", "npv_hi"} <= row.figures.keys() for row in rows)
        assert all({"n", "positives", "tp", "fp", "tn", "fn"} == row.numbers.keys() for row in rows)
    numbers = sources.tasks[0].performance[BACKBONES[0]]["test"]
    printed = next(possible.table3(sources.tasks[0], 0.95)).figures["sensitivity"].text
    assert percent(numbers.rules["frozen"]["sensitivity"]).startswith(printed.removesuffix(" %"))


def test_a_sound_report_says_so_in_a_line_a_table(sources):
    words = Page(compose(sources, figures=False).page).words
    assert "Table 3, detection: all is possible." in words
    assert "Table 3, classification: all is possible." in words


def test_a_wrong_number_is_found_and_shown(sources):
    detect, classify = sources.tasks
    sensitivity = detect.performance[BACKBONES[0]]["test"].rules["frozen"]["sensitivity"]
    wrong = changed(detect, "test", "frozen", sensitivity=Estimate(sensitivity.est + 0.031, 0.0, 1.0))
    (fault,) = possible.faults(wrong, 0.95)
    assert fault.startswith("Test, mobilenet_448, sound: sensitivity") and "no counts give all of this" in fault
    page = Page(compose(replace(sources, tasks=[wrong, classify])).page).words
    assert f"Table 3, detection: not all is possible. {fault}" in page
    outside = changed(detect, "test", "as_published", accuracy=Estimate(0.75, 0.8, 0.9))
    assert any("is outside its own interval 80.0 % to 90.0 %" in fault for fault in possible.faults(outside, 0.95))


def test_undefined_values_are_no_faults(sources):
    no_ppv = changed(sources.tasks[0], "test", "frozen", ppv=Estimate(note="no image is called so"))
    assert possible.faults(no_ppv, 0.95) == []
    assert possible.faults(changed(sources.tasks[0], "val", "as_published", npv=Estimate(0.5)), 0.95) != []
