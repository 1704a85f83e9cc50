"""Parts of a task: the paper's sizes, scikit-learn's rule, and properties that hold for any cohort."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_inputs import (
    CLASSIFY,
    cohort,
    cohorts,
    duplicated,
    grown_cohorts,
    parted,
    parted_if_large_enough,
    table,
    task,
)

from nonmass.assignment import assignment_hash
from nonmass.certificate import certify
from nonmass.errors import InputError
from nonmass.splitting import join_fields, linked_groups
from nonmass.tasks import join_patients


def test_unit_image_gives_the_papers_data_set_exactly():
    nml, normal = [4] * 186 + [3] * 42, [2] * 407 + [1] * 189
    rows = [(f"n{p}", "non_mass", "", "X", "") for p, n in enumerate(nml) for _ in range(n)]
    rows += [(f"p{p}", "normal", "", "X", "") for p, n in enumerate(normal) for _ in range(n)]
    images = table(rows)
    assert images["patient_id"].nunique() == 228 + 596
    parts = parted(images, task(unit="image")).table
    assert dict(parts["part"].value_counts()) == {"train": 1310, "val": 188, "test": 375}
    positive = dict(parts[parts["truth"] == 1]["part"].value_counts())
    assert positive == {"train": 609, "val": 87, "test": 174}  # 870 x 1310, 188, 375 / 1873, rounded


@settings(max_examples=25)
@given(cohorts, st.integers(0, 2**31), st.sampled_from(["quarantine", "keep"]))
def test_parts_are_disjoint_complete_and_near_their_ratio(images, seed, conflicts):
    split = parted_if_large_enough(images, seed=seed, conflicts=conflicts)
    assert {*split.table["image_id"], *split.quarantined} == set(images["image_id"])
    assert len(split.table) + len(split.quarantined) == len(images)
    assert not split.withheld
    assert split.table.groupby("patient_id")["part"].nunique().max() == 1
    part = split.table.set_index("image_id")["part"]
    images = images.set_index("image_id", drop=False).loc[part.index]
    group = linked_groups(images)
    assert part.groupby(group).nunique().max() == 1
    # A group with images of both classes is shared out with the positive ones.
    stratum = (images["finding"] == "non_mass").groupby(group).transform("any")
    for _, of_class in part.groupby(stratum):
        for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs((of_class == name).sum() - share * len(of_class)) <= group.value_counts().max() + 1


@settings(max_examples=25)
@given(grown_cohorts(), st.sampled_from(["quarantine", "keep"]))
def test_hashed_additions_move_nobody(cohorts, conflicts):
    settings = {"assignment": "hashed", "conflicts": conflicts}
    before, after = (parted_if_large_enough(images, **settings) for images in cohorts)
    both = before.table.merge(after.table, on=["image_id", "patient_id"], suffixes=("", "_later"))
    assert (both["part"] == both["part_later"]).all()
    gone = set(before.table["image_id"]) - set(both["image_id"])
    assert gone <= {*after.withheld, *after.quarantined}
    assert not {"test"} & set(before.table.loc[before.table["image_id"].isin({*after.withheld}), "part"])
    certify(after, cohorts[1], task(), "detect")
    assert {*after.table["image_id"], *after.withheld, *after.quarantined} == set(cohorts[1]["image_id"])


def test_hashed_parts_are_near_their_ratio():
    """Of 3000 patients, a share of 0.2 has a standard error of 0.0073, one of 0.1 of 0.0055."""
    parts = parted(cohort([1] * 3000), assignment="hashed").table["part"].value_counts(normalize=True)
    assert parts["test"] == pytest.approx(0.2, abs=0.03)
    assert parts["val"] == pytest.approx(0.1, abs=0.022)


def test_hashed_links_between_parts_are_withheld_on_the_side_of_training():
    images = cohort([2] * 200)
    part = parted(images, assignment="hashed").table.set_index("patient_id")["part"].groupby(level=0).first()
    train, test = (part.index[(part == name) & part.index.str.match(r"p\d*[02468]$")][0] for name in ("train", "test"))
    images.loc[images["patient_id"].isin([train, test]), "duplicate_group"] = "g"
    split = parted(images, assignment="hashed")
    assert set(split.withheld) == set(images.loc[images["patient_id"] == train, "image_id"])
    assert set(split.table.loc[split.table["patient_id"] == test, "part"]) == {"test"}


@settings(max_examples=10)
@given(cohorts, st.randoms(use_true_random=False), st.sampled_from(["balanced", "hashed"]))
def test_the_order_of_rows_does_not_matter(images, random, assignment):
    order = list(range(len(images)))
    random.shuffle(order)
    one = parted_if_large_enough(images, assignment=assignment).table
    other = parted(images.iloc[order].reset_index(drop=True), assignment=assignment).table
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_patients_that_duplicates_link_stay_together():
    images = cohort([1] * 100, linked=(0, 2, 50, 98))
    split = parted(images)
    linked = images.loc[images["duplicate_group"] == "g", "image_id"]
    assert split.table.set_index("image_id").loc[linked, "part"].nunique() == 1


def test_links_reach_over_several_patients():
    images = table([("a", "", "", "", "g"), ("b", "", "", "", "g"), ("b", "", "", "", "h"), ("c", "", "", "", "h")])
    images = pd.concat([images, table([("d", "", "", "", "")])], ignore_index=True)
    images["image_id"] = [f"c-{n}" for n in range(5)]
    assert list(linked_groups(images)) == ["a", "a", "a", "a", "d"]


def test_patients_of_one_group_stay_together():
    """As in the manifest, where a file that is excluded has linked them."""
    images = cohort([1] * 100)
    images.loc[:9, "patient_group"] = "p0"
    split = parted(images)
    assert split.table.set_index("image_id").loc[images["image_id"][:10], "part"].nunique() == 1


def test_every_device_comes_near_its_ratio():
    images = cohort([2] * 300)
    parts = parted(images).table.merge(images, on="image_id")
    for _, rows in parts.groupby(["device", "truth"]):
        assert abs((rows["part"] == "test").mean() - 0.2) <= 2 / len(rows)
        assert abs((rows["part"] == "val").mean() - 0.1) <= 3 / len(rows)


def test_patients_with_many_images_land_in_no_part_by_preference():
    """Mean images a patient in test, over 30 seeds, is that of the cohort: 40 patients of 6 and 160 of 1."""
    images = cohort([6 if n % 5 == 0 else 1 for n in range(200)])
    expected = len(images) / 200
    sizes = []
    for seed in range(30):
        parts = parted(images, seed=seed).table
        sizes.append((parts["part"] == "test").sum() / parts[parts["part"] == "test"]["patient_id"].nunique())
    assert sum(sizes) / len(sizes) == pytest.approx(expected, rel=0.04)


def test_seed_and_task_draw_anew():
    images = cohort([1] * 100)
    drawn = {assignment_hash(parted(images, name=name, seed=seed).table) for name in "ab" for seed in (1, 2)}
    assert len(drawn) == 4


def external_cohort():
    rows = [(f"m{n}", "mass", ("benign", "malignant")[n % 2], "X", "") for n in range(60)]
    rows += [(f"n{n}", "non_mass", ("benign", "malignant")[n % 2], "X", "") for n in range(20)]
    rows += [("n0", "mass", "benign", "X", "")]  # a patient with lesions of both kinds
    rows += [("m0", "mass", "benign", "X", "same"), ("n1", "non_mass", "malignant", "X", "same")]
    rows += [("x", "normal", "", "X", ""), ("y", "mass", "", "X", "")]  # of neither class
    return table(rows)


def test_a_patient_of_the_external_set_is_never_developed_on():
    images = external_cohort()
    split = parted(images, task(CLASSIFY), "classify", conflicts="keep")
    by_part = split.table.merge(images, on="image_id", suffixes=("", "_")).groupby("part")
    assert set(by_part.get_group("external")["finding"]) == {"non_mass"}
    assert len(by_part.get_group("external")) == 21
    # n0's mass, and both images of m0, which shows the same picture as n1.
    gone = images[((images["patient_id"] == "n0") & (images["finding"] == "mass")) | (images["patient_id"] == "m0")]
    assert set(split.withheld) == set(gone["image_id"])
    certificate = certify(split, images, task(CLASSIFY), "classify")
    assert certificate["withheld_images"] == 3
    assert certificate["unused_images"] == 2  # x and y, of neither class
    assert sum(part["images"] for part in certificate["parts"].values()) == len(images) - 3 - 2


def test_images_of_neither_class_and_excluded_ones_are_left_out():
    images = external_cohort()
    images.loc[images["patient_id"] == "m1", "excluded"] = "contradictory duplicate"
    patients = set(parted(images, task(CLASSIFY), "classify").table["patient_id"])
    assert not patients & {"x", "y", "m1"}


def with_official_test(images, patients, **changes):
    """The images after a join with the table of patients, and a task whose test part are `patients`."""
    table = images[["patient_id", "cohort"]].drop_duplicates()
    table = table.assign(official_fold=["1" if patient in patients else "2" for patient in table["patient_id"]])
    return join_patients(images, table), task(test={"official_fold": "1"}, **changes)


@pytest.mark.parametrize("assignment", ["balanced", "hashed"])
def test_an_official_test_part_is_that_and_nothing_else(assignment):
    official = {f"p{n}" for n in range(0, 100, 5)}
    images, asked = with_official_test(cohort([2] * 400), official)
    split = parted(images, asked, assignment=assignment)
    assert set(split.table.loc[split.table["part"] == "test", "patient_id"]) == official
    rest = split.table[split.table["part"] != "test"]["part"].value_counts()
    exact = 2 if assignment == "balanced" else 50
    assert rest["val"] == pytest.approx((800 - 40) / 8, abs=exact)
    assert not split.withheld


def test_what_is_linked_to_an_official_test_part_is_withheld():
    images = duplicated(cohort([2] * 100), [(0, 4), (5, 13)])  # p0 and p2 share a picture, p2 and p6 another
    images, asked = with_official_test(images, {"p0", "p1", "p3"})
    split = parted(images, asked)
    assert set(split.withheld) == set(images.loc[images["patient_id"].isin(["p2", "p6"]), "image_id"])
    certify(split, images, asked, "detect")


def test_the_external_set_goes_before_an_official_test_part():
    images = external_cohort()
    images, _ = with_official_test(images, {"m0", "m1", "m2", "n0", "n3"})
    asked = task(CLASSIFY, test={"official_fold": "1"})
    split = parted(images, asked, "classify")
    part = split.table.set_index("patient_id")["part"]
    assert set(part[["n0", "n3"]]) == {"external"}
    assert set(split.table.loc[split.table["part"] == "test", "patient_id"]) == {"m1", "m2"}


def test_contradictory_near_duplicates_are_in_no_part_but_still_link_their_patients():
    images = duplicated(cohort([2] * 100), [(0, 2), (4, 8)])  # p0 (non-mass) and p1 (normal); p2 and p4 (both non-mass)
    split = parted(images)
    assert split.quarantined == ("c-00000", "c-00002")
    part = split.table.set_index("image_id")["part"]
    assert part["c-00001"] == part["c-00003"]
    assert part["c-00004"] == part["c-00008"]
    kept = parted(images, conflicts="keep")
    assert len(kept.table) == 200 and not kept.quarantined


def test_a_class_that_a_part_lacks_is_named():
    with pytest.raises(InputError, match=r"no positive image .* in part test; the class has 2 image\(s\) of 2 patient"):
        parted(cohort([1, 1, 1, 1]))


def test_every_usable_image_needs_its_field_of_view():
    manifest = cohort([1, 1, 1]).drop(columns="duplicate_group")
    manifest.loc[2, "excluded"] = "exact duplicate"
    index = pd.DataFrame({"image_id": ["c-00000", "c-00001"], "duplicate_group": ["", "g"], "reject": ""})
    assert list(join_fields(manifest, index)["duplicate_group"]) == ["", "g", ""]
    with pytest.raises(InputError, match=r"1 image\(s\) have no field of view, such as c-00001"):
        join_fields(manifest, index[:1])


def test_a_refused_field_of_view_excludes_its_image_and_says_why():
    manifest = cohort([1, 1, 1]).drop(columns="duplicate_group")
    manifest.loc[2, "excluded"] = "exact duplicate"
    index = pd.DataFrame(
        {"image_id": list(manifest["image_id"]), "duplicate_group": "", "reject": ["", "m-mode", "m-mode"]}
    )
    joined = join_fields(manifest, index)
    assert list(joined["excluded"]) == ["", "field of view refused: m-mode", "exact duplicate"]
    assert list(joined.columns) == [*manifest.columns, "duplicate_group"]
