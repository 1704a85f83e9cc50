"""DICOM files joined with a spreadsheet: what serves, what is listed as a problem, and what is not let out."""

import dicom_files as files
import numpy as np
import pytest
from pydicom import Dataset, uid

from nonmass.cohorts.cohort import IMAGE_COLUMNS, Problem
from nonmass.cohorts.dicom import DicomSource, read
from nonmass.errors import InputError
from nonmass.params import validate

HEADINGS = ["Untersuchung", "Befund", "Histologie", "Alter"]
ROWS = [
    ["A001", "NML", "1", "41"],
    ["A002", "o.B.", "", "52"],
    ["A003", "NML", "0", "41"],
]


def source(**changes):
    given = {
        "adapter": "dicom",
        "table": "liste.csv",
        "key": "AccessionNumber",
        "columns": {"key": "Untersuchung", "finding": "Befund", "pathology": "Histologie"},
        "values": {"finding": {"NML": "non_mass", "o.B.": "normal"}, "pathology": {"0": "benign", "1": "malignant"}},
        "frames": "first",
        "patient_ids": "keep",
        "extra": {"age_years": "Alter"},
    }
    return validate(given | changes, DicomSource, "sources.clinic")


def write(folder, rows, headings=HEADINGS):
    lines = [",".join(row) for row in [headings, *rows]]
    (folder / "liste.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Two examinations of one patient, and a clip of another."""
    box = files.with_regions(files.region((10, 5, 19, 24)))
    files.still(tmp_path / "DISK" / "IM0001", PatientID="P001", AccessionNumber="A001", **box)
    files.still(tmp_path / "DISK" / "IM0002.dcm", PatientID="P001", AccessionNumber="A001 ")
    files.clip(tmp_path / "clip.jpg", files.drawn(frames=5), PatientID="P002", AccessionNumber="A002")
    files.still(tmp_path / "1.2.840.99", PatientID="P001", AccessionNumber="A003", ManufacturerModelName="T 7")
    (tmp_path / "DICOMDIR").write_bytes(b"no image")
    files.still(tmp_path / ".hidden.dcm", AccessionNumber="A009")
    files.still(tmp_path / ".Trash" / "b.dcm", AccessionNumber="A009")
    (tmp_path / "notes.txt").write_text("nothing")
    write(tmp_path, ROWS)
    return tmp_path


def listed(cohort):
    return cohort.images[["file", "frame", "row", "patient", "finding", "pathology", "device"]].to_numpy().tolist()


def test_each_file_gets_the_labels_of_its_row(folder):
    cohort = read(folder, source())
    assert cohort.problems == () and not cohort.is_secret
    assert tuple(cohort.images.columns) == IMAGE_COLUMNS
    assert listed(cohort) == [
        ["1.2.840.99", 0, 4, "P001", "non_mass", "benign", "Tonewave T 7"],
        ["DISK/IM0001", 0, 2, "P001", "non_mass", "malignant", "Tonewave T 5"],
        ["DISK/IM0002.dcm", 0, 2, "P001", "non_mass", "malignant", "Tonewave T 5"],
        ["clip.jpg", 0, 3, "P002", "normal", "", "Tonewave T 5"],
    ]
    assert list(cohort.images["us_regions"]) == ["", "10,5,20,25", "", ""] and set(cohort.images["mask"]) == {""}
    assert cohort.patients.to_dict("records") == [
        {"patient": "P001", "age_years": "41"},
        {"patient": "P002", "age_years": "52"},
    ]
    assert read(folder, source(patient_ids="hash")).is_secret


@pytest.mark.parametrize(("frames", "expected"), [("first", [0]), ("middle", [2]), ("all", [0, 1, 2, 3, 4])])
def test_frames_of_a_clip(folder, frames, expected):
    images = read(folder, source(frames=frames)).images
    assert images.loc[images["file"] == "clip.jpg", "frame"].tolist() == expected
    assert images.loc[images["file"] != "clip.jpg", "frame"].tolist() == [0, 0, 0]
    assert images["frame"].dtype == np.int64


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("PatientID", ["P001", "P002"]),
        ("StudyInstanceUID", ["1.2.3", "1.2.4"]),
        ("SOPInstanceUID", ["1.2.3", "1.2.4"]),
        ("file", ["x\\a", "./b.dcm"]),
    ],
)
def test_all_kinds_of_keys(tmp_path, key, keys):
    files.still(tmp_path / "x" / "a", PatientID="P001", StudyInstanceUID="1.2.3", SOPInstanceUID="1.2.3")
    files.still(tmp_path / "b.dcm", PatientID="P002", StudyInstanceUID="1.2.4", SOPInstanceUID="1.2.4")
    write(tmp_path, [[keys[0], "mass", "1", "41"], [keys[1], "mass", "0", "52"]])
    cohort = read(tmp_path, source(key=key))
    assert cohort.problems == ()
    assert sorted(cohort.images[["file", "patient", "pathology"]].to_numpy().tolist()) == [
        ["b.dcm", "P002", "benign"],
        ["x/a", "P001", "malignant"],
    ]


def test_the_device_of_the_spreadsheet_comes_first(folder):
    write(folder, [[*row, "Brightlobe"] for row in ROWS], [*HEADINGS, "Gerät"])
    columns = {"key": "Untersuchung", "finding": "Befund", "pathology": "Histologie", "device": "Gerät"}
    assert set(read(folder, source(columns=columns)).images["device"]) == {"Brightlobe"}


def report(folder):
    """A structured report of the first patient, as machines put beside the images."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.5"
    made.Modality, made.PatientID, made.AccessionNumber = "SR", "P001", "A001"
    files.save(folder / "SR", made)


def test_all_problems_of_files_come_at_once(folder):
    report(folder)
    made = files.dataset(files.drawn())
    del made.PixelData
    files.save(folder / "presentation", made)
    files.still(folder / "mammogram", Modality="MG")
    files.save(folder / "video", files.dataset(files.drawn()), uid.MPEG4HP41, [b"\0\0\1\xb3"])
    files.still(folder / "wide", BitsStored=7)
    (folder / "cut").write_bytes(files.still(folder / "nobody", PatientID="").read_bytes()[:-99])
    files.still(folder / "keyless", AccessionNumber="")
    files.still(folder / "rowless", AccessionNumber="A077")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (folder / "IM0009").write_bytes(b"")
    cohort = read(folder, source())
    take_out = "take it out"
    no_image = "take it out, or export it again if it should hold one"
    assert sorted(cohort.problems) == sorted(
        [
            Problem("file of another modality", take_out, "SR", value="SR"),
            Problem("file of another modality", take_out, "mammogram", value="MG"),
            Problem("DICOM file without an image", no_image, "presentation"),
            Problem(
                "DICOM file holds a video",
                "export still pictures",
                "video",
                value="MPEG-4 AVC/H.264 High Profile / Level 4.1",
            ),
            Problem("image is not 8-bit", "export 8-bit gray or RGB", "wide", value="7 of 8 bits"),
            Problem("pixel data are cut off", "copy the file again, or export it again", "cut"),
            Problem("DICOM file without a PatientID", "fill it in, or take the file out", "nobody"),
            Problem(
                "DICOM file without its key",
                "fill it in, choose another key, or take the file out",
                "keyless",
                value="AccessionNumber",
            ),
            Problem("DICOM file without a row", "add a row, or take it out", "rowless", value="A077"),
            Problem("file that is not DICOM", "export it again, or take it out", "IM0009"),
            Problem("file that is not DICOM", "export it again, or take it out", "photo.png"),
        ]
    )
    assert len(cohort.images) == 4


def test_all_problems_of_rows_come_at_once(folder):
    rows = [*ROWS, ["A003", "NML", "1", "41"], ["", "NML", "1", "41"], ["A088", "NML", "1", "41"]]
    write(folder, [["A001", "NLM", "1", "41"], *rows[1:]])
    cohort = read(folder, source())
    assert sorted(cohort.problems) == sorted(
        [
            Problem(
                "unknown finding", "say what the word means under values.finding, or correct it", row=2, value="NLM"
            ),
            Problem("key in several rows", "keep one row for each key", row=4),
            Problem("key in several rows", "keep one row for each key", row=5),
            Problem("row without a key", "fill it in, or take the row out", row=6),
            Problem("row without a DICOM file", "add one, or take it out", row=7, value="A088"),
        ]
    )
    assert list(cohort.images["file"]) == ["clip.jpg"]  # the others' rows are faulty, but they are no orphans


@pytest.mark.parametrize(("tag", "cell"), [("0042", "42"), ("42", "0042"), ("42", "42.0"), ("00 42", "0042")])
def test_a_key_that_a_spreadsheet_has_changed_is_no_guess(tmp_path, tag, cell):
    files.still(tmp_path / "a", PatientID=tag)
    write(tmp_path, [[cell, "mass", "1", "41"]])
    cohort = read(tmp_path, source(key="PatientID"))
    what, remedy = "key in file and row differs in zeros or blanks only", "write it as text, as it stands in the file"
    assert cohort.problems == (Problem(what, remedy, "a", value=tag), Problem(what, remedy, row=2, value=cell))
    assert cohort.images.empty and cohort.patients.empty


def test_blanks_around_a_key_do_not_count(tmp_path):
    files.still(tmp_path / "a", PatientID=" 0042 ")
    write(tmp_path, [["  0042", "mass", "1", "41"]])
    assert list(read(tmp_path, source(key="PatientID")).images["patient"]) == ["0042"]


def test_a_row_whose_files_are_of_two_patients_serves_neither(folder):
    files.still(folder / "other", PatientID="P007", AccessionNumber="A001")
    cohort = read(folder, source())
    remedy = "correct the key or the PatientID in the files, or take them out"
    assert cohort.problems == (Problem("row whose files are of several patients", remedy, row=2),)
    assert set(cohort.images["row"]) == {3, 4}


def test_one_patient_with_two_ages(folder):
    write(folder, [ROWS[0], ROWS[1], [*ROWS[2][:3], "42"]])
    cohort = read(folder, source())
    remedy = "make it one value a patient, or leave it out of `extra`"
    assert sorted(cohort.problems) == [Problem("age_years differs within a patient", remedy, row=row) for row in (2, 4)]
    assert list(cohort.images["patient"]) == ["P002"] and list(cohort.patients["patient"]) == ["P002"]


def test_links_that_lead_out_are_not_opened(folder, tmp_path_factory):
    outside = files.still(tmp_path_factory.mktemp("outside") / "a.dcm", AccessionNumber="A002", PatientID="P002")
    (folder / "out.dcm").symlink_to(outside)
    (folder / "gone.dcm").symlink_to(folder / "nowhere")
    (folder / "in.dcm").symlink_to(folder / "clip.jpg")
    cohort = read(folder, source())
    what = "link that leads out of the cohort's folder, or nowhere"
    assert cohort.problems == tuple(Problem(what, "copy the file in", file) for file in ("gone.dcm", "out.dcm"))
    assert "in.dcm" in set(cohort.images["file"])


def test_names_in_other_alphabets_and_in_none(tmp_path):
    """What is no UTF-8 is left to the inventory, which lists it; here it must only not stop the others."""
    names = ["Желтый", b"\xff.dcm".decode("utf-8", "surrogateescape")]
    for number, name in enumerate(names):
        files.still(tmp_path / name, PatientID=f"Ж{number}")
    write(tmp_path, [["Ж0", "mass", "1", "41"], ["Ж1", "mass", "1", "42"]])
    cohort = read(tmp_path, source(key="PatientID"))
    assert cohort.problems == () and sorted(cohort.images["file"]) == sorted(names)
    assert dict(zip(cohort.images["file"], cohort.images["patient"], strict=True)) == {names[0]: "Ж0", names[1]: "Ж1"}


def test_no_identity_leaves_but_in_the_columns_that_become_pseudonyms(folder):
    secrets = [*files.SECRETS.values(), files.PRIVATE, "Tumrolin", "A00", "P00"]
    report(folder)
    for name, elements in {
        "Tumrolin_1": {"AccessionNumber": "A001", "PatientID": "P001"},
        "Tumrolin_2": {"AccessionNumber": "A001", "Modality": "TUMROLIN"},
        "Tumrolin_3": {"AccessionNumber": "A00777", "PatientID": ""},
        "Tumrolin_4": {"PhotometricInterpretation": "TUMROLIN"},
        "Tumrolin_5": {"BitsStored": 12},
    }.items():
        files.still(folder / name, **elements)
    cohort = read(folder, source(patient_ids="hash"))
    shown = cohort.images.drop(columns=["file", "patient"]).to_csv() + cohort.patients.drop(columns="patient").to_csv()
    shown += "".join(f"{problem.problem} {problem.remedy}" for problem in cohort.problems)
    assert len(cohort.problems) == 6
    assert not [secret for secret in secrets if secret.lower() in shown.lower()]
    read_values = {problem.value for problem in cohort.problems} - {"A00777"}  # a key: blanked where ids are secret
    assert read_values == {"", "SR", "12 of 8 bits"}


def test_a_folder_without_dicom_has_no_images(tmp_path):
    write(tmp_path, ROWS)
    cohort = read(tmp_path, source(frames="all"))
    assert cohort.images.empty and len(cohort.problems) == 3


def test_params_are_strict():
    with pytest.raises(InputError, match=r"sources\.clinic\.key: input should be 'PatientID', 'AccessionNumber'"):
        source(key="PatientName")
    with pytest.raises(InputError, match=r"sources\.clinic\.frames: input should be 'first', 'middle' or 'all'"):
        source(frames="last")
    with pytest.raises(InputError, match=r"columns\.patient: unknown key; allowed: device, finding, key, pathology"):
        source(columns={"key": "a", "finding": "b", "patient": "c"})
