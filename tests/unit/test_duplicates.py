import threading

import cv2
import numpy as np
import pandas as pd
import pytest
from drawn_screens import as_jpeg, speckle
from hypothesis import given
from hypothesis import strategies as st

from nonmass import duplicates
from nonmass.duplicates import (
    DuplicatesParams,
    candidate_pairs,
    duplicate_groups,
    duplicate_pairs,
    picture_hashes,
    pixel_digest,
)
from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.tables import DUPLICATE_PAIRS

GOOD = {"candidate_distance": 12, "candidate_distance_sum": 34, "min_inliers": 20}
PARAMS = validate(GOOD, DuplicatesParams, "duplicates")


def distances(a, b):
    return [(int(x) ^ int(y)).bit_count() for x, y in zip(a, b, strict=True)]


def random_picture(seed):
    small = np.random.default_rng(seed).random((9, 12)).astype(np.float32)
    return (cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255).astype(np.uint8)


def pairs_frame(*rows):
    """Rows of (one image, other image, whether they show the same)."""
    frame = pd.DataFrame(rows, columns=["image_id", "other_id", "is_duplicate"])
    return frame.assign(hash_distance=1, inliers=30)


@st.composite
def clustered_hashes(draw):
    """Random hashes some of which are copies of others with a few bits turned over."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(0, 60))
    base = rng.integers(0, 2**64, (max(n // 3, 1), 2), dtype=np.uint64)
    hashes = base[rng.integers(0, len(base), n)]
    for _ in range(draw(st.integers(0, 14))):
        hashes ^= rng.integers(0, 2, (n, 2), dtype=np.uint64) << rng.integers(0, 64, (n, 2), dtype=np.uint64)
    return hashes


@given(clustered_hashes(), st.integers(0, 20), st.integers(0, 40), st.integers(1, 70))
def test_candidates_are_those_of_a_plain_double_loop(hashes, distance, distance_sum, tile):
    plain = {}
    for i in range(len(hashes)):
        for j in range(i + 1, len(hashes)):
            bits = distances(hashes[i], hashes[j])
            if min(bits) <= distance or sum(bits) <= distance_sum:
                plain[i, j] = min(bits)
    pairs, least = candidate_pairs(hashes, distance, distance_sum, tile)
    assert list(map(tuple, pairs.tolist())) == sorted(plain)
    assert dict(zip(map(tuple, pairs.tolist()), least.tolist(), strict=True)) == plain


def test_candidates_across_tiles_are_found_and_order_between_tiles_is_kept():
    hashes = np.random.default_rng(6).integers(0, 2**63, (2 * duplicates.TILE + 50, 2), dtype=np.uint64)
    hashes[-1] = hashes[3]
    hashes[duplicates.TILE] = hashes[2]
    pairs, _ = candidate_pairs(hashes, 0, 0)
    assert pairs.tolist() == [[2, duplicates.TILE], [3, len(hashes) - 1]]


def test_a_cohort_of_blank_pictures_stops_with_advice(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_CANDIDATES", 100)
    with pytest.raises(InputError, match="more than 100 of 40 images' pairs look alike; see whether many are blank"):
        candidate_pairs(np.zeros((40, 2), np.uint64), 12, 34)


def test_groups_are_chains_named_by_their_smallest_id():
    pairs = pairs_frame(("b", "d", 1), ("b", "e", 1), ("a", "c", 0), ("e", "f", 0), ("x", "y", 1))
    assert duplicate_groups(list("dabcefyx"), pairs) == ["b", "", "b", "", "b", "", "x", "x"]


@given(
    links=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.booleans()), max_size=20),
    order=st.permutations(range(12)),
    seed=st.integers(0, 1000),
)
def test_groups_depend_on_no_order_and_are_the_smallest_relation(links, order, seed):
    rows = [(f"i{min(a, b):02d}", f"i{max(a, b):02d}", int(same)) for a, b, same in links if a != b]
    mixed = [rows[k] for k in np.random.default_rng(seed).permutation(len(rows))]
    ids = [f"i{k:02d}" for k in order]
    names = dict(zip(ids, duplicate_groups(ids, pairs_frame(*mixed)), strict=True))
    # Plain relabelling until nothing changes, in another order.
    plain = {image_id: image_id for image_id in ids}
    for _ in ids:
        for a, b, same in rows:
            if same:
                plain[a] = plain[b] = min(plain[a], plain[b])
    shared = [name for name in plain.values() if list(plain.values()).count(name) > 1]
    assert names == {image_id: name if name in shared else "" for image_id, name in plain.items()}


def test_nothing_and_one_image_have_no_group():
    nothing = duplicate_pairs([], [], [], lambda i: pytest.fail("nothing to read"), PARAMS)
    assert nothing.empty and list(nothing.columns) == list(DUPLICATE_PAIRS.columns)
    assert duplicate_groups([], nothing) == []
    assert duplicate_groups(["a"], nothing) == [""]


@pytest.fixture(scope="module")
def album():
    """Name -> picture: three originals with copies, and look-alikes whose coarse shape is the same."""
    album = {}
    for key in "abc":
        own = speckle(key, 300, 400)
        album[f"{key}1"] = own
        album[f"{key}2-jpeg"] = as_jpeg(own, 60)
        album[f"{key}3-dark"] = (own * 0.6).astype(np.uint8)
        album[f"{key}4-cut"] = own[6:-6, 8:-8]
    coarse = cv2.GaussianBlur(random_picture(1), (0, 0), 12).astype(np.float32)
    for key in range(4):
        fine = speckle(("alike", key), 240, 320, cyst=False).astype(np.float32)
        fine -= cv2.GaussianBlur(fine, (0, 0), 8)
        album[f"x{key}-alike"] = np.clip(coarse * 0.6 + 50 + fine, 0, 255).astype(np.uint8)
    album["y1-blank"] = album["y2-blank"] = np.zeros((200, 300), np.uint8)
    return album


def look(album, names, read=None):
    hashes = [picture_hashes(album[name]) for name in names]
    return duplicate_pairs(
        names, hashes, [pixel_digest(album[name]) for name in names], read or (lambda i: album[names[i]]), PARAMS
    )


def test_copies_are_confirmed_and_look_alikes_are_not(album):
    names = sorted(album)
    pairs = look(album, names)
    same = {(row.image_id, row.other_id) for row in pairs.itertuples() if row.is_duplicate}
    assert same == {(a, b) for a in names for b in names if a < b and a[0] == b[0] and a[0] in "abc"}
    looked_at = set(zip(pairs["image_id"], pairs["other_id"], strict=True))
    assert {("x0-alike", "x1-alike"), ("x2-alike", "x3-alike"), ("y1-blank", "y2-blank")} <= looked_at
    assert (pairs["is_duplicate"] == (pairs["inliers"] >= 20)).all()
    groups = dict(zip(names, duplicate_groups(names, pairs), strict=True))
    assert groups == {name: f"{name[0]}1" if name[0] in "abc" else "" for name in names}


def test_pictures_without_corners_are_known_by_equal_pixels():
    """A smooth gradient gives local features nothing to hold on to."""
    ramp = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (200, 1))
    blank = np.full((200, 300), 7, np.uint8)
    album = {"a": ramp, "b": ramp.copy(), "c": np.roll(ramp, 1, axis=1), "d": blank, "e": blank.copy()}
    pairs = look(album, sorted(album)).set_index(["image_id", "other_id"])["is_duplicate"]
    assert pairs[("a", "b")] == 1 and pairs[("d", "e")] == 0
    assert pairs.drop(("a", "b")).sum() == 0


def test_neither_order_nor_what_ran_before_changes_a_row(album):
    names = sorted(album)
    pairs = look(album, names)
    for seed in range(3):
        cv2.setRNGSeed(seed)
        mixed = np.random.default_rng(seed).permutation(names).tolist()
        pd.testing.assert_frame_equal(look(album, mixed), pairs)
    some = [name for name in names if name[0] in "ab"]
    kept = pairs[pairs["image_id"].isin(some) & pairs["other_id"].isin(some)].reset_index(drop=True)
    pd.testing.assert_frame_equal(look(album, some), kept)  # others neither add nor take away


def test_an_image_is_read_once_and_only_if_it_is_a_candidate(album):
    album = {**album, "lonely": random_picture(77)}
    names = sorted(album)
    read, lock = [], threading.Lock()

    def read_crop(number):
        with lock:
            read.append(names[number])
        return album[names[number]]

    pairs = look(album, names, read_crop)
    assert sorted(read) == sorted(set(pairs["image_id"]) | set(pairs["other_id"]))
    assert "lonely" not in read


def test_an_unreadable_image_stops_with_its_own_message(album):
    def read_crop(number):
        raise InputError("raw/x.png: image not found")

    with pytest.raises(InputError, match="image not found"):
        look(album, sorted(album), read_crop)


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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("candidate_distance", 21),
        ("candidate_distance", -1),
        ("candidate_distance_sum", 41),
        ("min_inliers", 9),
        ("min_inliers", 20.5),
        ("max_hash_distance", 10),
    ],
)
def test_impossible_params_are_named(key, value):
    with pytest.raises(InputError, match=key):
        validate({**GOOD, key: value}, DuplicatesParams, "duplicates")
