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
    assert [tuple(row) for row in images.itertuples(index=False)][1:] == [
        ("Images/bus_0001-r.png", "1", "mass", "benign", "GE Logiq 7 @10-14MHz", "Masks/mask_0001-r.png"),
        ("Images/bus_0002-s.png", "2", "mass", "malignant", "U-Systems @10-14MHz", "Masks/mask_0002-s.png"),
    ]


def test_a_patients_birads_is_the_highest_of_her_images(folder):
    patients = read(folder, SOURCE).patients.set_index("patient")
    assert dict(patients["birads"]) == {"1": "4", "2": "5"}


def test_orphans_of_both_kinds_are_counted_and_named(folder):
    (folder / "Images" / "bus_0001-l.png").unlink()
    (folder / "Masks" / "mask_0009-l.png").write_bytes(b"png")
    (folder / "Masks" / "._mask_0001-l.png").write_bytes(b"of a Mac")
    with pytest.raises(InputError) as error:
        read(folder, SOURCE)
    assert "1 row(s) without a file: Images/bus_0001-l.png" in str(error.value)
    assert "1 file(s) without a row: Masks/mask_0009-l.png" in str(error.value)
