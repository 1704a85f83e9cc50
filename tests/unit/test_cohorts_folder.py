"""A folder and a spreadsheet: any hospital's headings, and everything that can be wrong with it in one line."""

import hashlib
import hmac

import pandas as pd
import pytest

from nonmass.cohorts.folder import FolderSource, read
from nonmass.errors import InputError
from nonmass.params import validate

HEADINGS = ["Bild", "Patientin", "Befund", "Histologie", "Alter"]
ROWS = [
    ["a/1.jpg", "Frau A", "NML", "1", "41"],
    ["a\\2.jpg", "Frau A", "NML", "1", "41"],
    ["b.PNG", "Frau B", "o.B.", "", "52"],
]


def source(**changes):
    given = {
        "adapter": "folder",
        "table": "liste.csv",
        "columns": {"file": "Bild", "patient": "Patientin", "finding": "Befund", "pathology": "Histologie"},
        "values": {"finding": {"NML": "non_mass", "o.B.": "normal"}, "pathology": {"0": "benign", "1": "malignant"}},
        "patient_ids": "keep",
        "extra": {"age_years": "Alter"},
    }
    return validate(given | changes, FolderSource, "sources.clinic")


@pytest.fixture
def folder(tmp_path):
    for file in ("a/1.jpg", "a/2.jpg", "b.PNG"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"image")
    write(tmp_path, ROWS)
    return tmp_path


def write(folder, rows, separator=",", encoding="utf-8"):
    lines = [separator.join(row) for row in [HEADINGS, *rows]]
    (folder / "liste.csv").write_text("\n".join(lines) + "\n\n", encoding=encoding)


def changed(row, column, value):
    rows = [list(cells) for cells in ROWS]
    rows[row][HEADINGS.index(column)] = value
    return rows


def expect_refusal(folder, message, **changes):
    with pytest.raises(InputError, match=message):
        read(folder, source(**changes))


def test_words_are_translated(folder):
    cohort = read(folder, source())
    labels = cohort.images[["file", "patient", "finding", "pathology", "device", "mask"]]
    assert labels.to_numpy().tolist() == [
        ["a/1.jpg", "Frau A", "non_mass", "malignant", "", ""],
        ["a/2.jpg", "Frau A", "non_mass", "malignant", "", ""],
        ["b.PNG", "Frau B", "normal", "", "", ""],
    ]
    assert cohort.patients.to_dict("records") == [
        {"age_years": "41", "patient": "Frau A"},
        {"age_years": "52", "patient": "Frau B"},
    ]


def test_swapped_words_do_not_chase_each_other(folder):
    write(folder, [[*row[:2], "mass" if i else "non_mass", "", row[4]] for i, row in enumerate(ROWS)])
    swap = {"finding": {"mass": "non_mass", "non_mass": "mass"}, "pathology": {}}
    assert list(read(folder, source(values=swap)).images["finding"]) == ["mass", "non_mass", "non_mass"]


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8"), ("\t", "utf-8-sig")])
def test_exports_of_other_spreadsheets(folder, separator, encoding):
    expected = read(folder, source()).images
    write(folder, ROWS, separator, encoding)
    pd.testing.assert_frame_equal(read(folder, source()).images, expected)


def test_xlsx_is_read_like_csv(folder):
    expected = read(folder, source()).images
    numbers = [[*row[:3], int(row[3]) if row[3] else None, int(row[4])] for row in ROWS]
    pd.DataFrame(numbers, columns=HEADINGS).to_excel(folder / "liste.xlsx", index=False)
    cohort = read(folder, source(table="liste.xlsx"))
    pd.testing.assert_frame_equal(cohort.images, expected)
    assert list(cohort.patients["age_years"]) == ["41", "52"]


def test_ids_are_hashed_with_the_salt_from_outside(folder, monkeypatch):
    monkeypatch.setenv("NONMASS_SALT", "pepper")
    cohort = read(folder, source(patient_ids="hash"))
    digest = hmac.new(b"pepper", b"Frau A", hashlib.sha256).hexdigest()[:12]
    assert list(cohort.images["patient"][:2]) == [digest, digest]
    assert "Frau" not in cohort.images.to_csv() + cohort.patients.to_csv()
    assert set(cohort.patients["patient"]) == set(cohort.images["patient"])


def test_hashing_without_a_salt_is_refused(folder, monkeypatch):
    monkeypatch.delenv("NONMASS_SALT", raising=False)
    expect_refusal(folder, "environment variable NONMASS_SALT is not set", patient_ids="hash")


def test_all_unknown_words_come_at_once(folder):
    write(folder, [*ROWS[:1], *changed(1, "Befund", "NLM")[1:2], *changed(2, "Histologie", "?")[2:]])
    expect_refusal(folder, r"unknown finding 'NLM' \(1\).*unknown pathology '\?' \(1\)")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(1, "Patientin", ""), r"no patient in row\(s\) 3"),
        (changed(1, "Bild", "a/1.jpg"), r"a file that another row has too in row\(s\) 2, 3"),
        (changed(2, "Histologie", "1"), r"normal tissue with a pathology .* row\(s\) 4"),
        (changed(1, "Bild", "a/3.jpg"), r"1 row\(s\) without a file: a/3.jpg; 1 file\(s\) without a row: a/2.jpg"),
        (changed(1, "Bild", "../2.jpg"), r"1 row\(s\) lead out of the folder: ../2.jpg"),
        (changed(1, "Bild", "/etc/passwd"), r"1 row\(s\) lead out of the folder"),
        (changed(1, "Alter", "42"), r"age_years should be one value a patient, but is not in row\(s\) 2, 3"),
        ([*ROWS, ["x"]], r"row\(s\) 5 have more or fewer cells"),
    ],
)
def test_what_is_wrong_is_said_by_row_and_without_a_patient(folder, rows, message):
    write(folder, rows)
    with pytest.raises(InputError, match=message) as error:
        read(folder, source())
    assert "Frau" not in str(error.value)


def test_other_faults_of_the_table(folder):
    expect_refusal(folder, "lacks column.* Alder; it has Bild, Patientin", extra={"age_years": "Alder"})
    expect_refusal(folder, "nichts.csv: not found", table="nichts.csv")
    expect_refusal(folder, "nichts.xlsx: not found", table="nichts.xlsx")
    (folder / "kaputt.xlsx").write_bytes(b"PK")
    expect_refusal(folder, "kaputt.xlsx: not readable as XLSX", table="kaputt.xlsx")
    write(folder, changed(0, "Befund", "Läsion"), encoding="cp1252")
    expect_refusal(folder, "is not UTF-8 text")
    (folder / "liste.csv").write_text("")
    expect_refusal(folder, "the first row holds no headings")


@pytest.mark.parametrize("table", ["../list.csv", "a/../../list.csv", "..\\list.csv", "/list.csv", "C:\\list.csv", ""])
def test_the_table_is_named_inside_the_folder(table):
    with pytest.raises(InputError, match=r"sources\.clinic\.table: must be a file inside the cohort's folder"):
        source(table=table)


def test_the_table_is_no_link_out_of_the_folder(folder, tmp_path_factory):
    expected = read(folder, source()).images
    outside = tmp_path_factory.mktemp("outside") / "liste.csv"
    (folder / "liste.csv").rename(outside)
    (folder / "liste.csv").symlink_to(outside)
    expect_refusal(folder, "liste.csv: leads out of the cohort's folder; copy it in")
    (folder / "liste.csv").unlink()
    outside.rename(folder / "a" / "other.csv")
    (folder / "liste.csv").symlink_to(folder / "a" / "other.csv")
    pd.testing.assert_frame_equal(read(folder, source()).images, expected)


def test_params_are_strict():
    with pytest.raises(InputError, match="patient_ids: input should be 'hash' or 'keep'"):
        source(patient_ids="none")
    with pytest.raises(InputError, match=r"values\.finding\.NML: input should be 'normal', 'mass' or 'non_mass'"):
        source(values={"finding": {"NML": "nml"}})
    with pytest.raises(InputError, match="the patient table has this column already"):
        source(extra={"patient_id": "Alter"})
    with pytest.raises(InputError, match="should match pattern"):
        source(extra={"Age, years": "Alter"})
