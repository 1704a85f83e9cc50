"""Fig. 1: every image that was read stands in a box."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from report_inputs import BACKBONES, PARAMS, write_inputs

from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.report.flow import flow_rows, patient_flow
from nonmass.report.records import Flow
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


def counts(factor=1):
    """As `manifest` counts a cohort in which pathology is known of some lesions only."""
    classes = {name: {"images": factor * n, "patients": n} for name, n in KNOWN.items()}
    total = {"images": factor * 127, "patients": 127, "excluded_images": {"exact_duplicate": 3}}
    return validate(total | classes, Flow, "metrics/data.json")


def test_lesions_without_pathology_have_their_boxes():
    boxes = flow_rows({"all": counts(), "clinic": counts()}, [])[2]
    assert [int(box.lines[0].split()[0]) for box in boxes] == list(KNOWN.values())
    assert [box.title for box in boxes][1:3] == ["Mass\nlesion", "Benign\nmass\nlesion"]


def test_a_class_that_no_box_shows_is_refused():
    content = {"images": 1, "patients": 1, "normal_benign": {"images": 1, "patients": 1}}
    with pytest.raises(InputError, match="normal_benign"):
        validate(content, Flow, "metrics/data.json")


def test_the_words_of_all_classes_fit_their_boxes(tmp_path):
    sources = read_sources(write_inputs(tmp_path, patients_per_class=10), PARAMS, BACKBONES)
    figure = patient_flow({"all": counts(99), "clinic": counts(99)}, sources.tasks, sources.manifest)
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent(renderer) for patch in axes.patches if isinstance(patch, Rectangle)]
    for text in axes.texts:
        words = text.get_window_extent(renderer)
        if text.get_text():
            assert any(
                box.x0 <= words.x0 and words.x1 <= box.x1 and box.y0 <= words.y0 and words.y1 <= box.y1 for box in boxes
            ), text.get_text()
