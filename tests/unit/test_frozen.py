"""Frozen splits: what the file says stands, whatever comes in addition."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_inputs import (
    CLASSIFY,
    cohort,
    duplicated,
    grown_cohorts,
    parted,
    parted_if_large_enough,
    patient_rows,
    table,
    task,
)

from nonmass.certificate import certify
from nonmass.errors import InputError
from nonmass.frozen import FROZEN, freeze, read_frozen
from nonmass.tables import SPLIT


def again(images, frozen, given=None):
    return parted(images, given, frozen=frozen, assignment="frozen", seed=99)


@settings(max_examples=30)
@given(grown_cohorts(), st.sampled_from(["quarantine", "keep"]))
def test_frozen_additions_move_nobody(cohorts, conflicts):
    before = parted_if_large_enough(cohorts[0], conflicts=conflicts)
    after = parted_if_large_enough(cohorts[1], assignment="frozen", frozen=before.table, conflicts=conflicts, seed=99)
    both = before.table.merge(after.table, on=["image_id", "patient_id"], suffixes=("", "_later"))
    assert (both["part"] == both["part_later"]).all()
    assert set(before.table["image_id"]) - set(both["image_id"]) <= {*after.quarantined, *after.withheld}
    assert {*after.table["image_id"], *after.withheld, *after.quarantined} == set(cohorts[1]["image_id"])
    certify(after, cohorts[1], task(), "detect")


@settings(max_examples=25)
@given(st.lists(st.integers(1, 6), min_size=80, max_size=120), st.integers(40, 80))
def test_new_patients_make_up_the_ratio(sizes, n_old):
    images = cohort(sizes)
    before = parted(cohort(sizes[:n_old]))
    part = again(images, before.table).table.set_index("image_id")["part"]
    for _, of_class in part.groupby(images.set_index("image_id")["finding"]):
        for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs((of_class == name).sum() - share * len(of_class)) <= 2 * max(sizes)


def test_nothing_new_changes_nothing():
    images = cohort([2] * 100)
    split = parted(images)
    pd.testing.assert_frame_equal(again(images, split.table).table, split.table)


def old_and_new(rows, pairs=()):
    """100 patients of two images, parted; and their parts after rows and pairs of duplicates were added."""
    old = [row for n in range(100) for row in patient_rows(n, 2)]
    before = parted(table(old)).table
    return before, duplicated(table(old + rows), pairs)


def rows_of(split, patient):
    return split.index[split["patient_id"] == patient]


def even_patient(split, part):
    """The first patient of a part who has a non-mass lesion."""
    rows = split[(split["part"] == part) & (split["truth"] == 1)]
    return rows["patient_id"].iloc[0]


def test_a_new_image_of_an_old_patient_goes_where_she_is():
    before, _ = old_and_new([])
    who = even_patient(before, "test")
    _, images = old_and_new(patient_rows(int(who[1:]), 3))
    after = again(images, before)
    assert set(after.table.loc[after.table["patient_id"] == who, "part"]) == {"test"}
    assert (after.table["patient_id"] == who).sum() == 5


def test_a_new_image_that_links_two_parts_is_withheld_alone():
    before, _ = old_and_new([])
    train, test = even_patient(before, "train"), even_patient(before, "test")
    new = patient_rows(int(train[1:]), 2)  # the first shows the same picture as an image of `test`
    _, images = old_and_new(new, [(200, rows_of(before, test)[0])])
    after = again(images, before)
    assert after.withheld == ("c-00200",)
    assert after.table.set_index("image_id")["part"]["c-00201"] == "train"
    certify(after, images, task(), "detect")


def test_a_new_patient_between_two_parts_is_withheld():
    before, _ = old_and_new([])
    train, test = (rows_of(before, even_patient(before, part))[0] for part in ("train", "test"))
    _, images = old_and_new(patient_rows(400, 3), [(200, train), (201, test)])
    after = again(images, before)
    assert after.withheld == ("c-00200", "c-00201", "c-00202")
    certify(after, images, task(), "detect")


def test_a_new_patient_linked_to_one_part_joins_it():
    before, _ = old_and_new([])
    _, images = old_and_new(patient_rows(400, 3), [(200, rows_of(before, even_patient(before, "val"))[0])])
    after = again(images, before)
    assert set(after.table.loc[after.table["patient_id"] == "p400", "part"]) == {"val"}


@pytest.mark.parametrize(("near", "far"), [("train", "test"), ("train", "val"), ("val", "test")])
def test_of_old_images_that_a_new_one_links_those_nearer_to_training_are_withheld(near, far):
    before, _ = old_and_new([])
    ours, theirs = (even_patient(before, part) for part in (near, far))
    one, other = rows_of(before, ours)[0], rows_of(before, theirs)[0]
    _, images = old_and_new(patient_rows(400, 1), [(one, 200), (other, 200)])
    after = again(images, before)
    assert after.withheld == (f"c-{one:05}", "c-00200")
    certificate = certify(after, images, task(), "detect")
    assert (certificate["disjoint"], certificate["withheld_images"]) == (1, 2)
    left = before[before["image_id"] != f"c-{one:05}"]
    pd.testing.assert_frame_equal(
        after.table.reset_index(drop=True), left.reset_index(drop=True)
    )  # nobody moved, and her other image stays


def test_frozen_patients_who_turn_out_to_be_one_stop_the_run():
    before, _ = old_and_new([])
    train, test = (even_patient(before, part) for part in ("train", "test"))
    _, images = old_and_new([])
    images.loc[images["patient_id"].isin([train, test]), "patient_group"] = min(train, test)
    with pytest.raises(
        InputError, match=r"NOT DISJOINT: train_test patient_groups 1; .* take the patients of one side"
    ):
        certify(again(images, before), images, task(), "detect")
    rest = before[before["patient_id"] != train]
    after = again(images, rest)
    assert set(after.table.loc[after.table["patient_id"] == train, "part"]) == {"test"}
    certify(after, images, task(), "detect")


def classify_images():
    rows = [(f"m{n}", "mass", ("benign", "malignant")[n % 2], "X", "") for n in range(60)]
    return rows + [(f"n{n}", "non_mass", ("benign", "malignant")[n % 2], "X", "") for n in range(20)]


def test_an_external_image_of_a_frozen_patient_is_withheld():
    rows = classify_images()
    asked = task(CLASSIFY)
    before = parted(table(rows), asked).table
    images = table([*rows, ("m0", "non_mass", "benign", "X", ""), ("n0", "mass", "benign", "X", "")])
    after = again(images, before, asked)
    assert after.withheld == ("c-00080", "c-00081")
    pd.testing.assert_frame_equal(after.table, before)


def test_a_filter_that_contradicts_the_file_is_one_line():
    before = parted(table(classify_images()), task(CLASSIFY)).table
    turned = task(CLASSIFY, develop={"finding": "non_mass"}, external={"finding": "mass"})
    with pytest.raises(InputError, match=r"the frozen split puts c-00000 into .*, the filters into external; change"):
        again(table(classify_images()), before, turned)


def test_a_file_of_other_data_is_one_line():
    before = parted(cohort([1] * 100)).table
    other = before.assign(patient_id="other-" + before["patient_id"], image_id="other-" + before["image_id"])
    with pytest.raises(InputError, match="the frozen split knows no image and no patient of the task") as error:
        again(cohort([1] * 100), other)
    assert "nonmass freeze" not in str(error.value)  # which would overwrite the file that is looked for


def test_new_ids_of_old_patients_are_one_line_instead_of_another_split():
    images = cohort([2] * 100)
    before = parted(images).table
    with pytest.raises(InputError) as error:
        again(images.assign(patient_id="other-" + images["patient_id"]), before)
    assert str(error.value) == (
        "tasks.detect: 200 image(s) of the frozen split belong to other patients now, such as c-00000; if "
        "NONMASS_SALT was changed, use the old one and run `dvc repro -f ingest@c`; if ids were corrected, "
        "`nonmass freeze` anew and say so"
    )


def test_one_corrected_id_is_enough_though_the_patient_is_known():
    images = cohort([2] * 100)
    before = parted(images).table
    images.loc[7, "patient_id"] = "p5"
    with pytest.raises(InputError, match=r"1 image\(s\) of the frozen split .* such as c-00007; if NONMASS_SALT"):
        again(images, before)


def test_a_split_by_image_cannot_be_frozen(tmp_path):
    images = cohort([2] * 100)
    by_image = parted(images, task(unit="image"))
    with pytest.raises(InputError, match=r"tasks.detect: unit 'image' cannot be frozen"):
        again(images, by_image.table, task(unit="image"))
    SPLIT.write(by_image.table, tmp_path / "data" / "detect.csv")
    with pytest.raises(InputError, match=r"patient\(s\) stand in several parts, such as p\d+ in .* and "):
        freeze(tmp_path / "data", tmp_path / "splits", ("detect",))
    assert not (tmp_path / "splits").exists()


def test_what_was_frozen_is_read_again(tmp_path):
    split = parted(cohort([2] * 100)).table
    SPLIT.write(split, tmp_path / "data" / "detect.csv")
    (written,) = freeze(tmp_path / "data", tmp_path / "splits", ("detect",))
    assert written.read_bytes() == (tmp_path / "data" / "detect.csv").read_bytes()
    assert read_frozen(written)["part"].tolist() == split["part"].tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "detect.csv: frozen split not found; write it with `nonmass freeze`"),
        (b"", "not readable as the frozen split table: it is empty"),
        (b"\xff\xfe", "not readable as the frozen split table"),
        (b"patient,part\np0,train\n", "frozen split lacks column"),
        (b"image_id,patient_id,part,truth\na,p0,training,1\n", "column part holds 'training'; allowed: 'train'"),
        (b"image_id,patient_id,part,truth\na,p0,train,1\nb,p0,test,1\n", "such as p0 in test and train"),
        (b"image_id,patient_id,part,truth\na,p0,train,1\na,p0,train,1\n", "more than one row for a"),
        (b"image_id,patient_id,part,truth\na,p0,train\n", "row 2 is not as long as the header"),
    ],
)
def test_a_missing_or_damaged_file_is_one_line(tmp_path, content, message):
    path = tmp_path / "detect.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_frozen(path)
    assert len(str(error.value).splitlines()) == 1
    assert FROZEN.columns == SPLIT.columns
