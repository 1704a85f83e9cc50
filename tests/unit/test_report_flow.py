"""Fig. 1: every image that was read leaves the trunk once, or arrives; and every word stands in its box."""

from dataclasses import replace
from itertools import combinations

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from report_inputs import BACKBONES, PARAMS, write_inputs

from nonmass import tables
from nonmass.errors import InputError
from nonmass.files import metric_key
from nonmass.params import validate
from nonmass.report.flow import flow_chart, flow_steps, ordered_steps
from nonmass.report.flow_drawing import SMALL, draw_flow
from nonmass.report.records import Flow
from nonmass.report.reported import Reported
from nonmass.report.sources import read_sources

KNOWN = {
    "normal": 1,
    "mass": 2,
    "mass_benign": 4,
    "mass_malignant": 8,
    "non_mass": 16,
    "non_mass_benign": 32,
    "non_mass_malignant": 64,
}
COPIES = ("contradictory duplicate", "exact duplicate", "duplicate in another cohort")
RULES = (
    "not a non-mass lesion by the features of Choe et al., and no normal breast",
    "no pathology, and a follow-up of less than 2 years",
    "lost to follow-up",
    "BI-RADS 0",
    "no consent",
)
HOSTILE = "$x$ & <b>" + "W" * 60
PAGE_IN = (7.5, 10.6)  # A4 less its margins


def counts(excluded=(), factor=1, problems=None):
    """As `manifest` counts a cohort: `excluded` holds the images of each step, a patient for every ten of them."""
    classes = {name: {"images": factor * n, "patients": n} for name, n in KNOWN.items()}
    used = {"images": factor * 127, "patients": 127}
    left = {"images": used["images"] + sum(excluded), "patients": 127 + sum(n // 10 for n in excluded)}
    content = {"read": dict(left), "steps": {}, **used, **classes} | ({"problems": problems} if problems else {})
    width = len(str(len(excluded)))
    for number, (name, n) in enumerate(zip((*COPIES, *RULES), excluded, strict=False), start=1):
        gone = {"images": n, "patients": n // 10}
        left = {what: left[what] - gone[what] for what in left}
        content["steps"][f"{number:0{width}}_{metric_key(name)}"] = {"excluded": gone, "left": left}
    return validate(content, Flow, "metrics/data.json")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return read_sources(write_inputs(tmp_path_factory.mktemp("graph"), 10), PARAMS, BACKBONES)


def with_flow(sources, flow, **outside):
    params = PARAMS | {"criteria": [{"name": name} for name in RULES]}
    changes = {f"{name}_images": n for name, n in outside.items()}
    tasks = [replace(task, certificate=task.certificate.model_copy(update=changes)) for task in sources.tasks]
    return replace(sources, flow=flow, tasks=tasks, reported=validate(params, Reported, "params"))


def hard(sources):
    flow = counts((3, 0, 5, 70, 1200, 41, 100, 10), 99, {"image_without_row": 12, "unknown_label": 3})
    names = ("all", "BUSI", "BUSBRA", "a_hospital_with_a_rather_long_name")
    return flow_chart(with_flow(sources, dict.fromkeys(names, flow), quarantined=12, withheld=31))


def leading_numbers(lines):
    return [int(line.split(" ")[0].replace("\u202f", "")) for line in lines]


def test_lesions_without_pathology_have_their_boxes(finished):
    boxes = flow_chart(with_flow(finished, {"all": counts(), "clinic": counts()})).classes
    assert [leading_numbers(box.lines)[0] for box in boxes] == list(KNOWN.values())
    assert [box.title for box in boxes][1:3] == ["Mass lesion", "Benign mass lesion"]


def test_a_class_that_no_box_shows_is_refused():
    size = {"images": 1, "patients": 1}
    content = {"read": size, "steps": {}, **size, "normal_benign": size}
    with pytest.raises(InputError, match="normal_benign"):
        validate(content, Flow, "metrics/data.json")


def test_what_leaves_and_what_stays_add_up_to_what_was_read(finished):
    chart = hard(finished)
    read = leading_numbers(chart.head.lines)[0]
    gone = [leading_numbers(exit_.cell.lines)[0] for exit_ in chart.exits]
    included = leading_numbers(chart.included.lines)[0]
    assert read - sum(gone) == included == 99 * 127
    left = leading_numbers(exit_.left[0].removeprefix("left: ") for exit_ in chart.exits[:-1])
    assert left == [read - sum(gone[: n + 1]) for n in range(len(left))]
    assert chart.exits[-1].left == ()  # the box below it says so


def test_rules_have_their_names_of_params_and_those_without_effect_one_line(finished):
    chart = hard(finished)
    titles = [exit_.cell.title for exit_ in chart.exits]
    assert titles == [f"Excluded: {name}" for name in (*COPIES[:1], *COPIES[2:], *RULES)]
    assert chart.idle == "No image was excluded by: exact duplicate."


def test_steps_keep_their_order_whatever_their_number_of_digits():
    flow = counts((1, 2, 3, 4, 5, 6, 7, 8))
    step = flow.steps["1_contradictory_duplicate"]
    shuffled = flow.model_copy(update={"steps": {f"{n}_rule": step for n in (10, 9, 11, 1)}})
    assert [key for key, _ in ordered_steps(shuffled)] == ["1_rule", "9_rule", "10_rule", "11_rule"]


def test_one_cohort_without_faults_needs_no_box_of_its_own(finished):
    chart = flow_chart(with_flow(finished, {"all": counts(), "clinic": counts()}))
    assert (chart.origins, chart.faults, chart.head.title) == ((), None, "Read: clinic")


def test_faults_of_the_sources_stand_before_what_was_read(finished):
    chart = hard(finished)
    assert chart.faults is not None
    assert chart.faults.lines == (
        "12 rows or files: image without row",
        "3 rows or files: unknown label",
        "(of reports/ingest_problems.csv; not images or patients)",
    )
    words = str(chart)
    assert words.index("Left out before, as faulty") < words.index("BUSI: read") < words.index("Read: ")


def test_faults_are_drawn_above_the_cohorts_and_these_above_what_was_read(finished):
    heights = {text.get_text(): text.get_position()[1] for text in draw_flow(hard(finished)).axes[0].texts}
    assert heights["Left out before, as faulty"] > heights["BUSI"] > heights["Read"]


def test_kinds_of_fault_have_the_words_of_their_list(finished):
    kind = "link that leads out of the cohort's folder"
    problems = pd.DataFrame([("clinic", "a.png", 0, kind, "", "")], columns=list(tables.PROBLEMS.columns))
    flow = counts(problems={metric_key(kind): 1, "of_an_older_list": 2})
    chart = flow_chart(replace(with_flow(finished, {"all": flow, "clinic": flow}), problems=problems))
    assert chart.faults is not None
    assert chart.faults.lines[:2] == (f"1 row or file: {kind}", "2 rows or files: of an older list")


def test_images_in_no_part_stand_at_their_task(finished):
    assert [branch.left_out for branch in flow_chart(finished).branches] == [None, None]
    cell = hard(finished).branches[0].left_out
    assert cell is not None
    assert leading_numbers(cell.lines) == [12, 31]


def test_a_leaking_task_is_shouted_in_its_box(finished):
    leaking = finished.tasks[0].certificate.model_copy(update={"unit": "image"})
    tasks = [replace(finished.tasks[0], certificate=leaking), *finished.tasks[1:]]
    titles = [branch.cell.title for branch in flow_chart(replace(finished, tasks=tasks)).branches]
    assert [title.startswith("NOT DISJOINT.") for title in titles] == [True, False]


def test_steps_by_cohort_are_the_counts_of_the_file(finished):
    flow = {"clinic": counts((3, 20)), "all": counts((4, 30)), "ward": counts((1, 10))}
    table = flow_steps(with_flow(finished, flow)).set_index(["cohort", "step"])
    assert list(dict.fromkeys(table.index.get_level_values("cohort"))) == ["all", "clinic", "ward"]
    assert table.loc[("clinic", "exact duplicate")].to_list() == [20, 2, 127, 127]
    assert table.loc[("ward", "read")].to_list() == [0, 0, 138, 128]


def longest(sources):
    flow = counts((3, 1000, 5, 70, 1200, 41, 100, 10), 99, {"image_without_row": 12, "unknown_label": 3})
    cohorts = dict.fromkeys(("all", "BUSI", "BUSBRA", "a_hospital_with_a_rather_long_name"), flow)
    return flow_chart(with_flow(sources, cohorts, quarantined=12, withheld=31))


def hostile(sources):
    chart = hard(sources)
    exits = tuple(replace(exit_, cell=replace(exit_.cell, title=HOSTILE)) for exit_ in chart.exits)
    return replace(chart, exits=exits, idle=HOSTILE, included=replace(chart.included, title=HOSTILE))


@pytest.mark.parametrize("chart_of", [flow_chart, hard, longest])
def test_the_chart_fits_a_page(finished, chart_of):
    width, height = draw_flow(chart_of(finished)).get_size_inches()
    assert width < PAGE_IN[0]
    assert height < PAGE_IN[1]


@pytest.mark.parametrize("chart_of", [flow_chart, hard, longest, hostile])
def test_words_stand_in_one_box_or_beside_all(finished, chart_of):
    figure = draw_flow(chart_of(finished))
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if isinstance(patch, Rectangle)]
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]
    for text in filter(Text.get_text, axes.texts):
        words = text.get_window_extent(renderer)
        assert words.x0 >= 0
        assert words.x1 <= figure.bbox.width
        around = [box for box in boxes if box.overlaps(words)]
        assert len(around) == (0 if text.get_fontsize() == SMALL else 1), text.get_text()
        for box in around:
            assert box.x0 <= words.x0 < words.x1 <= box.x1, text.get_text()
            assert box.y0 <= words.y0 < words.y1 <= box.y1, text.get_text()
