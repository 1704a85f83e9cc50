import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass.geometry import Box
from nonmass.saliency import (
    centre_blob,
    centre_hit,
    centre_numbers,
    energy_in_lesion,
    enlarge,
    iou_above_percentile,
    lesion_numbers,
    pointing_hit,
)


def square(*at, side=8):
    mask = np.zeros((side, side), bool)
    mask[at] = True
    return mask


LESION = square(slice(2, 4), slice(5, 8))  # 6 of 64 pixels


def heat(**values):
    """A map of zeros with single pixels set: heat(y2x6=3.0)."""
    result = np.zeros((8, 8), np.float32)
    for name, value in values.items():
        result[int(name[1]), int(name[3])] = value
    return result


def test_pointing():
    assert pointing_hit(heat(y2x6=3.0, y7x0=2.0), LESION) == 1
    assert pointing_hit(heat(y2x6=3.0, y7x0=3.1), LESION) == 0


def test_pointing_shares_a_tie():
    assert pointing_hit(heat(y2x6=3.0, y3x6=3.0, y7x0=3.0, y1x1=3.0), LESION) == 0.5


def test_energy():
    assert energy_in_lesion(heat(y2x6=3.0, y7x0=1.0), LESION) == 0.75


def test_an_empty_map_is_as_good_as_an_even_one():
    empty, even = heat(), np.full((8, 8), 0.25, np.float32)
    for score in (pointing_hit, energy_in_lesion):
        assert score(empty, LESION) == score(even, LESION) == 6 / 64


def test_energy_of_a_large_map_keeps_its_digits():
    # Single precision stops counting ones at 2 ** 24.
    large = np.ones((5000, 5000), np.float32)
    assert energy_in_lesion(large, np.eye(5000, dtype=bool)) == pytest.approx(1 / 5000, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "at", "expected"),
    [
        ((8, 8), np.s_[3:5, 3:5], 1.0),  # the middle is the corner of four pixels
        ((8, 8), np.s_[4:, 4:], 0.25),
        ((8, 5), np.s_[3:5, 2], 1.0),
        ((8, 5), np.s_[3:5, 3:], 0.0),
        ((3, 3), np.s_[1, 1], 1.0),
    ],
)
def test_centre(shape, at, expected):
    lesion = np.zeros(shape, bool)
    lesion[at] = True
    assert centre_hit(lesion) == expected


def test_enlarging_keeps_the_place_of_the_maximum_and_the_mean():
    coarse = np.zeros((4, 4), np.float32)
    coarse[1, 2] = 1.0
    fine = enlarge(coarse, 32)
    assert {(y // 8, x // 8) for y, x in np.argwhere(fine == fine.max())} == {(1, 2)}
    assert fine.mean() == pytest.approx(1 / 16)


def test_iou_above_the_percentile():
    # The ten brightest of 40 pixels, of which 8 are above the 80th percentile.
    lesion = np.zeros((8, 5), bool)
    lesion[:2] = True
    ramp = np.arange(40, 0, -1, dtype=np.float32).reshape(8, 5)
    assert iou_above_percentile(ramp, lesion) == 8 / 10
    assert iou_above_percentile(np.zeros_like(ramp), lesion) == 0


@given(st.integers(20, 64), st.integers(20, 64))
def test_the_blob_is_a_fifth_of_the_picture_around_its_middle(width, height):
    blob = centre_blob(height, width)
    assert blob.mean() == pytest.approx(0.2, abs=0.02)
    assert np.array_equal(blob, blob[::-1]) and np.array_equal(blob, blob[:, ::-1])
    assert blob[height // 2, width // 2]


def test_a_lesion_in_the_middle_is_what_the_centre_finds():
    blob = centre_blob(40, 40)
    assert centre_numbers(blob) == {"pointing_game": 1, "energy_in_lesion": 1, "iou": 1, "is_empty": 0}
    corner = square(slice(0, 8), slice(0, 8), side=40)
    assert centre_numbers(corner) == {"pointing_game": 0, "energy_in_lesion": 0, "iou": 0, "is_empty": 0}


def test_numbers_of_all_maps():
    content = Box(0, 0, 8, 8)
    found = lesion_numbers({"gradcam": heat(y2x6=3.0, y7x0=1.0), "random": heat()}, LESION, content)
    assert list(found) == ["gradcam", "random", "centre"]
    assert found["gradcam"] == {"pointing_game": 1, "energy_in_lesion": 0.75, "iou": 1 / 7, "is_empty": 0}
    assert found["random"] == {"pointing_game": 6 / 64, "energy_in_lesion": 6 / 64, "iou": 0, "is_empty": 1}


def test_padding_counts_for_no_map():
    """Pictures of 5 columns, and of 4 in the middle, with the rest of the square padding."""
    lesion = square(slice(2, 4), slice(2, 4))  # 4 pixels
    for content, size in ((Box(0, 0, 5, 8), 40), (Box(2, 1, 6, 7), 24)):
        inside, beside = heat(y2x2=3.0, y6x4=1.0), heat(y2x2=3.0, y6x4=1.0, y0x7=9.0, y5x6=9.0)
        found = lesion_numbers({"inside": inside, "beside": beside, "padding": heat(y0x7=9.0)}, lesion, content)
        assert found["beside"] == found["inside"]
        assert found["inside"] == {"pointing_game": 1, "energy_in_lesion": 0.75, "iou": 1 / 5, "is_empty": 0}
        # What a map has only there is an empty map, as good as an even one.
        even = {"pointing_game": 4 / size, "energy_in_lesion": 4 / size, "iou": 0, "is_empty": 1}
        assert found["padding"] == even
    assert found["centre"]["pointing_game"] == 1 / 4  # its middle is rows and columns 3 and 4
