import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass.perturbation import elsewhere, grown, taken_out

SIDE = 40


def box(y, x, height, width):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def areas(mask):
    return sorted(cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA])


def generator(seed=1):
    return np.random.default_rng(seed)


def test_a_mask_grows_by_so_many_pixels():
    rim = grown(box(10, 10, 5, 5), 3)
    ys, xs = np.nonzero(rim)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (7, 17, 7, 17)
    assert not rim[7, 7]  # round at its corners
    assert np.array_equal(grown(rim, 0), rim)


def test_what_is_taken_out_looks_like_its_surroundings_and_nothing_else_changes():
    image = np.full((SIDE, SIDE), 80, np.uint8)
    lesion = box(10, 10, 6, 6)
    image[lesion] = 10
    without = taken_out(image, lesion)
    np.testing.assert_allclose(without.astype(int), 80, atol=3)  # it was 10
    assert (image[lesion] == 10).all()
    speckle = generator().integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    assert np.array_equal(taken_out(speckle, lesion)[~lesion], speckle[~lesion])


@given(
    st.lists(st.tuples(*[st.integers(0, 34)] * 2, *[st.integers(1, 6)] * 2), min_size=1, max_size=3),
    st.integers(0, 99),
)
def test_as_much_elsewhere_lies_on_allowed_ground(pieces, seed):
    mask = np.zeros((SIDE, SIDE), bool)
    for piece in pieces:
        mask |= box(*piece)
    allowed = ~mask & ~box(0, 0, SIDE, 4)
    moved = elsewhere(mask, allowed, generator(seed))
    assert moved is not None
    assert moved.sum() == mask.sum()
    assert not (moved & ~allowed).any()
    assert areas(moved) == areas(mask)  # none has run into another


def test_pieces_do_not_touch_even_at_a_corner():
    two = box(0, 0, 2, 2) | box(5, 5, 2, 2)
    assert all(elsewhere(two, box(10, 10, 4, 4), generator(seed)) is None for seed in range(20))


def test_the_place_is_drawn_from_all_that_there_are():
    mask, allowed = box(0, 0, 2, 2), box(10, 10, 3, 4)
    found = {tuple(np.argwhere(elsewhere(mask, allowed, generator(seed)))[0]) for seed in range(60)}
    assert found == {(y, x) for y in (10, 11) for x in (10, 11, 12)}


@pytest.mark.parametrize("size", [(4, 4), (40, 3)])
def test_no_room_is_said(size):
    assert elsewhere(box(0, 0, *size), box(10, 10, 3, 3), generator()) is None


def test_a_shape_is_kept():
    corner = box(0, 0, 5, 5) & ~box(1, 1, 4, 4)
    moved = elsewhere(corner, box(20, 20, 5, 5), generator())
    assert np.array_equal(moved[20:25, 20:25], corner[:5, :5])
