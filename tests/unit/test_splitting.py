"""Parts of a task: the paper's sizes, scikit-learn's rule, and properties that hold for any cohort."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from nonmass.certificate import assignment_hash, certify
from nonmass.errors import InputError
from nonmass.params import validate
from nonmass.splitting import TaskParams, assign_parts, join_duplicates, linked_groups, part_sizes

DETECT = {
    "positive": {"finding": "non_mass"},
    "negative": {"finding": "normal"},
    "ratio": [7, 1, 2],
    "unit": "patient",
}
CLASSIFY = {
    "positive": {"pathology": "malignant"},
    "negative": {"pathology": "benign"},
    "develop": {"finding": "mass"},
    "external": {"finding": "non_mass"},
    "ratio": [8, 1, 1],
    "unit": "patient",
}


def task(given=DETECT, **changes):
    return validate(given | changes, TaskParams, "params.yaml: tasks.test")


def table(rows):
    """Images from rows (patient, finding, pathology, device, duplicate group)."""
    frame = pd.DataFrame(rows, columns=["patient_id", "finding", "pathology", "device", "duplicate_group"])
    frame = frame.astype("string")
    frame["patient_group"] = frame["patient_id"]
    return frame.assign(image_id=[f"c-{n:05}" for n in range(len(frame))], cohort="c", excluded="")


def cohort(sizes, device=lambda patient: f"device {patient % 3}", linked=()):
    """Patients with `sizes` images each, the even ones with a non-mass lesion, the odd ones normal."""
    return table(
        [
            (f"p{patient}", ("non_mass", "normal")[patient % 2], "", device(patient), "g" if patient in linked else "")
            for patient, n in enumerate(sizes)
            for _ in range(n)
        ]
    )


cohorts = st.builds(
    cohort,
    st.lists(st.integers(1, 6), min_size=60, max_size=120),
    linked=st.frozensets(st.integers(0, 59), max_size=3),
)


def test_sizes_of_the_paper():
    assert part_sizes(1873, (7, 1, 2)) == part_sizes(1873, (0.7, 0.1, 0.2)) == (1310, 188, 375)


@given(st.integers(20, 5000))
def test_sizes_are_those_of_train_test_split_used_twice(n):
    rest, test = train_test_split(range(n), test_size=0.2)
    train, val = train_test_split(rest, test_size=0.125)
    assert part_sizes(n, (7, 1, 2)) == (len(train), len(val), len(test))


def test_unit_image_gives_the_papers_data_set_exactly():
    nml, normal = [4] * 186 + [3] * 42, [2] * 407 + [1] * 189
    rows = [(f"n{p}", "non_mass", "", "X", "") for p, n in enumerate(nml) for _ in range(n)]
    rows += [(f"p{p}", "normal", "", "X", "") for p, n in enumerate(normal) for _ in range(n)]
    images = table(rows)
    assert images["patient_id"].nunique() == 228 + 596
    parts = assign_parts(images, task(unit="image"), "detect", 1).table
    assert dict(parts["part"].value_counts()) == {"train": 1310, "val": 188, "test": 375}
    positive = dict(parts[parts["truth"] == 1]["part"].value_counts())
    assert positive == {"train": 609, "val": 87, "test": 174}  # 870 x 1310, 188, 375 / 1873, rounded


@settings(max_examples=25, deadline=None)
@given(cohorts, st.integers(0, 2**31))
def test_parts_are_disjoint_complete_and_near_their_ratio(images, seed):
    split = assign_parts(images, task(), "detect", seed)
    assert set(split.table["image_id"]) == set(images["image_id"])
    assert not split.withheld
    assert split.table.groupby("patient_id")["part"].nunique().max() == 1
    part = split.table.set_index("image_id")["part"]
    images = images.set_index("image_id", drop=False)
    group = linked_groups(images)
    assert part.groupby(group).nunique().max() == 1
    # A group with images of both classes is shared out with the positive ones.
    stratum = (images["finding"] == "non_mass").groupby(group).transform("any")
    for _, of_class in part.groupby(stratum):
        for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs((of_class == name).sum() - share * len(of_class)) <= group.value_counts().max() + 1


@settings(max_examples=10, deadline=None)
@given(cohorts, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(images, random):
    order = list(range(len(images)))
    random.shuffle(order)
    one = assign_parts(images, task(), "detect", 1).table
    other = assign_parts(images.iloc[order].reset_index(drop=True), task(), "detect", 1).table
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_patients_that_duplicates_link_stay_together():
    images = cohort([1] * 100, linked=(0, 1, 50, 99))
    split = assign_parts(images, task(), "detect", 1)
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
    split = assign_parts(images, task(), "detect", 1)
    assert split.table.set_index("image_id").loc[images["image_id"][:10], "part"].nunique() == 1


def test_every_device_comes_near_its_ratio():
    images = cohort([2] * 300)
    parts = assign_parts(images, task(), "detect", 1).table.merge(images, on="image_id")
    for _, rows in parts.groupby(["device", "truth"]):
        assert abs((rows["part"] == "test").mean() - 0.2) <= 2 / len(rows)
        assert abs((rows["part"] == "val").mean() - 0.1) <= 3 / len(rows)


def test_patients_with_many_images_land_in_no_part_by_preference():
    """Mean images a patient in test, over 30 seeds, is that of the cohort: 40 patients of 6 and 160 of 1."""
    images = cohort([6 if n % 5 == 0 else 1 for n in range(200)])
    expected = len(images) / 200
    sizes = []
    for seed in range(30):
        parts = assign_parts(images, task(), "detect", seed).table
        sizes.append((parts["part"] == "test").sum() / parts[parts["part"] == "test"]["patient_id"].nunique())
    assert sum(sizes) / len(sizes) == pytest.approx(expected, rel=0.04)


def test_seed_and_task_draw_anew():
    images = cohort([1] * 100)
    drawn = {assignment_hash(assign_parts(images, task(), name, seed).table) for name in "ab" for seed in (1, 2)}
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
    split = assign_parts(images, task(CLASSIFY), "classify", 1)
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
    patients = set(assign_parts(images, task(CLASSIFY), "classify", 1).table["patient_id"])
    assert not patients & {"x", "y", "m1"}


def test_a_filter_takes_several_values_and_columns():
    images = external_cohort().assign(device=["X", "Y"] * 41 + ["X", "Z", "Z"])
    both = task(positive={"finding": ["mass", "non_mass"], "device": "X"}, negative={"device": ["Y", "Z"]})
    truth = assign_parts(images, both, "any", 1).table.set_index("image_id")["truth"]
    expected = images.set_index("image_id")["device"].map({"X": 1, "Y": 0, "Z": 0})
    assert truth.sort_index().tolist() == expected.sort_index().tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negative": {"device": "device 0"}}, r"image\(s\) match both positive and negative"),
        ({"negative": {"finding": "mass"}}, r"no image matches negative \(\{'finding': 'mass'\}\)"),
    ],
)
def test_filters_that_cannot_be_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        assign_parts(cohort([1] * 30), task(**changes), "detect", 1)


def test_a_class_that_a_part_lacks_is_named():
    with pytest.raises(InputError, match=r"no positive image .* in part test; the class has 2 image\(s\) of 2 patient"):
        assign_parts(cohort([1, 1, 1, 1]), task(), "detect", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive": {"finding": "nonmass"}}, "finding cannot be 'nonmass'; allowed: 'normal', 'mass', 'non_mass'"),
        ({"positive": {"birads": "4"}}, "tasks.test.positive.birads.*input should be 'cohort', 'finding'"),
        ({"positive": {}}, "at least 1 item"),
        ({"ratio": [7, 0, 2]}, "greater than 0"),
        ({"ratio": [7, 3]}, r"tasks\.test\.ratio\.2: required key is missing"),
        ({"unit": "image_id"}, "input should be 'patient' or 'image'"),
    ],
)
def test_params_are_strict(changes, message):
    with pytest.raises(InputError, match=message):
        task(**changes)


def test_the_certificate_of_a_split_by_patient():
    images = cohort([2] * 100)
    split = assign_parts(images, task(), "detect", 1)
    certificate = certify(split, images, task(), "detect")
    assert certificate["disjoint"] == 1
    assert set(certificate["shared"]) == {"train_val", "train_test", "val_test"}
    assert all(n == 0 for pair in certificate["shared"].values() for n in pair.values())
    assert certificate["parts"]["test"] == {
        "images": 40,
        "patients": 20,
        "positive_images": 20,
        "positive_patients": 10,
    }


def test_the_certificate_counts_what_a_split_by_image_shares():
    images = cohort([2] * 100)
    images.loc[:5, "duplicate_group"] = "g"
    by_image = task(unit="image")
    split = assign_parts(images, by_image, "detect", 1)
    certificate = certify(split, images, by_image, "detect")
    part = split.table.set_index("image_id")["part"]
    patients = {name: set(split.table.loc[split.table["part"] == name, "patient_id"]) for name in part.unique()}
    assert certificate["disjoint"] == 0
    assert certificate["shared"]["train_test"]["patients"] == len(patients["train"] & patients["test"]) > 0
    assert certificate["shared"]["train_test"]["images"] == 0


@pytest.mark.parametrize("kind", ["patients", "patient_groups", "duplicate_groups", "images"])
def test_a_split_that_shares_anything_is_refused(kind):
    """The certificate trusts nobody: a finished split with one planted overlap must not pass."""
    images = cohort([1] * 100)
    split = assign_parts(images, task(), "detect", 1)
    rows = split.table
    train, test = (rows.index[rows["part"] == part][0] for part in ("train", "test"))
    if kind == "patients":
        rows.loc[test, "patient_id"] = rows.loc[train, "patient_id"]
    elif kind.endswith("groups"):
        images.loc[images["image_id"].isin(rows.loc[[train, test], "image_id"]), kind.removesuffix("s")] = "g"
    else:
        twin = "other-" + rows.loc[train, "image_id"].split("-")[1]
        images["image_id"] = images["image_id"].replace(rows.loc[test, "image_id"], twin)
        rows.loc[test, "image_id"] = twin
    with pytest.raises(InputError, match=f"NOT DISJOINT: train_test {kind} 1;"):
        certify(split, images, task(), "detect")


def test_every_usable_image_needs_its_field_of_view():
    manifest = cohort([1, 1, 1]).drop(columns="duplicate_group")
    manifest.loc[2, "excluded"] = "exact duplicate"
    index = pd.DataFrame({"image_id": ["c-00000", "c-00001"], "duplicate_group": ["", "g"]})
    assert list(join_duplicates(manifest, index)["duplicate_group"]) == ["", "g", ""]
    with pytest.raises(InputError, match=r"1 image\(s\) have no field of view, such as c-00001"):
        join_duplicates(manifest, index[:1])
