"""Sizes of parts against scikit-learn, and drawing beside images that stand already."""

from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from nonmass.drawing import _evenly, draw_by_hash, draw_evenly, part_sizes


def test_sizes_of_the_paper():
    assert part_sizes(1873, (7, 1, 2)) == part_sizes(1873, (0.7, 0.1, 0.2)) == (1310, 188, 375)


@given(st.integers(20, 5000))
def test_sizes_are_those_of_train_test_split_used_twice(n):
    rest, test = train_test_split(range(n), test_size=0.2)
    train, val = train_test_split(rest, test_size=0.125)
    assert part_sizes(n, (7, 1, 2)) == (len(train), len(val), len(test))


def test_without_a_test_share_validation_is_that_of_train_test_split():
    train, val = train_test_split(range(101), test_size=0.125)
    assert part_sizes(101, (7, 1, 0)) == (len(train), len(val), 0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.fractions(0, 1))
def test_what_is_taken_stays_within_half_a_group_of_its_share_all_along(sizes, share):
    taken = _evenly(np.array(sizes), share)
    got, passed = Fraction(0), 0
    for position, size in enumerate(sizes):
        passed += size
        got += size if position in taken else 0
        assert abs(got - share * passed) <= max(sizes)


def ones(n, part=None, start=0):
    frame = pd.DataFrame({"group": [f"g{start + k:03}" for k in range(n)], "truth": 0, "device": "X"})
    return frame if part is None else frame.assign(part=part)


def drawn(n_new, **standing):
    starts = np.cumsum([n_new, *standing.values()])
    held = [ones(n, part, start) for (part, n), start in zip(standing.items(), starts, strict=False)]
    part = draw_evenly(ones(n_new), pd.concat(held or [ones(0, "train")]), (7, 1, 2), "t", 1)
    return {name: int((part == name).sum()) for name in ("train", "val", "test")}


def test_new_images_make_up_for_what_stands():
    assert drawn(100) == {"train": 70, "val": 10, "test": 20}
    assert drawn(30, train=70) == {"train": 0, "val": 10, "test": 20}
    assert drawn(50, train=35, val=5, test=10) == {"train": 35, "val": 5, "test": 10}
    assert drawn(10, train=70, val=10, test=10) == {"train": 0, "val": 0, "test": 10}


def test_where_a_part_has_too_much_the_others_share_what_they_lack():
    # 200 images want 140, 20 and 40; 60 stand in test, so 140 come where train and val lack 140 and 20.
    assert drawn(140, test=60) == {"train": 122, "val": 18, "test": 0}


def test_a_class_that_only_stands_counts_for_its_own_share_alone():
    standing = ones(100, "train", 500).assign(truth=1)
    part = draw_evenly(ones(100), standing, (7, 1, 2), "t", 1)
    assert part.value_counts().to_dict() == {"train": 70, "val": 10, "test": 20}


def test_nothing_to_draw_is_nothing():
    assert draw_evenly(ones(0), ones(5, "train"), (7, 1, 2), "t", 1).empty


def test_a_hash_knows_no_neighbours():
    keys = pd.Series([f"p{n}" for n in range(500)], dtype="string")
    whole = draw_by_hash(keys, (7, 1, 2), "t", 1)
    alone = [draw_by_hash(keys[n : n + 1], (7, 1, 2), "t", 1).iloc[0] for n in range(20)]
    assert alone == whole[:20].tolist()
    assert (draw_by_hash(keys, (7, 1, 2), "t", 2) != whole).any()
    assert "test" not in set(draw_by_hash(keys, (7, 1, 0), "t", 1))
