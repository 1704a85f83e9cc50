"""The phantom's own tables, hand-made."""

import pytest

from nonmass.cohorts.phantom import PhantomSource, read
from nonmass.errors import InputError

SOURCE = PhantomSource(adapter="phantom")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images.csv").write_text(
        "file,patient,finding,pathology,device,mask,fov_x0_px,fov_y0_px,fov_x1_px,fov_y1_px,n_calipers\n"
        "images/a-1.jpg,a,non_mass,malignant,X,masks/a-1.png,1,2,3,4,2\n"
        "images/b-1.jpg,b,normal,,Y,,1,2,3,4,0\n"
    )
    (tmp_path / "patients.csv").write_text("patient,age_years\na,41\nb,52\n")
    for file in ("images/a-1.jpg", "images/b-1.jpg", "masks/a-1.png"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"image")
    return tmp_path


def test_rows_without_the_true_boxes(folder):
    cohort = read(folder, SOURCE)
    assert cohort.images.to_dict("records") == [
        {
            "file": "images/a-1.jpg",
            "patient": "a",
            "finding": "non_mass",
            "pathology": "malignant",
            "device": "X",
            "mask": "masks/a-1.png",
        },
        {"file": "images/b-1.jpg", "patient": "b", "finding": "normal", "pathology": "", "device": "Y", "mask": ""},
    ]
    assert cohort.patients.to_dict("records") == [
        {"patient": "a", "age_years": "41"},
        {"patient": "b", "age_years": "52"},
    ]


def test_a_lost_mask_is_named(folder):
    (folder / "masks" / "a-1.png").unlink()
    with pytest.raises(InputError, match=r"without a file: masks/a-1\.png"):
        read(folder, SOURCE)


def test_a_half_written_table_is_refused(folder):
    (folder / "images.csv").write_text("file,patient,finding,pathology,device,mask\nimages/a-1.jpg,a\n")
    with pytest.raises(InputError, match=r"images.csv: row\(s\) 2 have more or fewer cells"):
        read(folder, SOURCE)
