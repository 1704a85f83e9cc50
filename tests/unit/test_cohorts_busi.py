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


def test_a_missing_class_folder_is_named(tmp_path):
    (tmp_path / "benign").mkdir()
    with pytest.raises(InputError, match="malignant: not found"):
        read(tmp_path, SOURCE)
