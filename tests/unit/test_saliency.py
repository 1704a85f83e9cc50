import numpy as np
import pandas as pd
import pytest

from nonmass.geometry import Box
from nonmass.saliency import (
    area_share,
    centre_hit,
    compare_with_lesions,
    energy_in_lesion,
    enlarge,
    pointing_hit,
    summarise,
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
    ("content", "at", "expected"),
    [
        (Box(0, 0, 8, 8), np.s_[3:5, 3:5], 1.0),  # the middle is the corner of four pixels
        (Box(0, 0, 8, 8), np.s_[4:, 4:], 0.25),
        (Box(0, 0, 5, 8), np.s_[3:5, 2], 1.0),  # padded on the right: the picture's middle, not the square's
        (Box(0, 0, 5, 8), np.s_[3:5, 3:], 0.0),
        (Box(2, 1, 5, 4), np.s_[2, 3], 1.0),
    ],
)
def test_centre(content, at, expected):
    assert centre_hit(square(*at), content) == expected


def test_area_leaves_padding_out():
    assert area_share(square(slice(0, 4), slice(0, 4)), Box(0, 0, 4, 8)) == 0.5


def test_enlarging_keeps_the_place_of_the_maximum_and_the_mean():
    coarse = np.zeros((4, 4), np.float32)
    coarse[1, 2] = 1.0
    fine = enlarge(coarse, 32)
    assert {(y // 8, x // 8) for y, x in np.argwhere(fine == fine.max())} == {(1, 2)}
    assert fine.mean() == pytest.approx(1 / 16)


def explained_images():
    box = {"x0_px": 0, "y0_px": 0, "x1_px": 8, "y1_px": 8, "side_px": 8, "square": "pad_br"}
    part = ["test", "test", "test", "external"]
    return pd.DataFrame({"image_id": list("abcd"), "patient_id": ["p", "p", "q", "r"], "part": part}).assign(**box)


def test_numbers_of_a_cohort():
    nothing = np.zeros((8, 8), bool)
    maps = np.stack([heat(y2x6=3.0, y7x0=1.0), heat(y7x0=1.0), heat(y0x0=1.0), heat()])
    numbers = compare_with_lesions(explained_images(), maps, iter([LESION, LESION, nothing, nothing]))
    assert numbers["image_id"].tolist() == ["a", "b"]
    assert summarise(numbers) == {
        "test": {
            "n": {"images": 2, "patients": 1, "empty_maps": 0},
            "pointing_game": {"est": 0.5, "centre_baseline": 0.0},
            "energy_in_lesion": {"est": 0.375, "area_baseline": 6 / 64},
        }
    }


def test_empty_maps_are_counted():
    numbers = compare_with_lesions(explained_images()[:1], heat()[None], [LESION])
    assert summarise(numbers)["test"]["n"] == {"images": 1, "patients": 1, "empty_maps": 1}


def test_without_a_lesion_there_are_no_numbers():
    numbers = compare_with_lesions(explained_images()[:1], heat()[None], [np.zeros((8, 8), bool)])
    assert summarise(numbers) == {}
