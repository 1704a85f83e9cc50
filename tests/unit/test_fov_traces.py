import cv2
import numpy as np
import pytest
from drawn_screens import LAYOUTS, screen, speckle
from drawn_shapes import wedge_screen
from drawn_traces import KINDS, trace_screen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nonmass.determinism import generator
from nonmass.fov.estimators import view_of
from nonmass.fov.motion import mean_rows, motion_of
from nonmass.fov.traces import _autocovariance, _bands, refusal_and_doubt
from nonmass.images import Picture

N_SCREENS = 20  # of each kind


def judged(picture):
    mask = (picture.gray > 8).astype(np.uint8)
    return refusal_and_doubt(picture, mask)


def gray_picture(image):
    return Picture(image, np.zeros_like(image))


@pytest.mark.parametrize(("kind", "refused", "seen"), [
    ("m-mode", 19, 19), ("colour m-mode", 19, 19), ("arterial", 18, 19), ("venous", 12, 18), ("mirrored", 19, 19),
])  # fmt: skip
def test_traces_are_refused_or_at_least_doubted(kind, refused, seen):
    answers = [judged(trace_screen(kind, key)[0]) for key in range(100, 100 + N_SCREENS)]
    assert sum(bool(reason) for reason, _ in answers) >= refused
    assert sum(bool(reason or doubts) for reason, doubts in answers) >= seen


def test_the_reason_is_mostly_right():
    right = []
    for kind in KINDS:
        reasons = [judged(trace_screen(kind, key)[0])[0] for key in range(100, 110)]
        right += [reason == ("m-mode" if "m-mode" in kind else "spectral") for reason in reasons if reason]
    assert np.mean(right) >= 0.8


@pytest.mark.parametrize("layout", LAYOUTS)
def test_b_mode_is_neither_refused_nor_doubted(layout):
    for key in range(8):
        assert judged(gray_picture(screen(layout, key, (0.0, 0.4)[key % 2]))) == ("", ())


def test_a_sector_is_neither_refused_nor_doubted():
    for key in range(8):
        assert judged(gray_picture(wedge_screen(key)[0])) == ("", ())


def level_layers(key):
    """Tissue of level layers, as of skin and muscle, or of a probe in air."""
    field = speckle(("layers", key), 560, 700, cyst=False).astype(float)
    for depth in (6, 20, 44, 90, 300, 330):
        field[depth : depth + 5] += 90
    image = np.zeros((768, 1024), np.uint8)
    image[100:660, 160:860] = np.clip(field, 0, 255)
    return image


def ruled(key):
    """B-mode with a ruler below it, which looks like an axis of time."""
    image = screen("black", key)
    box = LAYOUTS["black"][2]
    for x in range(box.x0, box.x1, 20):
        image[box.y1 + 4 : box.y1 + 10, x] = 210
    return image


def rib_shadows(key):
    """Two ribs and their shadows."""
    image = speckle(("ribs", key), 560, 700)
    image[200:, 120:220] = 6
    image[200:, 430:530] = 6
    return image


@pytest.mark.parametrize("draw", [level_layers, ruled, rib_shadows])
def test_what_looks_like_a_trace_is_not_refused(draw):
    for key in range(4):
        assert judged(gray_picture(draw(key))) == ("", ())


@pytest.mark.parametrize("shape", [(300, 400), (7, 9), (2000, 60), (40, 1500)])
def test_an_empty_or_odd_screen_is_no_trace(shape):
    for level in (0, 130):
        image = np.full(shape, level, np.uint8)
        assert refusal_and_doubt(gray_picture(image), (image > 8).astype(np.uint8))[0] == ""


def thumbnails(key, shell):
    """B-mode above a row of thumbnails."""
    image = screen("black", key)
    image[image < 6] = shell
    for number in range(7):
        image[700:756, 40 + 130 * number : 150 + 130 * number] = speckle(("thumbnail", key, number), 56, 110)
    return image


@pytest.mark.parametrize("shell", [0, 30])
def test_a_row_of_thumbnails_is_no_trace(shell):
    for key in range(6):
        image = thumbnails(key, shell)
        mask = view_of(image).mask
        assert refusal_and_doubt(gray_picture(image), mask) == ("", ())


def buttons(key, shell):
    """B-mode above a row of buttons of one gray, on a strip of its own."""
    image = screen("black", key)
    image[image < 6] = shell
    image[680:] = 90 - shell
    for number in range(9):
        image[700:750, 10 + 110 * number : 100 + 110 * number] = 150
    return image


@pytest.mark.parametrize("shell", [0, 30])
def test_a_row_of_buttons_is_no_trace(shell):
    for key in range(4):
        image = buttons(key, shell)
        assert refusal_and_doubt(gray_picture(image), view_of(image).mask) == ("", ())


def moved(profile, shift):
    """`(H, W)` uint8: a column of echoes, moved by `shift` pixels at each time; or by its own at each depth."""
    height = len(profile)
    rows = np.arange(height)[:, None] + shift
    return np.interp(rows, np.arange(height), profile).astype(np.float32)


@pytest.mark.parametrize("key", range(5))
def test_what_moves_together_is_in_step_and_what_moves_by_itself_is_not(key):
    rng = generator("in step", key)
    walk = cv2.GaussianBlur(rng.normal(size=(1, 256)), (0, 0), 3)[0]
    own = cv2.GaussianBlur(rng.normal(size=(160, 256)), (0, 0), 3, sigmaY=8)
    echoes = cv2.GaussianBlur(rng.uniform(20, 220, (160, 1)), (0, 0), 1, sigmaY=2)[:, 0]
    together = motion_of(moved(echoes, 3 * walk / walk.std()))[7]
    apart = motion_of(moved(echoes, 3 * own / own.std()))[7]
    assert together.in_step > 0.7 > 0.5 > apart.in_step
    assert together.streaks > 0.5


def test_nothing_moves_on_an_empty_screen():
    for level in (0, 100):
        assert motion_of(np.full((160, 256), level, np.float32))[7].in_step == 0


@settings(max_examples=30)
@given(arrays(np.float32, st.tuples(st.integers(7, 40), st.just(32)), elements=st.floats(0, 255, width=32)))
def test_sums_in_one_go_are_those_row_by_row_and_lag_by_lag(values):
    centred = values - values.mean(axis=1, keepdims=True)
    lags = [[row[: 32 - lag] @ row[lag:] / (32 - lag) for lag in range(32)] for row in centred.astype(np.float64)]
    scale = 1e-4 * max(float(np.abs(lags).max()), 1.0)
    np.testing.assert_allclose(_autocovariance(values), lags, rtol=0, atol=scale)
    first, last, members = _bands(len(values))
    assert len(first) and (last - first >= 3).all() and (last <= len(values)).all()
    np.testing.assert_array_equal(
        members, [np.isin(np.arange(len(values)), np.arange(*b)) for b in zip(first, last, strict=True)]
    )
    blocks = [values[top : top + 3].mean(axis=0) for top in range(0, len(values) // 3 * 3, 3)]
    np.testing.assert_allclose(mean_rows(values, 3), blocks, rtol=1e-5, atol=1e-4)
