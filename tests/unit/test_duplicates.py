import cv2
import numpy as np
import pytest
from drawn_screens import as_jpeg, speckle

from nonmass.duplicates import BLOCK, close_pairs, duplicate_groups, picture_hashes


def distances(a, b):
    return [(x ^ y).bit_count() for x, y in zip(a, b, strict=True)]


def random_picture(seed):
    small = np.random.default_rng(seed).random((9, 12)).astype(np.float32)
    return (cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255).astype(np.uint8)


def test_pairs_are_those_of_a_plain_double_loop():
    rng = np.random.default_rng(5)
    base = rng.integers(0, 2**63, (40, 2), dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (160, 2), dtype=np.uint64)
    hashes = np.concatenate([base, base.repeat(4, axis=0) ^ flips, base ^ np.array([[0, 2**20 - 1]], np.uint64)])
    plain = [
        [i, j] for i in range(len(hashes)) for j in range(i + 1, len(hashes))
        if max(distances(hashes[i].tolist(), hashes[j].tolist())) <= 2
    ]  # fmt: skip
    assert sorted(close_pairs(hashes, 2).tolist()) == plain
    assert len(plain) > 100 and [0, 200] not in plain  # one hash alike is not enough


def test_pairs_across_blocks_are_found():
    hashes = np.random.default_rng(6).integers(0, 2**63, (BLOCK + 50, 2), dtype=np.uint64)
    hashes[-1] = hashes[3]
    assert close_pairs(hashes, 0).tolist() == [[3, BLOCK + 49]]


def test_groups_are_chains_named_by_their_smallest_id():
    # d - b - e are linked one bit at a time; a and c stand alone.
    hashes = {"d": (0b1, 7), "a": (0xFF00, 7), "b": (0b11, 7), "c": (0b1, 7 << 9), "e": (0b111, 7)}
    names = duplicate_groups(list(hashes), list(hashes.values()), 1)
    assert dict(zip(hashes, names, strict=True)) == {"d": "b", "a": "", "b": "b", "c": "", "e": "b"}


def test_nothing_and_one_image_have_no_group():
    assert duplicate_groups([], [], 8) == []
    assert duplicate_groups(["a"], [(2**64 - 1, 0)], 64) == [""]


def test_order_does_not_matter():
    rng = np.random.default_rng(7)
    ids = [f"i{k:03d}" for k in range(60)]
    hashes = [(int(h) & 0xFF, 0) for h in rng.integers(0, 2**60, 60)]
    straight = dict(zip(ids, duplicate_groups(ids, hashes, 1), strict=True))
    order = rng.permutation(60)
    mixed = duplicate_groups([ids[k] for k in order], [hashes[k] for k in order], 1)
    assert {ids[k]: name for k, name in zip(order, mixed, strict=True)} == straight


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_keeps_its_hashes_and_another_picture_does_not(seed):
    picture = random_picture(seed)
    own = picture_hashes(picture)
    assert max(distances(own, picture_hashes(as_jpeg(picture, 75)))) <= 2
    assert max(distances(own, picture_hashes(cv2.resize(picture, (448, 336), interpolation=cv2.INTER_AREA)))) <= 2
    assert max(distances(own, picture_hashes((picture * 0.8).astype(np.uint8)))) <= 4
    assert min(distances(own, picture_hashes(random_picture(seed + 100)))) > 12


def test_noise_moves_the_hashes_of_speckle_little():
    picture = speckle("copy", 300, 400)
    noise = np.random.default_rng(0).integers(-6, 7, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    assert max(distances(picture_hashes(picture), picture_hashes(noisy))) <= 10
