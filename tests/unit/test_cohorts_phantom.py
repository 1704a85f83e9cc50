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
            "frame": 0,
            "row": 2,
            "patient": "a",
            "finding": "non_mass",
            "pathology": "malignant",
            "device": "X",
            "mask": "masks/a-1.png",
            "us_regions": "",
        },
        {
            "file": "images/b-1.jpg",
            "frame": 0,
            "row": 3,
            "patient": "b",
            "finding": "normal",
            "pathology": "",
            "device": "Y",
            "mask": "",
            "us_regions": "",
        },
    ]
    assert cohort.patients.to_dict("records") == [
        {"patient": "a", "age_years": "41"},
        {"patient": "b", "age_years": "52"},
    ]
    assert not cohort.problems and not cohort.is_secret


def test_a_lost_mask_is_listed(folder):
    (folder / "masks" / "a-1.png").unlink()
    cohort = read(folder, SOURCE)
    assert [problem[:1] + problem[2:4] for problem in cohort.problems] == [
        ("row without its mask file", "images/a-1.jpg", 2)
    ]
    assert list(cohort.images["file"]) == ["images/b-1.jpg"]


def test_a_half_written_row_is_listed(folder):
    (folder / "images.csv").write_text("file,patient,finding,pathology,device,mask\nimages/a-1.jpg,a\n")
    problems = {(problem.problem, problem.row, problem.file) for problem in read(folder, SOURCE).problems}
    assert ("row with more or fewer cells than the headings", 2, "") in problems
    assert ("file without a row", 0, "images/a-1.jpg") in problems


@pytest.mark.parametrize("rows", ["a,41\nb\n", "a,41\na,42\n"])
def test_a_damaged_table_of_patients_is_refused(folder, rows):
    (folder / "patients.csv").write_text("patient,age_years\n" + rows)
    with pytest.raises(InputError, match=r"patients\.csv: is damaged; run `dvc repro -f phantom`"):
        read(folder, SOURCE)
