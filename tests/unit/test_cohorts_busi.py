"""BUSI: classes, masks and folders, on hand-made folders."""

import pytest

from nonmass.cohorts.busi import BusiSource, read
from nonmass.cohorts.cohort import Problem
from nonmass.errors import InputError

SOURCE = BusiSource(adapter="busi")


def make(folder, *names):
    for name in ("benign", "malignant", "normal"):
        (folder / name).mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"png")
    return folder


@pytest.mark.parametrize("inner", ["", "Dataset_BUSI_with_GT"])
def test_all_masks_of_a_lesion_are_kept_and_none_of_normal_tissue(tmp_path, inner):
    make(
        tmp_path / inner,
        "benign/benign (1).png",
        "benign/benign (1)_mask.png",
        "benign/benign (1)_mask_1.png",
        "benign/benign (10).png",
        "benign/benign (10)_mask.png",
        "malignant/malignant (1).png",
        "normal/normal (1).png",
        "normal/normal (1)_mask.png",
    )
    images = read(tmp_path, SOURCE).images
    prefix = f"{inner}/" if inner else ""
    rows = set(images[["file", "finding", "pathology", "mask"]].itertuples(index=False, name=None))
    one = f"{prefix}benign/benign (1)"
    assert rows == {
        (f"{one}.png", "mass", "benign", f"{one}_mask.png|{one}_mask_1.png"),
        (f"{prefix}benign/benign (10).png", "mass", "benign", f"{prefix}benign/benign (10)_mask.png"),
        (f"{prefix}malignant/malignant (1).png", "mass", "malignant", ""),
        (f"{prefix}normal/normal (1).png", "normal", "", ""),
    }


def test_no_patient_is_made_up(tmp_path):
    cohort = read(make(tmp_path, "benign/benign (1).png"), SOURCE)
    assert list(cohort.images["patient"]) == [""]
    assert cohort.patients.empty


def test_a_mask_without_its_image_is_listed(tmp_path):
    cohort = read(make(tmp_path, "benign/benign (7)_mask.png"), SOURCE)
    assert cohort.problems == (Problem("mask without an image", "copy the image again", "benign/benign (7)_mask.png"),)
    assert cohort.images.empty


@pytest.mark.parametrize("suffix", [".PNG", ".jpg", ".tif"])
def test_no_image_is_passed_over_for_its_suffix(tmp_path, suffix):
    make(tmp_path, f"benign/benign (1){suffix}", f"benign/benign (1)_mask{suffix}", "benign/benign (2).png")
    images = read(tmp_path, SOURCE).images
    assert list(images["file"]) == [f"benign/benign (1){suffix}", "benign/benign (2).png"]
    assert list(images["mask"]) == [f"benign/benign (1)_mask{suffix}", ""]


@pytest.mark.parametrize(
    "name",
    ["scan.png", "malignant (1).png", "benign (1) copy.png", "benign (1).jpg", "benign (1)_mask_a.png", "a/b.bmp"],
)
def test_a_file_of_another_name_is_listed_and_the_others_are_read(tmp_path, name):
    make(tmp_path, "benign/benign (1).png", "benign/Thumbs.db", "benign/._benign (1).png")
    (tmp_path / "benign" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "benign" / name).write_bytes(b"png")
    cohort = read(tmp_path, SOURCE)
    assert list(cohort.images["finding"]) == ["mass"]
    files = {"benign/benign (1).png", f"benign/{name}"}
    assert {*cohort.images["file"], *(problem.file for problem in cohort.problems)} == files
    assert [problem.problem for problem in cohort.problems] == ["name is not as in BUSI"]


@pytest.mark.parametrize("place", ["Dataset_BUSI_with_GT/other/", "other/", ""])
def test_an_image_in_no_class_folder_is_listed(tmp_path, place):
    make(tmp_path / "Dataset_BUSI_with_GT", "benign/benign (1).png")
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "x.png").write_bytes(b"png")
    assert [problem[:3] for problem in read(tmp_path, SOURCE).problems] == [
        ("name is not as in BUSI", "rename the file, or take it out", f"{place}x.png")
    ]


def test_a_missing_class_folder_is_named(tmp_path):
    (tmp_path / "benign").mkdir()
    with pytest.raises(InputError, match="malignant: not found"):
        read(tmp_path, SOURCE)
