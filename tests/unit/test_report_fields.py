"""Fields of view, marks and text in the report, against counts known by construction; refused ones in Fig. 1."""

import json

import pandas as pd
import pytest
from report_inputs import BACKBONES, PARAMS, write_inputs
from report_pages import Page, build

from nonmass import tables
from nonmass.params import validate
from nonmass.report import fields
from nonmass.report.flow import flow_chart
from nonmass.report.flow_drawing import draw_flow
from nonmass.report.records import TextRead
from nonmass.report.sources import read_sources
from nonmass.tables import TEXT_LINES
from nonmass.text.summary import MEASURED, text_metrics


@pytest.fixture
def places(tmp_path):
    return write_inputs(tmp_path, 10)


def with_index(places, change):
    path = places.data / "fov" / "index.csv"
    index = change(tables.FOV_INDEX.read(path))
    tables.FOV_INDEX.write(index, path)
    counts = json.loads((places.metrics / "fov.json").read_text())
    refused = int((index["reject"] != "").sum())
    (places.metrics / "fov.json").write_text(json.dumps(counts | {"refused": refused}))
    return read_sources(places, PARAMS, BACKBONES)


def refuse(ids):
    def change(index):
        chosen = index["image_id"].isin(ids)
        return index.assign(reject=index["reject"].mask(chosen, "m-mode"), accepted=index["accepted"].mask(chosen, 0))

    return change


def test_refused_fields_stand_in_figure_1_and_in_no_class(places):
    before = flow_chart(read_sources(places, PARAMS, BACKBONES))
    manifest = tables.MANIFEST.read(places.data / "manifest.csv")
    normal = manifest[(manifest["finding"] == "normal") & (manifest["excluded"] == "")]
    whole = normal[normal["patient_id"] == normal["patient_id"].iloc[0]]["image_id"].tolist()
    several = normal.groupby("patient_id").filter(lambda rows: len(rows) > 1 and rows["image_id"].iloc[0] not in whole)
    chart = flow_chart(with_index(places, refuse([*whole, several["image_id"].iloc[0]])))
    assert (before.refused, chart.included) == (None, before.included)
    assert chart.refused is not None
    assert chart.refused.title == f"Field of view refused: {len(whole) + 1}"
    assert chart.refused.lines == (f"{len(whole) + 1} images: m-mode",)
    assert chart.classes[0].lines == (f"{len(normal) - len(whole) - 1} images", "9 patients")
    assert chart.classes[1:] == before.classes[1:]
    heights = {text.get_text(): text.get_position()[1] for text in draw_flow(chart).axes[0].texts}
    assert heights["Included"] > heights[chart.refused.title] > heights["Normal breast"]
    assert f"Included: {chart.included.lines[0]}. {chart.refused}. Normal" in str(chart)


def test_fields_are_counted_by_device_and_add_up(places):
    index = tables.FOV_INDEX.read(places.data / "fov" / "index.csv")
    manifest = tables.MANIFEST.read(places.data / "manifest.csv")
    odd = manifest["image_id"].isin(index["image_id"].iloc[2:7])
    tables.MANIFEST.write(manifest.assign(device=manifest["device"].mask(odd, "")), places.data / "manifest.csv")
    sources = with_index(places, refuse(index["image_id"].iloc[3:5]))
    rows = fields.by_device(sources).set_index("device")
    n = len(index)
    assert rows["images"].to_dict() == {"all devices": n, "Phantom A": n - 5, "unknown": 5}
    assert rows.loc["unknown", "refused"].startswith("2 (40.0")
    assert [text.split(" ")[0] for text in rows.loc["all devices", list(fields.STATES)]] == [str(n - 4), "2", "2"]


def test_reason_codes_are_counted_by_what_became_of_the_image():
    columns = ["image_id", "flags", "reject", "accepted"]
    rows = [("a", "colour", "", 1), ("b", "colour|no-agreement", "", 0), ("c", "colour", "m-mode", 0), ("d", "", "", 1)]
    found = fields.reasons(pd.DataFrame(rows, columns=columns)).set_index("reason")
    assert found.index.to_list() == ["colour", "m-mode", "no-agreement"]
    assert found.loc["colour"].to_dict() == {"accepted": 1, "doubtful": 1, "refused": 1}
    assert found.loc["m-mode"].to_dict() == {"accepted": 0, "doubtful": 0, "refused": 1}
    assert fields.reasons(pd.DataFrame([("d", "", "", 1)], columns=columns)).empty


def test_marks_are_counted_by_class(places):
    task = read_sources(places, PARAMS, BACKBONES).tasks[0]
    positive = task.split.loc[task.split["truth"] == 1, "image_id"]
    marks = pd.DataFrame({"image_id": [*positive.iloc[:3], positive.iloc[0], "stranger"], "kind": "caliper"})
    rows = fields.marks_by_class(task, marks).set_index("mark")
    assert rows.loc["any mark", "positive"] == rows.loc["calipers", "positive"]
    assert rows.loc["calipers", "positive"].startswith("3 (")
    assert rows.loc["calipers", "negative"].startswith("0 (")
    assert rows.loc["arrows", "positive"].startswith("0 (")


def page_with_text(places, **content) -> str:
    (places.metrics / "text.json").write_text(json.dumps(content))
    return build(places, figures=False).page


def test_unread_text_is_an_alarm(places):
    page = page_with_text(places, engine="none")
    assert '<p class="alarm">Text was not read (text.engine: none)' in page
    assert "Text was read by" not in page


def test_none_found_stands_beside_what_the_engine_misses(places):
    nothing = TEXT_LINES.check(pd.DataFrame(columns=list(TEXT_LINES.columns)), "t")
    found = text_metrics(nothing, 60, "rapidocr", MEASURED["rapidocr"].version)
    words = Page(page_with_text(places, **found)).words
    claim = words[words.index(f"Text was read by {found['version']}") :][:400]
    assert "0 images of 60 images" in claim
    assert f"it found a share of {found['measured']['recall']:.3f}" in claim
    assert "has not been measured" not in words
    page = page_with_text(places, **{**found, "measured": None})
    assert '<p class="alarm">How much rapidocr misses has not been measured' in page


def test_further_keys_of_the_text_metrics_are_let_be():
    assert validate({"engine": "tesseract", "lines": {"annotation": 3}}, TextRead, "t").measured is None


@pytest.mark.parametrize(
    ("how", "words"), [("keep", "left as they are"), ("mask", "covered with black"), ("inpaint", "filled from around")]
)
def test_what_became_of_marks_is_said(places, how, words):
    path = places.data / "fov" / "crops.csv"
    crops = tables.CROPS.read(path)
    crops.loc[:1, "masked_lines"] = 3
    tables.CROPS.write(crops.assign(overlays=how), path)
    said = fields.treatment(read_sources(places, PARAMS, BACKBONES))
    assert words in said
    assert "6 lines of text covered in 2 images" in said
    assert said in Page(build(places, figures=False).page).words
