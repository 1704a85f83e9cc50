"""The page: one file, no network, every limitation beside its number."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from report_inputs import BACKBONES, EXPLAINED, PARAMS, explanation_measures, write_inputs
from report_pages import Page, build

from nonmass import tables
from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.report import cautions, curves, explanations, wording
from nonmass.report.build import Report, write_report
from nonmass.report.folders import Folders
from nonmass.report.page import flat
from nonmass.report.records import Estimate
from nonmass.report.reported import Reported, Training
from nonmass.report.sources import read_sources


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Folders:
    return write_inputs(tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def report(places) -> Report:
    return build(places, draws=True)


@pytest.fixture(scope="module")
def html(report) -> str:
    return report.page


def test_page_is_well_formed_and_asks_nothing_of_the_network(html):
    page = Page(html)
    assert all(link.startswith(("#", "data:image/", "checklists/")) for link in page.links)
    assert "http" not in html.lower() and "@import" not in html and html.count("<script>") == html.count("<script") == 1
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_page_answers_first_and_says_what_the_data_are(html):
    page = Page(html)
    assert page.headings[0] == "The answer"
    assert page.words.index(cautions.RESEARCH_USE) < page.words.index("The answer")
    assert page.words.index(cautions.PHANTOMS) < page.words.index("The answer")
    assert cautions.NOT_DISJOINT not in page.words


def test_performance_table_shows_the_measures(html, places):
    sources = read_sources(places, PARAMS, BACKBONES)
    cells = {" ".join(cell.split()) for table in Page(html).tables for row in table for cell in row}
    for task in sources.tasks:
        for parts in task.performance.values():
            for part, numbers in parts.items():
                assert wording.estimate(numbers.auc) in cells or part == "val"
                for point in numbers.rules.values():
                    assert wording.percent(point["sensitivity"]) in cells
                    assert wording.percent(point["npv"]) in cells
                    assert wording.number(point["cutoff"].est) in cells


@pytest.mark.parametrize(
    ("adapters", "notices"),
    [
        (("phantom",), [cautions.PHANTOMS]),
        (("busi", "busbra"), [cautions.STAND_INS]),
        (("busi", "phantom"), [cautions.STAND_INS, cautions.PHANTOMS]),
        (("folder",), []),
    ],
)
def test_data_are_called_what_they_are(adapters, notices):
    params = PARAMS | {"cohorts": list(adapters), "sources": {name: {"adapter": name} for name in adapters}}
    params["sources"]["unused"] = {"adapter": "phantom"}
    assert cautions.data_notices(validate(params, Reported, "params")) == notices


@pytest.mark.parametrize(
    ("adapters", "words"),
    [
        (("phantom",), "Synthetic phantoms. Research use only"),
        (("busi", "busbra"), "Public stand-ins. Research use only"),
        (("busi", "phantom"), "Public stand-ins and synthetic phantoms. Research use only"),
        (("folder", "phantom"), "In part synthetic phantoms. Research use only"),
        (("dicom",), "Research use only"),
    ],
)
def test_what_leaves_the_page_says_what_the_data_are(adapters, words):
    params = PARAMS | {"cohorts": list(adapters), "sources": {name: {"adapter": name} for name in adapters}}
    assert cautions.mark(validate(params, Reported, "params")) == words


def leaking(places, tmp_path, *, draws=False, **changes) -> Report:
    certificates = json.loads((places.metrics / "split.json").read_text())
    certificates["detect"] |= {"unit": "image", **changes}
    path = tmp_path / "metrics"
    path.mkdir()
    for file in places.metrics.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    (path / "split.json").write_text(json.dumps(certificates))
    return build(replace(places, metrics=path), draws=draws)


def test_a_leaking_split_is_shouted_wherever_the_task_speaks(places, tmp_path):
    report = leaking(places, tmp_path, disjoint=0)
    words = Page(report.page).words
    # banner, answer, table 2, certificate, each of two ROC plots, table 3
    assert words.count(cautions.NOT_DISJOINT) == 7
    spared = ("lassification", "params.yaml", "of timm")  # what a network is made of has nothing to do with a split
    captions = [caption for caption in Page(report.page).captions if not any(word in caption for word in spared)]
    # Fig. 1, three on fields, tables 1 and 2, ROC and its numbers, networks' cost, table 3, quarantine, two on
    # shortcuts, maps, training; patients and pairs, three on calibration, two on subgroups; two on what maps are worth
    assert len(captions) == 1 + 3 + 2 + 2 + 1 + 1 + 1 + 1 + 2 + 1 + 2 + 2 + 3 + 2 + 2
    assert all("NOT DISJOINT (Detection)" in caption for caption in captions), captions


def test_a_leaking_split_is_shouted_in_what_leaves_the_page(places, tmp_path, no_layout):
    report = leaking(places, tmp_path, disjoint=0, draws=True)
    write_report(report, tmp_path / "out")
    for file in (tmp_path / "out" / "paper" / "tables").glob("*.csv"):
        _, *rows = file.read_text().splitlines()
        shouts = ["NOT DISJOINT" in row for row in rows]
        about_classify = [row.startswith("classify,") for row in rows]
        assert shouts == [not is_other for is_other in about_classify], file.name
    for file in (tmp_path / "out" / "paper" / "figures").glob("*.svg"):
        about_a_leak = "classify" not in file.name and not file.name.startswith("fig2")
        assert ("NOT DISJOINT" in file.read_text()) == about_a_leak
        assert "Synthetic phantoms. Research use only" in file.read_text()


def test_a_split_by_image_is_shouted_even_if_nothing_known_is_shared(places, tmp_path):
    words = Page(leaking(places, tmp_path).page).words
    assert words.count(cautions.BY_IMAGE) == 7
    assert cautions.NOT_DISJOINT not in words


def test_same_inputs_give_the_same_bytes(places, report, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_report(report, first)
    write_report(build(places, draws=True), second)
    files = sorted(path.relative_to(first) for path in first.rglob("*.*"))
    # page, tables twice; flow chart, five ROC plots, two each of shortcuts, networks, randomised weights and Fig. 4;
    # three parts' reliability, decisions and subgroups
    assert len(files) == 1 + 2 * 4 + 2 * (14 + 3 * 3)
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_report_without_pictures_and_external_part(tmp_path):
    places = write_inputs(tmp_path)
    for task in PARAMS["tasks"]:
        (places.metrics / f"explain_{task}.json").unlink()
        (places.gradcam / task / "index.csv").unlink()
    for path in (places.measures / "classify.csv", places.curves / "classify.csv"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if ",external," not in line))
    report = build(places)
    assert Page(report.page).words.count("No heat maps were made.") == 2
    assert "fig3_roc_classify_external" not in [plot.name for plot in report.plots]


@pytest.mark.parametrize(
    "file",
    [
        "metrics/data.json",
        "metrics/split.json",
        "metrics/detect.json",
        "data/splits/quarantine.csv",
        "characteristics/tests.csv",
        "ingest_problems.csv",
        "data/manifest.csv",
        "data/fov/index.csv",
        "data/fov/crops.csv",
        "data/fov/marks.csv",
        "metrics/fov.json",
        "metrics/text.json",
        "metrics/shortcuts.json",
        "shortcuts/detect.csv",
        "calibration/detect.csv",
        "decisions/classify.csv",
        "subgroups/detect.csv",
        "data/splits/detect.csv",
        "curves/detect.csv",
        "measures/classify.csv",
        "measures/classify_software.json",
        "models/detect/densenet121_448/1/model.json",
    ],
)
def test_missing_file_is_named_in_one_line(tmp_path, file):
    places = write_inputs(tmp_path, patients_per_class=10)
    (tmp_path / file).unlink()
    with pytest.raises(InputError, match=file) as caught:
        read_sources(places, PARAMS, BACKBONES)
    assert "\n" not in str(caught.value)


def test_what_is_no_json_or_lacks_a_key_is_named(tmp_path):
    places = write_inputs(tmp_path, patients_per_class=10)
    path = places.metrics / "split.json"
    content = json.loads(path.read_text())
    del content["detect"]["assignment"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"detect\.assignment: required key is missing"):
        read_sources(places, PARAMS, BACKBONES)
    path.write_text("{")
    with pytest.raises(InputError, match="not readable as JSON"):
        read_sources(places, PARAMS, BACKBONES)


def test_undefined_values_carry_their_reason(places, tmp_path):
    folder = tmp_path / "measures"
    folder.mkdir()
    for file in places.measures.iterdir():
        lines = file.read_text().splitlines(keepends=True)
        mark = "mobilenet_448,test,frozen,ppv,"
        reason = mark + ",,,no image is called so at this cut-off\n"
        (folder / file.name).write_text("".join(reason if line.startswith(mark) else line for line in lines))
    words = Page(build(replace(places, measures=folder)).page).words
    assert "Test, mobilenet_448, sound: ppv undefined, as no image is called so at this cut-off." in words


def page_with_maps(tmp_path, changes=None, forgotten=0.1, *, figures=False, **explained) -> Page:
    places = write_inputs(tmp_path, 10)
    (places.metrics / "explain_detect.json").write_text(json.dumps(EXPLAINED | explained))
    table = explanation_measures(changes, forgotten)
    tables.EXPLANATION_MEASURES.write(table, places.explanations / "detect.csv")
    return Page(build(places, figures=figures).page)


def test_heat_maps_stand_beside_what_they_are_compared_with(tmp_path):
    page = page_with_maps(tmp_path)
    rows = [row for table in page.tables for row in table]
    numbers = ["0.612 (0.562\u20130.662)", "0.432 (0.382\u20130.482)", "0.300 (0.250\u20130.350)"]
    differences = ["0.180 (0.130\u20130.230)", "0.310 (0.260\u20130.360)"]
    assert ["Test, all40 images of 21 patients", "Pointing game", *numbers, *differences] in rows
    assert ["Test, false negative40 images of 21 patients", "Pointing game", *numbers, *differences] in rows
    assert ["IoU above the 80th percentile", *numbers, *differences] in rows
    assert "drawn once for each seed of the networks" in page.words
    assert "not clearly better than" not in page.words
    assert "Left out of the gallery" not in page.words


@pytest.mark.parametrize(("difference", "is_said"), [(0.05, True), (0.051, False), (-0.2, True)])
def test_maps_no_better_than_a_baseline_are_said_to_be(tmp_path, difference, is_said):
    """Limits are 0.05 from the estimate: only an interval above zero is better."""
    words = page_with_maps(tmp_path, {"gradcam-centre": difference}).words
    said = "Test, pointing game: the maps are not clearly better than the image centre (0.612 against 0.432; difference"
    assert (said in words) == is_said
    assert "not clearly better than a network with random weights" not in words


@pytest.mark.parametrize(("forgotten", "is_said"), [(0.44, "depend on what it has learnt"), (0.46, "do not read them")])
def test_it_is_said_whether_maps_change_with_the_weights(tmp_path, forgotten, is_said):
    words = page_with_maps(tmp_path, forgotten=forgotten, figures=True).words
    assert is_said in words[words.index("Without what the network has learnt") :].partition("Classification")[0]
    assert "when all 120 layers are random; 40 images of 21 patients" in words


def test_maps_that_grow_alike_again_on_the_way_are_not_said_to_depend_on_what_was_learnt(places):
    task = read_sources(places, PARAMS, BACKBONES).tasks[0]
    rows = task.explanation
    peak = (rows["check"] == "randomisation") & (rows["subject"] == "0060")
    low = (rows["check"] == "randomisation") & (rows["subject"] == "0001")
    climbing = rows.assign(estimate=rows["estimate"].mask(peak, "0.47").mask(low, "0.13"))
    climbing["lo"], climbing["hi"] = climbing["lo"].mask(peak, "0.27"), climbing["hi"].mask(peak, "0.68")
    words = explanations.similarity_words(replace(task, explanation=climbing))
    assert "from 0.130 (0.750\u20130.850) with 1 random layer the correlation climbs back to 0.470 (0.270" in words
    assert "it has learnt is not clear" in words and ": they depend" not in words
    climbing["hi"] = climbing["hi"].mask(peak, "0.49")  # surely another map
    assert "they depend on what it has learnt" in explanations.similarity_words(replace(task, explanation=climbing))


@pytest.mark.parametrize(
    ("schedule", "kept_epoch", "said"),
    [
        ("plateau", "lowest_loss", "it might still have improved."),
        ("plateau", "last", "it might still have improved."),
        ("cosine", "lowest_loss", "it might still have improved."),
        (
            "cosine",
            "last",
            "its rate had fallen along the cosine to the end by then, and the last epoch is kept by rule.",
        ),
    ],
)
def test_a_network_best_in_its_last_epoch_might_have_improved_unless_the_schedule_ended_there(
    places, schedule, kept_epoch, said
):
    task = read_sources(places, PARAMS, BACKBONES).tasks[0]
    falling = task.histories[BACKBONES[0]][1].assign(val_loss=[0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    train = Training(epochs=6, seeds=(1,), schedule=schedule, kept_epoch=kept_epoch)
    lines = cautions.training_cautions(replace(task, histories={BACKBONES[0]: {1: falling}}), train)
    assert lines == [f"{BACKBONES[0]} was best in the last of 6 epochs allowed: {said}"]


def test_epochs_are_counted_from_one_for_readers(places, tmp_path):
    task = read_sources(places, PARAMS, BACKBONES).tasks[0]
    (axes,) = curves.training_curves(task.histories, {"val_auc": "validation"}, "AUC").axes
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4, 5, 6]
    models = tmp_path / "models"
    shutil.copytree(places.models, models)
    for card in models.glob("*/*/*/model.json"):
        card.write_text(json.dumps(json.loads(card.read_text()) | {"epochs": 6, "kept_epoch": 5}))
    rows = [row for table in Page(build(replace(places, models=models), figures=False).page).tables for row in table]
    assert rows.count(["kept epoch", "6 (5 in the file, which counts from 0)"]) == 4


def test_drops_stand_beside_the_shortcut_audit_with_those_elsewhere(tmp_path):
    page = page_with_maps(tmp_path, {"marks-marks_elsewhere": 0.02})
    rows = [row for table in page.tables for row in table]
    lesion = ["1.500 (1.450\u20131.550)", "0.200 (0.150\u20130.250)", "1.300 (1.250\u20131.350)"]
    assert ["The lesion", "Test", "all", *lesion, "40 images of 21 patients"] in rows
    section = page.words[page.words.index("Shortcut audit How well") : page.words.index("Fig. 4.")]
    assert "Test: without the lesion the score of the call falls by 1.300 (1.250\u20131.350) more" in section
    assert "Test: without burned-in marks the score of the call falls not clearly more" in section
    assert "Left out of the rows for marks: 3 images" in section


def test_a_score_that_rests_on_marks_is_said_to(tmp_path):
    words = page_with_maps(tmp_path, {"marks-marks_elsewhere": 0.3}).words
    assert "without burned-in marks the score of the call falls by 0.300 (0.250\u20130.350) more" in words


def test_the_gallery_keeps_outcomes_apart_and_begins_with_the_surest(tmp_path):
    places = write_inputs(tmp_path, 10)
    index = tables.HEAT_MAPS.read(places.gradcam / "detect" / "index.csv")
    index["outcome"], index["margin"] = ["FP", "FP", "TP", "TP"], [0.1, 0.2, 0.4, 0.3]
    tables.HEAT_MAPS.write(index, places.gradcam / "detect" / "index.csv")
    words = Page(build(places).page).words
    gallery = words[words.index("Test: true positives") :]
    places_of = [gallery.index(image_id) for image_id in index["image_id"]]
    assert places_of[2] < places_of[3] < gallery.index("Test: false positives") < places_of[1] < places_of[0]


def test_figure_four_is_a_file_that_names_outcome_score_and_scale(tmp_path, no_layout):
    report = build(write_inputs(tmp_path, 10), draws=True)
    svg = next(plot.svg for plot in report.plots if plot.name == "fig4_gradcam_detect")
    for words in ("True positive", "score", "What a cell adds to the logit of the call", "Research use only"):
        assert words in svg
    assert svg.count("<image") == 2 * 4 + 1  # originals above overlays, and the colour bar


def test_images_left_out_of_the_gallery_are_counted_where_it_stands(tmp_path):
    words = page_with_maps(tmp_path, doubtful_crops=3).words
    assert words.count("Left out of the gallery: 3 images whose field of view is doubtful") == 1


def test_scale_and_use_of_the_gallery_stand_once_beside_it(html):
    words = Page(html).words
    gallery = words[words.index("Fig. 4.") : words.index("Heat maps and lesion masks")]
    assert gallery.count("adds to the logit of the class that it calls") == 1
    assert gallery.count(cautions.RESEARCH_USE) == 1


def test_software_of_the_statistics_is_in_the_provenance(html):
    begin = html.index('<section id="provenance"')
    provenance = html[begin : html.index("</section>", begin) + len("</section>")]
    rows = [row for table in Page(provenance).tables for row in table]
    assert rows.count(["R", "4.2.2"]) == rows.count(["pROC", "1.18.0"]) == len(PARAMS["tasks"]) + 1


def test_hostile_text_stays_text(tmp_path):
    params = json.loads(json.dumps(PARAMS)) | {"note": "<script>alert(1)</script>"}
    assert "<script>alert" not in build(write_inputs(tmp_path, 10), params, figures=False).page


def test_numbers_read_well():
    assert wording.estimate(Estimate(0.9123, 0.8, 0.95)) == "0.912 (0.800\u20130.950)"
    assert wording.estimate(Estimate(0.01, -0.02, 0.04)) == "0.010 (\u22120.020 to 0.040)"
    assert wording.estimate(Estimate(-0.0001)) == "0.000 (no interval)"
    assert wording.estimate(Estimate(note="why")) == "undefined"
    assert wording.percent(Estimate(0.5, 0.25, 1)) == "50.0 (25.0\u2013100.0)"
    assert wording.p_value(Estimate(1e-26)) == "p < 0.001"
    assert (
        wording.class_name({"cohort": "BUSI", "finding": ["mass", "non_mass"]})
        == "mass lesion or non-mass lesion (BUSI)"
    )
    assert wording.count(13247) == "13\u202f247"
    assert dict(flat({"a": {"b": 0.001, "c": [7, 1, 2]}, "d": "text", "e": True})) == {
        "a.b": "0.001",
        "a.c": "[7, 1, 2]",
        "d": "text",
        "e": "true",
    }


def test_images_that_a_task_does_not_ask_for_are_counted(html):
    assert Page(html).words.count("not asked for by this task 7 images.") == len(PARAMS["tasks"])


def with_measures(tmp_path, change):
    """A small graph whose measures of `detect` are changed."""
    places = write_inputs(tmp_path)
    path = places.measures / "detect.csv"
    tables.MEASURES.write(change(tables.MEASURES.read(path)), path)
    return places


def test_a_cut_off_that_does_not_exist_is_said_where_its_figures_would_stand(tmp_path):
    reason = "no cut-off does better than chance"

    def without_cutoff(measures):
        frozen = (measures["group"] == "frozen") & (measures["backbone"] == BACKBONES[0])
        kept = measures[~frozen | (measures["measure"] == "cutoff")].copy()
        at = kept.index[(kept["group"] == "frozen") & (kept["backbone"] == BACKBONES[0])]
        kept.loc[at, ["estimate", "note"]] = ["", reason]
        return kept

    page = Page(build(with_measures(tmp_path, without_cutoff)).page)
    assert f"no sensitivity or specificity: {reason}" in page.words


def test_the_side_that_a_name_promises_is_compared_with_the_one_seen(html):
    assert "mobilenet_448 saw images of 128 px, not of the size in its name." in Page(html).words


def test_an_external_part_of_the_same_cohort_is_called_so(html):
    caution = "External means other lesions of the same cohort here, not another institution."
    assert caution in Page(html).words
    assert "External means" not in html[html.index('id="roc-title"') : html.index("Classification, external: ")]


def test_an_external_part_of_several_of_the_same_cohorts_is_called_so(places):
    task = read_sources(places, PARAMS, BACKBONES).tasks[1]
    other = task.split.assign(image_id=task.split["image_id"].str.replace("phantom-", "clinic-", n=1))
    both = replace(task, split=pd.concat([task.split, other]))
    assert "External means other lesions of the same cohorts here, not another institution." in cautions.task_cautions(
        both
    )


def test_metrics_of_another_split_than_the_certificate_s_stop_the_report(tmp_path):
    places = write_inputs(tmp_path, 10)
    path = places.metrics / "classify.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "fedcba9876543210"))
    with pytest.raises(InputError, match=r"classify\.json: computed on split fedcba9876543210.*0123456789abcdef"):
        read_sources(places, PARAMS, BACKBONES)


def test_table1_names_its_tests_and_says_why_there_is_none(html):
    page = Page(html)
    cells = [[" ".join(cell.split()) for cell in row] for table in page.tables for row in table]
    (age,) = [row for row in cells if row[0] == "age, years"]
    assert age[-2:] == ["0.012Welch's t-test", "\u2013"]
    for words in (
        "Tests in patients with a mass lesion: no variance in a group (lesion size, mm).",
        "Tests in patients with a non-mass lesion: 1 patient with benign and malignant lesions left out (BI-RADS).",
        "Not in the table, as their words are too many for categories: remark.",
        "p-values are not corrected for their number.",
    ):
        assert words in page.words


def test_quarantined_images_are_listed_with_the_part_that_holds_them_all_the_same(tmp_path):
    places = write_inputs(tmp_path, 10)
    assert "No near-duplicates have contradictory labels." in Page(build(places, figures=False).page).words
    split = tables.SPLIT.read(places.data / "splits" / "detect.csv")
    tested = split[split["part"] == "test"]
    normal, lesion = (tested.loc[tested["truth"] == truth, "image_id"].iloc[0] for truth in (0, 1))
    rows = [("nowhere", "g", "mass", "benign"), (normal, "g", "normal", ""), (lesion, "g", "non_mass", "benign")]
    frame = pd.DataFrame(rows, columns=list(tables.QUARANTINE.columns))
    tables.QUARANTINE.write(frame, places.data / "splits" / "quarantine.csv")
    page = Page(build(places, figures=False).page)
    found = [row for table in page.tables for row in table]
    assert [normal, "normal breast", "Detection, test"] in [row[1:] for row in found]
    assert [lesion, "benign non-mass lesion", "Detection, test; Classification, external"] in [row[1:] for row in found]
    assert ["nowhere", "benign mass lesion", "no part"] in [row[1:] for row in found]
    assert "3 images of near-duplicates with contradictory labels" in page.words


def test_the_first_faults_of_the_sources_are_listed(tmp_path, html):
    assert "Faults of the sources." not in Page(html).words
    places = write_inputs(tmp_path, 10)
    rows = [("clinic", f"{n:02}.png", n, "unknown label", "<i>?", "correct it") for n in range(25)]
    tables.PROBLEMS.write(pd.DataFrame(rows, columns=list(tables.PROBLEMS.columns)), places.problems_csv)
    page = Page(build(places, figures=False).page)
    found = [row for table in page.tables for row in table if "unknown label" in row]
    assert [row[1] for row in found] == [f"{n:02}.png" for n in range(20)]
    assert found[0] == ["clinic", "00.png", "", "unknown label", "<i>?", "correct it"]
    assert "25 faults" in page.words
    assert "reports/ingest_problems.csv" in page.words


def test_steps_by_cohort_are_shown_where_there_are_several(tmp_path, html):
    assert "Fig. 1 by cohort." not in Page(html).words
    places = write_inputs(tmp_path, 10)
    path = places.metrics / "data.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"second": content["phantom"]}))
    page = Page(build(places).page)
    assert "Fig. 1 by cohort." in page.words
    (table,) = [table for table in page.tables if table[0][:2] == ["Cohort", "Step"]]
    assert sum(row[1] == "BI-RADS 0" for row in table[2:]) == 3
    assert "exact duplicate" not in {row[1] for row in table[2:]}  # it excluded nobody


def test_one_seed_is_said_to_be_one(html):
    words = Page(html).words
    assert "Each network was trained once, with seed 1; another seed would give other figures." in words
    assert "Seeds, detection." not in words
    assert "one by one" not in words


def test_seeds_stand_beside_the_figures_of_their_ensemble(tmp_path):
    params = {**PARAMS, "train": {**PARAMS["train"], "seeds": [3, 1]}}
    places = write_inputs(tmp_path, 10, seeds=(3, 1))
    page = Page(build(places, params).page)
    words = page.words.replace(" ,", ",")  # links stand apart in it
    assert "one by one the 2 seeds reach: mean 0.765, SD 0.032, from 0.733 to 0.797" in words.replace("the  2", "the 2")
    assert "Each network is several of one kind, trained with seeds 3, 1, whose logits are averaged" in page.words
    assert "so it is no confidence interval" in page.words
    rows = [[" ".join(cell.split()) for cell in row] for table in page.tables for row in table]
    found = [row for row in rows if row[3:] == ["0.765", "0.032", "0.733", "0.797", "2"]]
    assert len(found) == 2 * (2 + 3), "both networks on each part of both tasks"
    assert "Detection, mobilenet_448, seed 3" in page.words and "Detection, mobilenet_448, seed 1" in page.words
    figure = curves.training_curves(read_sources(places, params, BACKBONES).tasks[0].histories, {"val_auc": "v"}, "AUC")
    assert len(figure.axes[0].lines) == 4
    assert len(figure.legends[0].get_texts()) == 2


def test_a_seed_that_is_missing_stops_the_report(tmp_path):
    params = {**PARAMS, "train": {**PARAMS["train"], "seeds": [1, 2]}}
    with pytest.raises(InputError, match=r"mobilenet_448/2/history\.csv: training history not found"):
        read_sources(write_inputs(tmp_path, 10), params, BACKBONES)
