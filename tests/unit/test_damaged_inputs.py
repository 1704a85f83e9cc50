"""Over a hundred damaged inputs through `ingest`: each gives the lines it must, and takes nothing sound with it."""

import importlib.util
import json
from pathlib import Path

import damaged_inputs as inputs
import pandas as pd
import pytest
from damaged_inputs import CONTENTS, FILES, TABLE_FILES, TABLES, UNREADABLE_TABLES, WORKBOOKS

from nonmass.doctor.diagnosis import as_json, as_text
from nonmass.doctor.examination import examine, find_place
from nonmass.errors import InputError

SALT = "a secret of this test"
PARAMS = """
cohorts: [clinic, other]
parallel: {dask_scheduler: ""}
sources:
  clinic:
    adapter: folder
    table: TABLE
    columns: {file: file, patient: who, finding: finding, pathology: histology, device: machine, mask: mask}
    patient_ids: KEEP
    extra: {age_years: age}
"""
SOUND = {"a/1.png", "a/2.jpg", "3.png"}
FORMATS = "JPEG, PNG, BMP, TIFF, GIF, WEBP"

# (problem, remedy) -> how they are called below.
UNREADABLE = "file is no readable image"
CUT = (UNREADABLE, "export it again")
NO_KIND = (UNREADABLE, f"export it as one of {FORMATS}", "not a readable image, or broken at its start")
BOMB = (UNREADABLE, "export a smaller one", "image has more than 64000000 pixels")
DEEP = (UNREADABLE, "export 8-bit gray or RGB", "image has more than 8 bits a channel")
CMYK = (UNREADABLE, "export 8-bit gray or RGB", "image is CMYK")
CLEAR = (UNREADABLE, "export it without transparency", "image is partly transparent")
FRAMES = (UNREADABLE, "export a single still picture", "image has 2 frames")
CUT_DICOM = (UNREADABLE, "copy the file again, or export it again", "pixel data are cut off")


def corrupt(reason):
    return (*CUT, f"image is truncated or corrupt ({reason})")


# Of 3.png: problem, remedy, value.
EXPECTED_OF_CONTENTS = {
    "empty": (*CUT, "image file is empty"),
    "zeros, as a failed disk leaves them": NO_KIND,
    "text": NO_KIND,
    "web page": NO_KIND,
    "SVG": NO_KIND,
    "PDF": NO_KIND,
    "ZIP": NO_KIND,
    "PNG cut in its signature": NO_KIND,
    "PNG cut in its header": corrupt("Truncated File Read"),
    "PNG cut before its pixels": NO_KIND,
    "PNG cut in its pixels": corrupt("image file is truncated"),
    "PNG with a flipped byte": corrupt("broken data stream when reading image file"),
    "PNG without pixels": corrupt("cannot load this image"),
    "JPEG cut in its header": corrupt("Truncated File Read"),
    "JPEG cut in its pixels": corrupt("image file is truncated (2 bytes not processed)"),
    "TIFF cut in its pixels": corrupt("image file is truncated (68 bytes not processed)"),
    "GIF cut in its pixels": corrupt("image file is truncated (53 bytes not processed)"),
    "BMP cut in its pixels": corrupt("image file is truncated (13 bytes not processed)"),
    "WebP cut in its pixels": corrupt("could not create decoder object"),
    "PNG bomb": BOMB,
    "PNG bomb in a text": corrupt("Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
    "JPEG bomb": BOMB,
    "GIF bomb": BOMB,
    "BMP bomb": BOMB,
    "TIFF bomb": BOMB,
    "16-bit gray": DEEP,
    "16-bit colour": DEEP,
    "32-bit TIFF": DEEP,
    "CMYK JPEG": CMYK,
    "CMYK TIFF": CMYK,
    "transparent PNG": CLEAR,
    "PNG with one transparent level": CLEAR,
    "animated GIF": FRAMES,
    "animated PNG": FRAMES,
    "animated WebP": FRAMES,
    "TIFF of two pages": FRAMES,
    "DICOM cut after its preamble": (
        UNREADABLE,
        "convert it to Explicit VR Little Endian, or export it again",
        "transfer syntax of the DICOM file is not read here (unknown)",
    ),
    "DICOM cut in its header": (
        UNREADABLE,
        "take it out, or export it again if it should hold one",
        "DICOM file without an image",
    ),
    "DICOM cut in its pixels": CUT_DICOM,
    "DICOM bomb": (UNREADABLE, "export a smaller one", "image has more than 64000000 pixels (65000 x 65000)"),
    "DICOM that claims more rows": CUT_DICOM,
    "DICOM of 16 bits": (UNREADABLE, "export 8-bit gray or RGB", "image is not 8-bit (values up to 40000)"),
    "DICOM video": (
        UNREADABLE,
        "export still pictures",
        "DICOM file holds a video (MPEG-4 AVC/H.264 High Profile / Level 4.1)",
    ),
    "DICOM clip that lost frames": CUT_DICOM,
}

NO_ROW = ("file without a row", "add a row, or take the file out")
NO_IMAGE = ("row without an image file", f"add the file ({FORMATS}; letter case counts), or take the row out")
NO_MASK = ("row without its mask file", "add the mask, or empty its cell")
LEADS_OUT = ("file leads out of the cohort's folder", "copy it in, in the place of the link")
OUTSIDE = ("file outside the cohort's folder", "copy it in, and name it relative to the folder")
ODD_NAME = ("file name holds unprintable characters", "rename it in plain UTF-8 letters")
TWICE = ("file in several rows", "keep one row for each file")
FINDING = ("unknown finding", "say what the word means under values.finding, or correct it")
PATHOLOGY = ("unknown pathology", "say what the word means under values.pathology, or correct it")
NO_PATIENT = ("row without a patient", "say whose image it is, or take the row out")
NO_NAME = ("row without a file name", "name the file, or take the row out")
AGE = ("age_years differs within a patient", "make it one value a patient, or leave it out of `extra`")
UNEVEN = ("row with more or fewer cells than the headings", "give it as many cells as the headings have")
NORMAL = ("normal tissue with a pathology", "leave the pathology empty, or correct the finding")
NO_FILE = (UNREADABLE, "take it out")

# File, row, (problem, remedy), value.
EXPECTED_OF_FILES = {
    "folder": [("3.png", 0, (UNREADABLE, "rename it"), "is a folder, not an image")],
    "pipe": [("3.png", 0, NO_FILE, "is a pipe, socket or device, not an image")],
    "socket": [("3.png", 0, NO_FILE, "is a pipe, socket or device, not an image")],
    "link to nowhere": [("3.png", 0, (UNREADABLE, "copy the image in its place"), "is a link that leads nowhere")],
    "link to itself": [("3.png", 0, (UNREADABLE, "copy the image in its place"), "is a link that leads nowhere")],
    "link out of the folder": [("3.png", 0, LEADS_OUT, "")],
    "link to a device": [("3.png", 0, LEADS_OUT, "")],
    "lost image": [("3.png", 4, NO_IMAGE, "")],
    "orphan": [("a/4.png", 0, NO_ROW, "")],
    "orphan that is no image": [("a/4.png", 0, NO_ROW, "")],
    "another letter case": [("3.PNG", 0, NO_ROW, ""), ("3.png", 4, NO_IMAGE, "")],
    "another suffix": [("3.png", 4, NO_IMAGE, "")],
    "name that is not UTF-8": [("caf\\udce9.png", 0, NO_ROW, ""), ("3.png", 4, NO_IMAGE, "")],
    "name of two lines": [("3\\n.png", 0, ODD_NAME, "")],
    "name that moves the cursor": [("\\x1b[2J.png", 0, ODD_NAME, "")],
    "lost mask": [("a/1.png", 2, NO_MASK, "")],
    "empty mask file": [("m/1.png", 0, CUT, "image file is empty")],
    "cut mask": [("m/1.png", 0, CUT, "image is truncated or corrupt (image file is truncated)")],
    "mask of another size": [
        (
            "m/1.png",
            0,
            ("mask is not as large as its image", "export it again at the image's size"),
            "9 x 7 px, its image 90 x 70 px",
        )
    ],
    "16-bit mask": [("m/1.png", 0, DEEP[:2], DEEP[2])],
    "mask out of the folder": [("m/1.png", 0, LEADS_OUT, "")],
    "damaged image with a damaged mask": [
        ("a/1.png", 0, CUT, "image file is empty"),
        ("m/1.png", 0, CUT, "image file is empty"),
    ],
}
EXPECTED_OF_TABLES = {
    "absolute path": [("/etc/3.png", 4, OUTSIDE, ""), ("3.png", 0, NO_ROW, "")],
    "path from above": [("../3.png", 4, OUTSIDE, ""), ("3.png", 0, NO_ROW, "")],
    "path from above in the middle": [("a/../../3.png", 4, OUTSIDE, ""), ("3.png", 0, NO_ROW, "")],
    "Windows path": [("C:/images/3.png", 4, OUTSIDE, ""), ("3.png", 0, NO_ROW, "")],
    "network path": [("//server/images/3.png", 4, OUTSIDE, ""), ("3.png", 0, NO_ROW, "")],
    "mask from above": [("a/1.png", 2, OUTSIDE, "")],
    "mask that is not there": [("a/1.png", 2, NO_MASK, "")],
    "file in two rows": [("3.png", 4, TWICE, ""), ("3.png", 5, TWICE, "")],
    "file in two rows of two patients": [("3.png", 4, TWICE, ""), ("3.png", 5, TWICE, "")],
    "row without a file": [("3.png", 0, NO_ROW, ""), ("", 4, NO_NAME, "")],
    "row without a patient": [("3.png", 4, NO_PATIENT, "")],
    "unknown finding": [("3.png", 4, FINDING, "NML")],
    "finding in another letter case": [("3.png", 4, FINDING, "Normal")],
    "unknown pathology": [("a/2.jpg", 3, PATHOLOGY, "B3")],
    "word of two lines": [("3.png", 4, FINDING, "nor\\nmal")],
    "normal tissue with a pathology": [("3.png", 4, NORMAL, "")],
    "two ages of one patient": [("a/1.png", 2, AGE, ""), ("a/2.jpg", 3, AGE, "")],
    "age of one row of two": [("a/1.png", 2, AGE, ""), ("a/2.jpg", 3, AGE, "")],
    "short row": [("", 5, UNEVEN, "")],
    "long row": [("", 5, UNEVEN, "")],
    "two faults of one row": [("3.png", 4, NO_PATIENT, ""), ("3.png", 4, FINDING, "NML")],
    "headings alone": [(file, 0, NO_ROW, "") for file in ("3.png", "a/1.png", "a/2.jpg", "m/1.png")],
}
EXPECTED_OF_WORKBOOKS = {"formulas that nobody computed": [("3.png", 4, NO_PATIENT, "")]}

NO_UTF8 = "is not UTF-8 text; save it as 'CSV UTF-8'"
ZEROS = "is not UTF-8 text (it holds zero bytes); save it as 'CSV UTF-8'"
OPEN_QUOTE = "is a quotation mark left open?"
NO_HEADINGS = "the first row holds no headings; see docs/data.md"
LACKS_ALL = "lacks column(s) age, file, finding, histology, machine, mask, who; "
ERRORS_OF_TABLES = {
    "empty": NO_HEADINGS,
    "blank first row": NO_HEADINGS,
    "title above the headings": f"{LACKS_ALL}it has Export of 1 May",
    "Latin-1": NO_UTF8,
    "UTF-16": NO_UTF8,
    "UTF-16 without its mark": ZEROS,
    "quotation mark left open": f"not readable as a table: line 4: unexpected end of data; {OPEN_QUOTE}",
    "quotation mark in the middle": f"not readable as a table: line 3: ',' expected after '\"'; {OPEN_QUOTE}",
    "zero byte": ZEROS,
    "endless cell": f"not readable as a table: line 4: field larger than field limit (131072); {OPEN_QUOTE}",
    "heading missing": "lacks column(s) machine; it has file, who, finding, histology, device, mask, age",
    "heading twice": "has more than one column who; rename one",
    "separator that is none": f"{LACKS_ALL}it has file|who|finding|histology|machine|mask|age",
    "PNG": NO_UTF8,
}
SAVE_XLSX = "save it as 'Excel workbook (.xlsx)' or as 'CSV UTF-8'"
ERRORS_OF_WORKBOOKS = {
    "CSV": f"is no XLSX file; {SAVE_XLSX}",
    "old Excel, or one with a password": f"is no XLSX file; {SAVE_XLSX}",
    "cut": f"is no XLSX file; {SAVE_XLSX}",
    "another ZIP": f"not readable as XLSX (OSError); {SAVE_XLSX}",
    "broken XML": f"not readable as XLSX (ParseError); {SAVE_XLSX}",
    "number that is a name": f"not readable as XLSX (ValueError); {SAVE_XLSX}",
    "bomb": f"unpacks to 2147499660 bytes, at most 500000000 are read; {SAVE_XLSX}",
    "empty sheet": NO_HEADINGS,
}
ERRORS_OF_TABLE_FILES = {
    "lost": "not found; see docs/data.md",
    "folder": "is no file; see docs/data.md",
    "pipe": "is no file; see docs/data.md",
    "link out of the folder": "leads out of the cohort's folder; copy it in",
    "link to itself": "not found; see docs/data.md",
}

# What is done to the folder, which table is read, and what must be listed.
LISTED = [
    *(
        pytest.param(inputs.put("3.png", CONTENTS[name]), "list.csv", [("3.png", 0, fault[:2], fault[2])], id=name)
        for name, fault in EXPECTED_OF_CONTENTS.items()
    ),
    *(pytest.param(FILES[name], "list.csv", faults, id=name) for name, faults in EXPECTED_OF_FILES.items()),
    *(
        pytest.param(inputs.put("list.csv", TABLES[name]), "list.csv", faults, id=name)
        for name, faults in EXPECTED_OF_TABLES.items()
    ),
    *(
        pytest.param(inputs.put("list.xlsx", WORKBOOKS[name]), "list.xlsx", faults, id=name)
        for name, faults in EXPECTED_OF_WORKBOOKS.items()
    ),
]
# What is done to the folder, which table is read, and the error.
REFUSED = [
    *(pytest.param(inputs.put("list.csv", UNREADABLE_TABLES[name]), "list.csv", error, id=f"table: {name}")
      for name, error in ERRORS_OF_TABLES.items()),
    *(pytest.param(inputs.put("list.xlsx", WORKBOOKS[name]), "list.xlsx", error, id=f"workbook: {name}")
      for name, error in ERRORS_OF_WORKBOOKS.items()),
    *(pytest.param(TABLE_FILES[name], "list.csv", error, id=f"table is: {name}")
      for name, error in ERRORS_OF_TABLE_FILES.items()),
]  # fmt: skip


def test_every_damaged_input_is_expected_to_give_something():
    assert set(EXPECTED_OF_CONTENTS) == set(CONTENTS)
    assert set(EXPECTED_OF_FILES) == set(FILES)
    assert set(EXPECTED_OF_TABLES) == set(TABLES)
    assert set(ERRORS_OF_TABLES) == set(UNREADABLE_TABLES)
    assert set(ERRORS_OF_WORKBOOKS) | set(EXPECTED_OF_WORKBOOKS) == set(WORKBOOKS)
    assert set(ERRORS_OF_TABLE_FILES) == set(TABLE_FILES)
    assert len(LISTED) + len(REFUSED) > 100


@pytest.fixture
def folder(tmp_path, monkeypatch, project):
    """A sound cohort in a workplace; `ingest` is called as a function there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NONMASS_SALT", SALT)
    inputs.sound_cohort(tmp_path / "raw/clinic")
    return tmp_path / "raw/clinic"


@pytest.fixture
def ingest(folder, project):
    """Runs the stage with a table, ids kept or hashed; gives the tables that it wrote."""
    spec = importlib.util.spec_from_file_location("stage_ingest", project / "stages" / "ingest.py")
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)

    def run(table="list.csv", patient_ids="keep"):
        set_params(table, patient_ids)
        stage.main("clinic", Path("raw"), Path("out"))
        return {path.stem: pd.read_csv(path, keep_default_na=False, dtype=str) for path in Path("out").glob("*.csv")}

    return run


def set_params(table, patient_ids):
    Path("params.yaml").write_text(PARAMS.replace("TABLE", table).replace("KEEP", patient_ids))


def blamed(faults):
    """Sound files that an expected fault takes away."""
    owner = {"m/1.png": "a/1.png", "../3.png": "3.png"}
    owner |= dict.fromkeys(("3\\n.png", "\\x1b[2J.png"), "3.png")  # under its new name
    files = {owner.get(file, file) for file, *_ in faults}
    return SOUND & (files | ({"3.png"} if any(row == 4 for _, row, *_ in faults) else set()))


def test_nothing_is_wrong_with_the_sound_cohort(ingest, folder):
    tables = ingest()
    assert tables["problems"].empty
    assert {path.removeprefix("clinic/") for path in tables["files"]["path"]} == SOUND
    (folder / "list.xlsx").write_bytes(inputs.workbook())
    assert ingest("list.xlsx")["files"].equals(tables["files"])
    assert not examine(find_place(folder)).findings


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf" + inputs.table().encode(), inputs.table(separator=";"), inputs.table().replace("\n", "\r\n"),
    inputs.table().replace("a/1.png", "a\\1.png").replace("3.png", "./3.png"), inputs.table() + ",,,,,,\n\n",
])  # fmt: skip
def test_what_is_odd_but_clear_is_read(ingest, folder, content):
    expected = ingest()["files"]
    inputs.put("list.csv", content)(folder)
    tables = ingest()
    assert tables["problems"].empty and tables["files"].equals(expected)


@pytest.mark.parametrize(("damage", "table", "faults"), LISTED)
def test_damage_is_listed_exactly_and_takes_nothing_else_with_it(ingest, folder, damage, table, faults):
    damage(folder)
    tables = ingest(table)
    listed = tables["problems"][["file", "row", "problem", "remedy", "value"]]
    expected = {(file, str(row), problem, remedy, value) for file, row, (problem, remedy), value in faults}
    assert set(listed.itertuples(index=False, name=None)) == expected
    assert len(listed) == len(expected)
    assert {path.removeprefix("clinic/") for path in tables["files"]["path"]} == SOUND - blamed(faults)


@pytest.mark.parametrize(("damage", "table", "faults"), LISTED)
def test_damage_is_listed_without_a_name_where_names_are_secret(ingest, folder, damage, table, faults):
    damage(folder)
    tables = ingest(table, "hash")
    kinds = sorted((row, problem, remedy) for _, row, (problem, remedy), _ in faults)
    listed = tables["problems"][["row", "problem", "remedy"]].itertuples(index=False, name=None)
    assert sorted((int(row), problem, remedy) for row, problem, remedy in listed) == kinds
    written = "".join(path.read_text() for path in Path("out").rglob("*.csv"))
    for name in ("Ms A", "Ms B", "Ms C", "a/1", "a/2", "3.png", "3.PNG", "NML", "B3", str(folder)):
        assert name not in written, name


@pytest.mark.parametrize(("damage", "table", "error"), REFUSED)
@pytest.mark.parametrize("patient_ids", ["keep", "hash"])
def test_a_table_that_cannot_be_read_is_one_line(ingest, folder, damage, table, error, patient_ids):
    damage(folder)
    with pytest.raises(InputError) as caught:
        ingest(table, patient_ids)
    if patient_ids == "hash" and error.startswith(LACKS_ALL):
        error = f"{LACKS_ALL}row 1 holds 1 other cells"  # it may be a patient's
    assert str(caught.value) == f"raw/clinic/{table}: {error}"
    assert not Path("out").exists()
    assert "Ms " not in str(caught.value)


@pytest.mark.parametrize(("damage", "table", "faults"), LISTED)
def test_the_doctor_says_the_same(folder, damage, table, faults):
    damage(folder)
    set_params(table, "keep")
    diagnosis = examine(find_place(folder))
    found = {(one.file, one.row, (one.problem, one.remedy), one.value) for one in diagnosis.findings}
    assert set(faults) <= found
    assert diagnosis.exit_code == 1
    assert as_text(diagnosis).isprintable() or all(line.isprintable() for line in as_text(diagnosis).split("\n"))
    assert str(folder) not in as_json(diagnosis)
    json.loads(as_json(diagnosis))


@pytest.mark.parametrize(("damage", "table", "error"), REFUSED)
def test_the_doctor_says_the_error_and_looks_at_the_files(folder, damage, table, error):
    damage(folder)
    (folder / "a/2.jpg").write_bytes(b"")
    set_params(table, "keep")
    told = [(one.problem, one.file, one.value) for one in examine(find_place(folder)).findings if one.level == "error"]
    assert ("cohort cannot be read", "", f"clinic/{table}: {error}") in told
    assert (UNREADABLE, "a/2.jpg", "image file is empty") in told


@pytest.mark.parametrize(
    ("heading", "cells", "fault"),
    [
        ("age", ["1970-05-03", "1970-05-03", "1961-01-01"], "age_years holds dates in row(s) 2, 3, 4"),
        ("machine", ["3 May 1970", "X", "Y"], "device holds dates in row(s) 2"),
    ],
)
def test_columns_that_tell_who_somebody_is_are_refused(ingest, folder, heading, cells, fault):
    at = inputs.HEADINGS.index(heading)
    sound = zip(inputs.ROWS.items(), cells, strict=True)
    rows = {number: [*row[:at], cell, *row[at + 1 :]] for (number, row), cell in sound}
    inputs.put("list.csv", inputs.table(rows))(folder)
    with pytest.raises(InputError) as caught:
        ingest(patient_ids="hash")
    assert str(caught.value) == (
        f"raw/clinic/list.csv: could tell who a patient is: {fault} (give ages or years between instead); "
        "change the column(s), or leave them out of the source's settings"
    )


@pytest.mark.parametrize(
    ("salt", "fault"), [("", "is not set"), ("pepper", "has fewer than 16 characters")], ids=["none", "short"]
)
def test_a_secret_that_is_missing_is_one_line(ingest, monkeypatch, salt, fault):
    monkeypatch.setenv("NONMASS_SALT", salt)
    with pytest.raises(InputError) as caught:
        ingest(patient_ids="hash")
    assert str(caught.value) == (
        f"cohort clinic: patient_ids is 'hash', but the environment variable NONMASS_SALT {fault}; "
        "set it to a secret of your own, the same for every run"
    )
