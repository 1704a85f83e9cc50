"""The finder on layouts it was not built on, against fields that are known; and on twelve real screens boxed by eye."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from kept_apart_drawing import SIZES
from kept_apart_screens import draw
from kept_apart_traces import draw_trace
from PIL import Image

from nonmass.fov.field import Known
from nonmass.fov.finder import FindParams, find_fov
from nonmass.fov.layout import layout_consensus
from nonmass.geometry import Box
from nonmass.images import read_picture
from nonmass.params import validate

PARAMS = validate({"agreement_iou": 0.95, "layout_min_images": 5, "layout_max_images": 30}, FindParams, "fov")
SLOW_COUNTS = {"cart": 340, "window": 340, "compact": 320}
N_FOR_LAYOUT = 30
SILENT_IOU = 0.9
NOTHING = Known()


def say(line):
    """For `pytest -s`, and beside whatever fails."""
    sys.stdout.write(line + "\n")


def as_picture(pixels, folder, quality):
    """A screen as it comes from a file: JPEG of a quality, or PNG if that is None."""
    path = folder / ("screen.png" if quality is None else "screen.jpg")
    Image.fromarray(pixels).save(path, **({} if quality is None else {"quality": quality}))
    return read_picture(path)


def knowledge(layout, folder, n_screens=N_FOR_LAYOUT):
    """What a run knows of a layout, from the first of its screens."""
    screens = (draw(layout, number) for number in range(n_screens))
    grays = (as_picture(screen.pixels, folder, screen.quality).gray for screen in screens)
    return Known(layout_boxes=tuple(layout_consensus(grays, PARAMS.layout_min_images)))


def row_of(drawn, fov):
    """One screen's verdict: how well the best of its fields is met."""
    iou = max((fov.box.iou(box) for box in drawn.fields), default=0.0)
    return {
        "conditions": "|".join(drawn.conditions),
        "accepted": fov.accepted,
        "iou": iou,
        "outline_iou": np.nan if drawn.outline is None else outline_iou(drawn.outline, fov),
        "method": fov.method,
        "flags": "|".join(fov.flags),
        "reject": fov.reject,
        "box": (fov.box.x0, fov.box.y0, fov.box.x1, fov.box.y1),
        "true": [(box.x0, box.y0, box.x1, box.y1) for box in drawn.fields],
    }


def outline_iou(outline, fov):
    """Overlap of the true outline with what would be kept."""
    kept = np.zeros(outline.shape, np.uint8)
    if fov.polygon:
        cv2.fillPoly(kept, [np.array(fov.polygon, np.int32)], 1)
    else:
        kept[fov.box.slices] = 1
    return np.count_nonzero(outline & (kept > 0)) / np.count_nonzero(outline | (kept > 0))


def judge(layout, numbers, known, folder):
    """Verdicts on some screens of a layout."""
    for number in numbers:
        drawn = draw(layout, number)
        fov = find_fov(as_picture(drawn.pixels, folder, drawn.quality), PARAMS, known)
        yield {"layout": layout, "number": number, **row_of(drawn, fov)}


def summary(rows):
    """What the project promises to state."""
    accepted = rows[rows["accepted"]]
    return {
        "screens": len(rows),
        "coverage": round(float(rows["accepted"].mean()), 3),
        "median": round(float(accepted["iou"].median()), 4),
        "p1": round(float(accepted["iou"].quantile(0.01)), 4),
        "silent": int((accepted["iou"] < SILENT_IOU).sum()),
    }


@pytest.fixture(scope="module", params=["layout known", "layout unknown"])
def some(request, tmp_path_factory):
    """Verdicts on a few screens of each layout."""
    return verdicts(request.param, dict.fromkeys(SIZES, 10), 15, tmp_path_factory.mktemp("some"))


@pytest.fixture(scope="module", params=["layout known", "layout unknown"])
def thousand(request, tmp_path_factory):
    """Verdicts on a thousand screens."""
    return verdicts(request.param, SLOW_COUNTS, N_FOR_LAYOUT, tmp_path_factory.mktemp("thousand"))


def verdicts(case, counts, n_for_layout, folder):
    rows = []
    for layout, count in counts.items():
        known = knowledge(layout, folder, n_for_layout) if case == "layout known" else NOTHING
        rows += judge(layout, range(count), known, folder)
    rows = pd.DataFrame(rows)
    say(f"\n{case}: {summary(rows)}")
    for layout, part in rows.groupby("layout"):
        say(f"  {layout}: {summary(part)}")
    rows.attrs["floor"] = 0.6 if case == "layout known" else 0.4  # whoever flags everything has found nothing
    return rows


def assert_met(rows):
    """The aims of the design, among accepted screens; and most screens are accepted."""
    found = summary(rows)
    assert found["coverage"] >= rows.attrs["floor"]
    assert found["median"] >= 0.98
    if rows["accepted"].sum() >= 100:  # of fewer, the first percentile is the worst one
        assert found["p1"] >= 0.95
    wrong = rows[rows["accepted"] & (rows["iou"] < SILENT_IOU)]
    assert len(wrong) <= 0.002 * len(rows), wrong[["layout", "number", "conditions", "iou"]].to_string()


def assert_outlined(rows):
    """What is kept of a fan is the fan."""
    fans = rows[rows["accepted"] & rows["outline_iou"].notna()]
    assert len(fans), "no fan is accepted"
    assert (fans["outline_iou"] >= 0.95).all(), fans[["number", "conditions", "outline_iou"]].to_string()


def test_fields_of_unknown_layouts_are_found(some):
    assert_met(some)


def test_fans_of_unknown_layouts_are_outlined(some):
    assert_outlined(some)


@pytest.mark.long
def test_fields_of_unknown_layouts_are_found_a_thousand_times(thousand):
    assert_met(thousand)


@pytest.mark.long
def test_fans_of_unknown_layouts_are_outlined_a_hundred_times(thousand):
    assert_outlined(thousand)


@pytest.mark.parametrize("layout", SIZES)
@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.long)])
def test_a_jpeg_gives_the_box_of_its_png(layout, count, tmp_path):
    for number in range(500, 500 + count):
        pixels = draw(layout, number).pixels
        png, jpeg = (find_fov(as_picture(pixels, tmp_path, quality), PARAMS, NOTHING) for quality in (None, 85))
        assert png == jpeg, number


@pytest.mark.parametrize("count", [12, pytest.param(72, marks=pytest.mark.long)])
@pytest.mark.parametrize("case", ["layout known", "layout unknown"])
def test_traces_are_refused(case, count, tmp_path):
    known = {layout: knowledge(layout, tmp_path, 8) for layout in SIZES} if case == "layout known" else {}
    rows = []
    for number in range(count):
        drawn = draw_trace(number)
        fov = find_fov(
            as_picture(drawn.pixels, tmp_path, drawn.quality), PARAMS, known.get(drawn.conditions[2], NOTHING)
        )
        rows.append(row_of(drawn, fov))
    rows = pd.DataFrame(rows)
    missed = rows.loc[rows["reject"] == "", ["conditions", "accepted", "flags"]].to_string()
    alone = rows["conditions"].str.contains("trace alone")
    assert not rows.loc[~alone, "accepted"].any(), missed
    # Aimed at: none accepted, nine of ten refused. A faint M-mode that fills the screen alone looks like layers of
    # tissue, and some pass; others beside a picture are doubted only.
    assert rows["accepted"].mean() <= (0.2 if count < 20 else 0.08), missed
    assert (rows["reject"] != "").mean() >= (0.4 if count < 20 else 0.75), missed


@pytest.mark.real_data
def test_real_screens():
    folder = Path(os.environ.get("NONMASS_DATA", "/nowhere")) / "screens"
    if not folder.is_dir():
        pytest.skip("NOT RUN: set NONMASS_DATA to the folder that holds screens")
    n_accepted, n_right, silent = 0, 0, []
    for row in pd.read_csv(folder / "boxes.csv").itertuples():
        fov = find_fov(read_picture(folder / "images" / row.file), PARAMS, NOTHING)
        is_right = row.expected == "box" and fov.box.iou(Box(*map(int, (row.x0, row.y0, row.x1, row.y1)))) >= SILENT_IOU
        n_accepted, n_right = n_accepted + fov.accepted, n_right + (fov.accepted and is_right)
        if fov.accepted and not is_right:
            silent.append((row.file, fov.box))
        say(f"{row.file}: accepted {fov.accepted}, right {is_right}, {fov.method} {fov.flags} {fov.reject}")
    say(f"accepted {n_accepted}, right {n_right}, silent {len(silent)}")
    assert not silent
    assert n_right, "nothing is accepted"


@pytest.mark.parametrize("layout", SIZES)
def test_the_drawings_are_as_they_say(layout):
    """Just outside a field is mostly one colour, just inside seldom any of it; a fan's outline fills its box."""
    inside = []
    for number in range(24):
        drawn = draw(layout, number)
        assert drawn.pixels.shape == (*SIZES[layout][::-1], 3)
        if drawn.outline is not None:
            ys, xs = np.nonzero(drawn.outline)
            assert drawn.fields == (Box(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1),)
        elif drawn.conditions in (("plain",), ("linear",)):
            inside.append([])
            for inner, outer in edges(drawn.pixels, drawn.fields[0]):
                colours, counts = np.unique(outer, axis=0, return_counts=True)
                assert counts.max() >= 0.6 * len(outer)
                inside[-1].append((inner == colours[counts.argmax()]).all(axis=1).mean())
    assert (np.median(inside, axis=0) <= 0.1).all()  # the depth of some is black


def edges(pixels, box):
    """The outermost line of pixels of each side, (n, 3), and the one beyond."""
    for line, beyond in ((box.x0, box.x0 - 1), (box.x1 - 1, box.x1)):
        yield pixels[box.y0 : box.y1, line], pixels[box.y0 : box.y1, beyond]
    for line, beyond in ((box.y0, box.y0 - 1), (box.y1 - 1, box.y1)):
        yield pixels[line, box.x0 : box.x1], pixels[beyond, box.x0 : box.x1]
