import cv2
import numpy as np
import pytest
from drawn_screens import as_jpeg, speckle, write
from hypothesis import given
from hypothesis import strategies as st

from nonmass.local_features import MAX_POINTS, MAX_ZOOM, SIDE_PX, Features, Shelf, features, n_inliers
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import draw_patient

CONFIRMED = 20  # as in params.yaml


def zoomed(picture, factor):
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def cut(picture, left, top, right, bottom):
    """Without these shares of its width and height."""
    height, width = picture.shape
    return picture[int(top * height) : height - int(bottom * height), int(left * width) : width - int(right * width)]


def with_calipers(picture):
    marked = picture.copy()
    height, width = marked.shape
    for x, y in ((0.3, 0.4), (0.6, 0.45), (0.45, 0.3), (0.44, 0.55)):
        cv2.drawMarker(marked, (int(x * width), int(y * height)), 255, cv2.MARKER_CROSS, 13)
    write(marked, "1 D 14.2 mm", 10, height - 12)
    return marked


CHANGES = {
    "darker": lambda picture: (picture * 0.5).astype(np.uint8),
    "brighter": lambda picture: np.clip(picture * 1.3, 0, 255).astype(np.uint8),
    "another curve": lambda picture: (255 * (picture / 255) ** 1.4).astype(np.uint8),
    "JPEG": lambda picture: as_jpeg(picture, 60),
    "calipers": with_calipers,
    "cut all around": lambda picture: cut(picture, 0.05, 0.05, 0.05, 0.05),
    "less depth": lambda picture: cut(picture, 0, 0, 0, 0.2),
    "a magnified part": lambda picture: zoomed(cut(picture, 0.2, 0.03, 0.03, 0.2), 1.3),
    "smaller": lambda picture: zoomed(picture, 0.8),
    "larger": lambda picture: zoomed(picture, 1.3),
    "turned": lambda picture: cv2.rotate(picture, cv2.ROTATE_180),
}


@pytest.fixture(scope="module")
def views():
    """Fields of 24 phantoms: 8 patients of each finding, all devices."""
    exports = [
        draw_export(3, draw_patient(3, finding, number), 1)
        for finding in ("normal", "mass", "non_mass")
        for number in range(8)
    ]
    return [cv2.cvtColor(export.screen, cv2.COLOR_BGR2GRAY)[export.box.slices] for export in exports]


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_known_again(views, change):
    for picture in [speckle("own", 400, 500), *views[::6]]:
        assert n_inliers(features(picture), features(CHANGES[change](picture))) >= 2 * CONFIRMED


def test_another_picture_is_not_even_of_the_same_device(views):
    found = [features(picture) for picture in [*views, *(speckle(key, 300, 400) for key in range(6))]]
    assert min(len(one.points_px) for one in found) > 150  # else it would be too easy
    pairs = [(a, b) for k, a in enumerate(found) for b in found[k + 1 :]]
    assert max(n_inliers(a, b) for a, b in pairs) < CONFIRMED * 0.6


def test_a_mirror_image_is_another_picture(views):
    for picture in views[::4]:
        assert n_inliers(features(picture), features(picture[:, ::-1])) < CONFIRMED * 0.6


def test_a_caption_in_common_is_not_enough():
    """Two pictures under the same words, rulers and marks, as one device draws them."""
    pictures = [speckle(key, 480, 560) for key in range(6)]
    for picture in pictures:
        write(picture, "LEFT BREAST  LT AXILLA", 120, 430, 0.7, 2)
        for tick in range(20, 480, 20):
            cv2.line(picture, (4, tick), (14 if tick % 100 else 22, tick), 220, 1)
        write(picture, "Q", 2, 14)
    found = [features(picture) for picture in pictures]
    assert max(n_inliers(a, b) for k, a in enumerate(found) for b in found[k + 1 :]) < CONFIRMED


@given(
    scale=st.floats(0.45, 2.2),
    degrees=st.floats(-180, 180),
    shift_px=st.tuples(st.floats(-40, 40), st.floats(-40, 40)),
    n_moved=st.integers(20, 120),
    n_other=st.integers(0, 60),
)
def test_inliers_are_the_points_that_were_moved_together(scale, degrees, shift_px, n_moved, n_other):
    """Descriptors are unique, so partners are known; the others lie anywhere."""
    rng = np.random.default_rng(n_moved * 100 + n_other)
    n = n_moved + n_other
    descriptors = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    points_px = rng.uniform(0, SIDE_PX, (n, 2)).astype(np.float32)
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved_px = (points_px @ turn.T + shift_px).astype(np.float32)
    moved_px[n_moved:] += rng.uniform(1000, 2000, (n_other, 2)).astype(np.float32)
    assert n_inliers(Features(points_px, descriptors), Features(moved_px, descriptors)) == n_moved


def test_points_that_all_fall_into_one_corner_are_no_picture():
    rng = np.random.default_rng(1)
    points_px = rng.uniform(0, SIDE_PX, (60, 2)).astype(np.float32)
    descriptors = rng.integers(0, 256, (60, 32), dtype=np.uint8)
    for scale in (0.01, 1.1 / MAX_ZOOM, 0.9 * MAX_ZOOM, 1.5 * MAX_ZOOM):
        count = n_inliers(Features(points_px, descriptors), Features(points_px * np.float32(scale), descriptors))
        assert count == (60 if 1 / MAX_ZOOM < scale < MAX_ZOOM else 0)


@pytest.mark.parametrize("level", [0, 130, 255])
def test_a_blank_picture_has_no_features(level):
    blank = np.full((300, 400), level, np.uint8)
    assert len(features(blank).points_px) == 0
    assert n_inliers(features(blank), features(blank)) == 0
    assert n_inliers(features(blank), features(speckle("own", 300, 400))) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (3, 2), (40, 2000), (20, 20)])
def test_odd_shapes_do_no_harm(shape):
    found = features(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    assert len(found.points_px) == len(found.descriptors) <= MAX_POINTS
    assert n_inliers(found, found) <= MAX_POINTS


def test_neither_the_generator_nor_the_threads_nor_what_ran_before_matter(views):
    a, b = views[0], with_calipers(cut(views[0], 0.1, 0, 0, 0.1))
    threads = cv2.getNumThreads()
    answers = []
    try:
        for seed in range(4):
            cv2.setRNGSeed(seed)
            cv2.setNumThreads(1 + seed % 2)
            answers.append(n_inliers(features(a), features(b)))
            n_inliers(features(views[1]), features(views[2 + seed]))
    finally:
        cv2.setNumThreads(threads)
    assert len(set(answers)) == 1 and answers[0] >= CONFIRMED


def test_the_shelf_gives_back_what_was_put(tmp_path):
    put = [features(speckle(key, 200, 300)) for key in range(3)]
    put.insert(1, features(np.zeros((50, 50), np.uint8)))
    shelf = Shelf(tmp_path / "features")
    for one in put:
        shelf.append(one)
    for number in (3, 0, 1, 2, 0):
        np.testing.assert_array_equal(shelf[number].points_px, put[number].points_px)
        np.testing.assert_array_equal(shelf[number].descriptors, put[number].descriptors)
