import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonmass.geometry import Box, CropResize, inside_polygon, resize

SQUARES = ("pad_br", "pad_center", "stretch")


@st.composite
def boxes(draw, largest=600):
    x0, y0 = draw(st.integers(0, 300)), draw(st.integers(0, 300))
    return Box(x0, y0, x0 + draw(st.integers(1, largest)), y0 + draw(st.integers(1, largest)))


crops = st.builds(CropResize, boxes(), st.integers(32, 512), st.sampled_from(SQUARES))


@pytest.mark.parametrize("corners", [(-1, 0, 5, 5), (0, 0, 0, 5), (3, 4, 9, 4), (5, 0, 4, 5)])
def test_empty_and_negative_boxes_are_refused(corners):
    with pytest.raises(ValueError, match="no box"):
        Box(*corners)


@given(boxes(60), boxes(60))
@settings(max_examples=40, deadline=None)
def test_iou_is_the_count_of_pixels(a, b):
    masks = np.zeros((2, 400, 400), bool)
    masks[0][a.slices] = True
    masks[1][b.slices] = True
    assert a.iou(b) == pytest.approx(masks.all(axis=0).sum() / masks.any(axis=0).sum())
    assert a.area == masks[0].sum()


@given(crops, st.lists(st.tuples(*[st.floats(-50, 900)] * 2), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_points_come_back(crop, points):
    screen = np.array(points)
    np.testing.assert_allclose(crop.points_to_screen(crop.points_to_model(screen)), screen, atol=1e-9)


@given(crops)
@settings(max_examples=100, deadline=None)
def test_the_box_becomes_the_content_and_comes_back(crop):
    box, content = crop.box, crop.content
    corners = np.array([[box.x0, box.y0, box.x1, box.y1]], float)
    mapped = crop.corners_to_model(corners)
    np.testing.assert_allclose(mapped, [[content.x0, content.y0, content.x1, content.y1]], atol=1e-9)
    np.testing.assert_allclose(crop.corners_to_screen(mapped), corners, atol=1e-9)
    assert content.x1 <= crop.side_px >= content.y1
    assert crop.side_px in (content.width, content.height)


@given(crops)
@settings(max_examples=30, deadline=None)
def test_a_smooth_map_comes_back(crop):
    height, width = crop.box.y1 + 7, crop.box.x1 + 3
    y, x = np.mgrid[0.5:height, 0.5:width].astype(np.float32)
    ramp = (x - crop.box.x0) / crop.box.width + (y - crop.box.y0) / crop.box.height
    back = crop.map_to_screen(crop.map_to_model(ramp), height, width)
    outside = np.ones((height, width), bool)
    outside[crop.box.slices] = False
    assert not back[outside].any()
    # A pixel of the coarser grid spans this much of a ramp from 0 to 1 along each axis.
    step = sum(1 / min(n, m) for n, m in zip(_size(crop.box), _size(crop.content), strict=True))
    assert np.abs(back - ramp)[crop.box.slices].max() <= step + 1e-4


def _size(box):
    return box.width, box.height


@given(crops, st.data())
@settings(max_examples=30, deadline=None)
def test_a_mask_comes_back(crop, data):
    height, width = crop.box.y1 + 5, crop.box.x1 + 5
    mask = np.zeros((height, width), bool)
    x = crop.box.x0 + data.draw(st.integers(0, crop.box.width - 1))
    y = crop.box.y0 + data.draw(st.integers(0, crop.box.height - 1))
    mask[y : crop.box.y1, x : crop.box.x1] = True
    back = crop.mask_to_screen(crop.mask_to_model(mask), height, width)
    # Edges move by at most one pixel of the coarser grid.
    coarse = [int(np.ceil(max(1, 1 / scale))) for scale in crop.scale]
    kernel = np.ones((2 * coarse[1] + 1, 2 * coarse[0] + 1), np.uint8)
    assert not (back & ~_dilated(mask, kernel)).any()
    assert not (mask & ~_dilated(back, kernel) & _dilated(~mask, kernel) & ~_thin(mask, crop)).any()


def _dilated(mask, kernel):
    return cv2.dilate(mask.astype(np.uint8), kernel) > 0


def _thin(mask, crop):
    """A mask thinner than a model pixel may vanish."""
    rows, columns = mask.any(axis=1).sum(), mask.any(axis=0).sum()
    thin = columns * crop.scale[0] < 1 or rows * crop.scale[1] < 1
    return np.full_like(mask, thin)


def test_padding_is_black_and_at_the_right_place():
    image = np.full((40, 80), 200, np.uint8)
    box = Box(0, 0, 80, 40)
    bottom = CropResize(box, 32, "pad_br").apply(image)
    assert (bottom[:16] == 200).all() and not bottom[16:].any()
    centre = CropResize(box, 32, "pad_center").apply(image)
    assert (centre[8:24] == 200).all() and not centre[:8].any() and not centre[24:].any()
    assert (CropResize(box, 32, "stretch").apply(image) == 200).all()
    right = CropResize(Box(0, 0, 20, 40), 32, "pad_br").apply(image)
    assert (right[:, :16] == 200).all() and not right[:, 16:].any()


def test_only_the_box_is_seen():
    image = np.full((50, 60), 9, np.uint8)
    image[10:30, 20:40] = 77
    assert (CropResize(Box(20, 10, 40, 30), 64, "pad_br").apply(image) == 77).all()


def test_shrinking_is_the_mean_over_area():
    values = np.random.default_rng(0).random((64, 96), np.float32)
    means = values.reshape(16, 4, 32, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(values, 32, 16), means, atol=1e-6)


def test_enlarging_is_bilinear():
    values = np.array([[0, 4]], np.float32)
    np.testing.assert_allclose(resize(values, 4, 1), [[0, 1, 3, 4]])


def test_a_box_outside_the_image_is_refused():
    with pytest.raises(ValueError, match="leaves a screen"):
        CropResize(Box(0, 0, 11, 10), 32, "pad_br").apply(np.zeros((10, 10), np.uint8))


@pytest.mark.parametrize(("side", "square"), [(0, "pad_br"), (32, "pad")])
def test_unknown_squares_are_refused(side, square):
    with pytest.raises(ValueError, match="no such square"):
        CropResize(Box(0, 0, 5, 5), side, square)


@pytest.mark.parametrize(
    ("box", "square", "said"),
    [
        (Box(0, 0, 200, 100), "pad_br", "area"),
        (Box(0, 0, 50, 40), "pad_center", "bilinear"),
        (Box(0, 0, 64, 64), "stretch", "none"),
        (Box(0, 0, 200, 50), "stretch", "area+bilinear"),
        (Box(0, 0, 64, 100), "stretch", "area"),
    ],
)
def test_resampling_is_said(box, square, said):
    assert CropResize(box, 64, square).resampling == said


@pytest.mark.parametrize(("quality", "shape"), [("area", (128, 96)), ("bilinear", (24, 32))])
def test_area_and_bilinear_are_opencvs(quality, shape):
    """Shrinking averages, enlarging interpolates; OpenCV's own two are the reference."""
    image = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    crop = CropResize(Box(0, 0, shape[1], shape[0]), 64, "stretch")
    assert crop.resampling == quality
    how = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[quality]
    np.testing.assert_array_equal(crop.apply(image), cv2.resize(image, (64, 64), interpolation=how))


def test_the_inside_of_an_outline_is_its_area():
    inside = inside_polygon("10,10|50,10|50,30|10,30", 60, 80)
    assert inside.shape == (60, 80) and inside[10:31, 10:51].all() and inside.sum() == 21 * 41  # edges belong to it
    triangle = inside_polygon("0,0|40,0|0,40", 60, 80)
    assert triangle.sum() == 41 * 42 / 2
