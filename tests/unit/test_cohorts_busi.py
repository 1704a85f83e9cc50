"""BUSI: classes, masks and folders, on hand-made folders."""

import pytest

from nonmass.cohorts.busi import BusiSource, read
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


def test_a_mask_without_its_image_is_named(tmp_path):
    make(tmp_path, "benign/benign (7)_mask.png")
    with pytest.raises(InputError, match=r"1 mask\(s\) without an image: benign \(7\)"):
        read(tmp_path, SOURCE)


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
def test_a_file_of_another_name_is_reported(tmp_path, name):
    (tmp_path / "benign" / name).parent.mkdir(parents=True)
    (tmp_path / "benign" / name).write_bytes(b"png")
    for file in ("benign/benign (1).png", "benign/Thumbs.db", "benign/._benign (1).png"):
        (tmp_path / file).write_bytes(b"png")
    with pytest.raises(
        InputError, match=r"benign: 1 file\(s\) are neither the one image 'benign \(n\)' nor a mask of it"
    ):
        read(tmp_path, SOURCE)


@pytest.mark.parametrize("place", ["Dataset_BUSI_with_GT/other", "other", ""])
def test_an_image_in_no_class_folder_is_reported(tmp_path, place):
    make(tmp_path / "Dataset_BUSI_with_GT", "benign/benign (1).png")
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "x.png").write_bytes(b"png")
    with pytest.raises(InputError, match=r"1 image\(s\) in no class folder: .*x.png"):
        read(tmp_path, SOURCE)


def test_a_missing_class_folder_is_named(tmp_path):
    (tmp_path / "benign").mkdir()
    with pytest.raises(InputError, match="malignant: not found"):
        read(tmp_path, SOURCE)
