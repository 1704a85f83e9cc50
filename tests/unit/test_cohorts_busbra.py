"""BUS-BRA: the table joined with the files, on a hand-made folder with the set's own headings."""

import pytest

from nonmass.cohorts.busbra import BusbraSource, read
from nonmass.errors import InputError

SOURCE = BusbraSource(adapter="busbra")
HEADING = "ID,Case,Histology,Pathology,BIRADS,Device,Width,Height,Side,BBOX\n"
ROWS = (
    'bus_0001-l,1,fibroadenoma,benign,3,GE Logiq 7 @10-14MHz ,274,353,left,"[91,24,103,79]"\n'
    'bus_0001-r,1,fibroadenoma,benign,4,GE Logiq 7 @10-14MHz ,275,353,right,"[102,24,82,79]"\n'
    'bus_0002-s,2,carcinoma,malignant,5,U-Systems @10-14MHz,275,353,single,"[1,2,3,4]"\n'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bus_data.csv").write_text(HEADING + ROWS)
    for name in ("0001-l", "0001-r", "0002-s"):
        for file in (f"Images/bus_{name}.png", f"Masks/mask_{name}.png"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_bytes(b"png")
    return tmp_path


def test_rows(folder):
    images = read(folder, SOURCE).images
    wanted = images[["file", "frame", "row", "patient", "finding", "pathology", "device", "mask"]]
    assert list(wanted.itertuples(index=False, name=None))[1:] == [
        ("Images/bus_0001-r.png", 0, 3, "1", "mass", "benign", "GE Logiq 7 @10-14MHz", "Masks/mask_0001-r.png"),
        ("Images/bus_0002-s.png", 0, 4, "2", "mass", "malignant", "U-Systems @10-14MHz", "Masks/mask_0002-s.png"),
    ]


def test_a_patients_birads_is_the_highest_of_her_images(folder):
    patients = read(folder, SOURCE).patients.set_index("patient")
    assert dict(patients["birads"]) == {"1": "4", "2": "5"}


def test_patients_get_the_fold_whose_test_part_they_are_in(folder):
    assert "official_fold" not in read(folder, SOURCE).patients
    folds = "ID,kFold\nbus_0001-l,4\nbus_0001-r,4\nbus_0002-s,2\n"
    (folder / "5-fold-cv.csv").write_text(folds)
    assert list(read(folder, SOURCE).patients["official_fold"]) == ["4", "2"]
    for broken in (folds.replace("r,4", "r,1"), folds.replace("bus_0002-s,2\n", ""), folds + "x\n"):
        (folder / "5-fold-cv.csv").write_text(broken)
        with pytest.raises(InputError, match=r"5-fold-cv\.csv: does not give every case of bus_data\.csv one fold"):
            read(folder, SOURCE)


def test_orphans_of_both_kinds_are_listed_and_the_rest_is_read(folder):
    (folder / "Images" / "bus_0001-l.png").unlink()
    (folder / "Masks" / "mask_0002-s.png").unlink()
    (folder / "Masks" / "mask_0009-l.png").write_bytes(b"png")
    (folder / "Masks" / "._mask_0001-l.png").write_bytes(b"of a Mac")
    cohort = read(folder, SOURCE)
    assert [(problem.problem, problem.file, problem.row) for problem in cohort.problems] == [
        ("row without an image file", "Images/bus_0001-l.png", 2),
        ("row without its mask file", "Images/bus_0002-s.png", 4),
        ("file without a row", "Masks/mask_0009-l.png", 0),
    ]
    assert list(cohort.images["file"]) == ["Images/bus_0001-r.png"]


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        (ROWS.replace("carcinoma,malignant", "carcinoma,unclear"), [("unknown pathology", 4, "unclear")]),
        (ROWS + ROWS[ROWS.index("bus_0002") :], [("file in several rows", 4, ""), ("file in several rows", 5, "")]),
    ],
)
def test_faulty_rows_are_listed_and_not_read(folder, rows, problems):
    (folder / "bus_data.csv").write_text(HEADING + rows)
    cohort = read(folder, SOURCE)
    assert [(problem.problem, problem.row, problem.value) for problem in cohort.problems] == problems
    assert list(cohort.images["patient"]) == ["1", "1"]
