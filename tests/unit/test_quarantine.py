"""Which near-duplicates have contradictory labels."""

from split_inputs import table

from nonmass.quarantine import contradictions, is_contradictory
from nonmass.tables import QUARANTINE

IMAGES = table(
    [
        ("a", "mass", "benign", "", "g1"),
        ("b", "mass", "malignant", "", "g1"),
        ("c", "mass", "benign", "", "g1"),
        ("d", "mass", "benign", "", "g2"),
        ("e", "mass", "benign", "", "g2"),
        ("f", "mass", "benign", "", "g3"),
        ("g", "non_mass", "benign", "", "g3"),
        ("h", "mass", "benign", "", ""),
        ("i", "mass", "malignant", "", ""),
    ]
)


def test_a_group_with_two_labels_is_listed_whole():
    assert is_contradictory(IMAGES).tolist() == [True] * 3 + [False] * 2 + [True] * 2 + [False] * 2
    listed = QUARANTINE.check(contradictions(IMAGES), "here")
    assert listed["duplicate_group"].tolist() == ["g1"] * 3 + ["g3"] * 2


def test_excluded_images_have_no_say():
    images = IMAGES.assign(excluded=["", "lost to follow-up", *[""] * 7])
    assert is_contradictory(images).tolist() == [False] * 5 + [True] * 2 + [False] * 2


def test_without_near_duplicates_nothing_is_listed():
    assert contradictions(IMAGES.assign(duplicate_group="")).empty
