"""Marks in fields of view: found where they were drawn, not where there are none, and taken out without a trace."""

import cv2
import numpy as np
import pandas as pd
import pytest
from drawn_marks import as_picture, burn, dots, draw_caliper, plant, text_layer, tight
from drawn_screens import speckle

from nonmass import tables
from nonmass.geometry import Box
from nonmass.images import Picture
from nonmass.overlays.arrows import is_arrow
from nonmass.overlays.mark import mark_rows
from nonmass.overlays.marks import find_marks
from nonmass.overlays.removal import cover, remove_marks
from nonmass.params import validate
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import PhantomParams, draw_cohort

SIZE = (400, 480)
WHOLE = Box(0, 0, SIZE[1], SIZE[0])
WHITE, YELLOW, CYAN = (255, 255, 255), (255, 255, 0), (90, 240, 255)


def field(key="field"):
    return np.dstack([speckle(key, *SIZE)] * 3)


def line_of_text(text="LT AXILLA 3:00", letter_px=14, where=(0.4, 0.6), font="DejaVuSans.ttf"):
    return text_layer(text, font, letter_px, np.array(where), SIZE)


def caliper(name, at, arm=7, thick=1):
    layer = np.zeros(SIZE, np.uint8)
    draw_caliper(layer, name, at, arm, thick)
    return layer


def with_ink(*layers, ink=WHITE, quality=85, key="field"):
    colours = field(key)
    for layer in layers:
        burn(colours, layer, ink)
    return as_picture(colours, quality)


def of_kind(marks, kind):
    return [mark for mark in marks if mark.kind == kind]


@pytest.mark.parametrize("ink", [WHITE, YELLOW, CYAN])
@pytest.mark.parametrize("quality", [70, 95])
def test_a_line_of_text_is_one_mark_where_it_was_written(ink, quality):
    layer = line_of_text()
    marks = find_marks(with_ink(layer, ink=ink, quality=quality), WHOLE)
    assert [mark.kind for mark in marks] == ["text"]
    assert marks[0].box.iou(tight(layer)) > 0.6


@pytest.mark.parametrize("letter_px", [12, 20, 30])
def test_letters_of_any_height_are_found(letter_px):
    layer = line_of_text("RAD 45", letter_px)
    marks = find_marks(with_ink(layer), WHOLE)
    assert [mark.kind for mark in marks] == ["text"]
    assert marks[0].box.iou(tight(layer)) > 0.6


@pytest.mark.parametrize("name", ["plus", "cross", "capital_i"])
@pytest.mark.parametrize("thick", [1, 2])
def test_calipers_and_the_dotted_line_between_them(name, thick):
    start, end = np.array([150, 120]), np.array([290, 180])
    layers = [caliper(name, start, thick=thick), caliper(name, end, thick=thick), dots(SIZE, start, end, 6, False, 9)]
    marks = find_marks(with_ink(*layers), WHOLE)
    found = of_kind(marks, "caliper")
    assert len(found) == 2
    assert all(mark.box.iou(tight(layer)) > 0.3 for mark, layer in zip(found, layers, strict=False))
    (line,) = of_kind(marks, "dotted_line")
    assert line.box.iou(tight(layers[2])) > 0.7


def test_a_row_of_dots_is_found_without_calipers():
    layer = dots(SIZE, np.array([100, 90]), np.array([300, 150]), 7, False, 0)
    (line,) = find_marks(with_ink(layer, quality=95), WHOLE)
    assert line.kind == "dotted_line"
    assert line.box.iou(tight(layer)) > 0.7


def test_a_number_belongs_to_its_caliper():
    number = np.zeros(SIZE, np.uint8)
    cv2.putText(number, "2", (160, 112), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    (mark,) = find_marks(with_ink(caliper("plus", (150, 120)), number), WHOLE)
    assert mark.kind == "caliper"
    assert mark.box.intersection(tight(number)) > 0.8 * tight(number).area


@pytest.mark.parametrize("turn", [0, 40, 200])
def test_an_arrow_is_found_filled_or_not(turn):
    outline = np.array([(0, 0), (-18, 10), (-18, 3), (-44, 3), (-44, -3), (-18, -3), (-18, -10)], float)
    angle = np.deg2rad(turn)
    points = outline @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + (240, 200)
    for filled in (True, False):
        layer = np.zeros(SIZE, np.uint8)
        corners = [np.round(points).astype(np.int32)]
        cv2.fillPoly(layer, corners, 255) if filled else cv2.polylines(layer, corners, True, 255, 1)
        (mark,) = find_marks(with_ink(layer), WHOLE)
        assert mark.kind == "arrow"
        assert mark.box.iou(tight(layer)) > 0.6


def test_a_bar_and_a_disc_are_no_arrows():
    for draw in (lambda a: cv2.rectangle(a, (20, 40), (70, 48), 1, -1), lambda a: cv2.circle(a, (50, 50), 20, 1, -1)):
        area = np.zeros((100, 100), np.uint8)
        draw(area)
        contours, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        assert not is_arrow(contours[0])


@pytest.mark.parametrize("key", ["a", "b", "c", "d"])
def test_speckle_holds_no_marks(key):
    tissue = np.dstack([speckle(key, *SIZE, cyst=False)] * 3)
    assert find_marks(as_picture(tissue, 85), WHOLE) == []


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (8, 8), (40, 200)])
@pytest.mark.parametrize("level", [0, 130, 255])
def test_an_even_field_of_any_size_holds_no_marks(shape, level):
    even = np.full(shape, level, np.uint8)
    assert find_marks(Picture(even, np.zeros_like(even)), Box(0, 0, shape[1], shape[0])) == []


def test_boxes_count_pixels_of_the_screen_and_only_the_field_is_searched():
    inside, outside = line_of_text("sag 2.35"), line_of_text("LEFT 45", where=(0.4, 0.05))
    picture = with_ink(inside, outside)
    top = Box(30, 150, 470, 390)
    (mark,) = find_marks(picture, top)
    assert mark.box.iou(tight(inside)) > 0.6
    moved = find_marks(Picture(*(np.ascontiguousarray(p[top.slices]) for p in (picture.gray, picture.chroma))),
                       Box(0, 0, top.width, top.height))  # fmt: skip
    assert np.array_equal(moved[0].pixels, mark.pixels)
    assert (moved[0].box.x0 + top.x0, moved[0].box.y0 + top.y0) == (mark.box.x0, mark.box.y0)


def test_marks_come_in_reading_order_as_rows_of_the_table(tmp_path):
    layers = [
        line_of_text("LT", where=(0.9, 0.8)),
        line_of_text("BREAST", where=(0.2, 0.3)),
        caliper("plus", (300, 60)),
    ]
    marks = find_marks(with_ink(*layers), WHOLE)
    assert [mark.kind for mark in marks] == ["caliper", "text", "text"]
    tables.MARKS.write(pd.DataFrame(mark_rows("x-1", marks)), tmp_path / "marks.csv")
    rows = tables.MARKS.read(tmp_path / "marks.csv")
    assert rows["mark"].tolist() == [1, 2, 3]
    assert rows["area_px"].tolist() == [int(mark.pixels.sum()) for mark in marks]
    assert all(mark.pixels.shape == (mark.box.height, mark.box.width) for mark in marks)


def test_the_pixels_of_marks_hold_all_of_the_ink_and_little_else():
    layers = [line_of_text(), caliper("cross", (150, 100)), caliper("plus", (290, 90), thick=2)]
    picture = with_ink(*layers)
    mask = np.zeros(SIZE, bool)
    for mark in find_marks(picture, WHOLE):
        mask[mark.box.slices] |= mark.pixels
    ink = np.max(layers, axis=0) > 96
    assert mask[ink].mean() > 0.97
    near = cv2.dilate(ink.astype(np.uint8), np.ones((9, 9))) > 0
    assert mask[~near].sum() < 0.1 * ink.sum()


def test_masked_marks_are_black_and_inpainted_ones_are_tissue():
    layers = [line_of_text(), caliper("plus", (290, 90))]
    clean, picture = as_picture(field(), 85).gray, with_ink(*layers)
    marks = find_marks(picture, WHOLE)
    mask = np.zeros(SIZE, bool)
    for mark in marks:
        mask[mark.box.slices] |= mark.pixels
    kept, masked, painted = (remove_marks(picture.gray, marks, how) for how in ("keep", "mask", "inpaint"))
    assert np.array_equal(kept, picture.gray)
    assert (masked[mask] == 0).all()
    for changed in (masked, painted):
        assert np.array_equal(changed[~mask], picture.gray[~mask])
    error = np.abs(painted.astype(int) - clean)[mask].mean()
    assert error < 0.4 * np.abs(picture.gray.astype(int) - clean)[mask].mean()
    assert find_marks(Picture(painted, np.zeros_like(painted)), WHOLE) == []


def test_nothing_is_removed_where_there_are_no_marks():
    gray = as_picture(field(), 85).gray
    for how in ("keep", "mask", "inpaint"):
        changed = remove_marks(gray, [], how)
        assert np.array_equal(changed, gray)
        assert changed is not gray


def test_covered_boxes_are_black_and_the_rest_is_untouched():
    gray = as_picture(field(), 85).gray
    before, box = gray.copy(), Box(20, 30, 90, 50)
    covered = cover(gray, [box])
    assert (covered[box.slices] == 0).all()
    outside = np.ones(SIZE, bool)
    outside[box.slices] = False
    assert np.array_equal(covered[outside], before[outside])
    assert np.array_equal(gray, before)


def fields_of(part, number):
    """Phantoms without calipers, and speckle, with marks planted and without."""
    seed = 101 if part == "development" else 202
    n = number // 3 + 1
    sizes = {"seed": seed, "patients": {"normal": n, "mass": n, "non_mass": n}, "ineligible": 0}
    for k, patient in enumerate(draw_cohort(validate(sizes, PhantomParams, "phantom"))[:number]):
        export = draw_export(seed, patient, 1)
        if export.n_calipers:
            tissue = np.dstack([speckle(f"{part}{k}", 500, 600)] * 3)
        else:
            tissue = np.ascontiguousarray(export.screen[export.box.slices][..., ::-1])
        drawn, planted = plant(tissue, k, part)
        quality = 70 + 5 * (k % 6)
        yield as_picture(drawn, quality), planted, as_picture(tissue, quality)


def is_right(mark, planted):
    """Text by its box; a caliper may have its number with it."""
    if mark.kind == "caliper":
        return mark.box.intersection(planted.box) >= 0.7 * planted.box.area and mark.box.area <= 8 * planted.box.area
    return mark.box.iou(planted.box) >= (0.5 if mark.kind == "text" else 0.3)


# The figures asserted are a little below those measured; text has the targets of the project.
LEAST = {"text": (0.98, 0.95), "caliper": (0.85, 0.9), "arrow": (0.8, 0.9), "dotted_line": (0.7, 0.8)}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["development", "held_out"])
def test_recall_and_precision_on_planted_marks(part):
    counts = {kind: np.zeros(4, int) for kind in LEAST}  # asked for, of these found; found, of these right
    clean = 0
    for picture, planted, tissue in fields_of(part, 120):
        whole = Box(0, 0, *picture.gray.shape[::-1])
        marks = find_marks(picture, whole)
        clean += len(find_marks(tissue, whole))
        for kind in LEAST:
            truth, found = of_kind(planted, kind), of_kind(marks, kind)
            asked = [one for one in truth if kind != "text" or one.letter_px >= 12]
            hits = sum(any(is_right(mark, one) for mark in found) for one in asked)
            right = sum(any(is_right(mark, one) for one in truth) for mark in found)
            counts[kind] += (len(asked), hits, len(found), right)
    figures = {kind: (hits / asked, right / found) for kind, (asked, hits, found, right) in counts.items()}
    print(part, {kind: list(map(int, count)) for kind, count in counts.items()}, figures, "on clean fields:", clean)  # noqa: T201
    for kind, least in LEAST.items():
        assert np.all(np.array(figures[kind]) >= least), (kind, figures[kind])
    assert clean <= 12
