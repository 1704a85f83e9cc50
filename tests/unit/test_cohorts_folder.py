"""A folder and a spreadsheet: any hospital's headings, and everything that is wrong with it at once."""

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


def faults(folder, **changes):
    """What is wrong, where and with which word; and that nothing of it is used."""
    cohort = read(folder, source(**changes))
    blamed = {problem.row for problem in cohort.problems} | {problem.file for problem in cohort.problems}
    assert blamed.isdisjoint(cohort.images["row"]) and blamed.isdisjoint(cohort.images["file"])
    assert all(problem.remedy for problem in cohort.problems)
    return {(problem.problem, problem.file, problem.row, problem.value) for problem in cohort.problems}


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


def test_a_cohort_with_hashed_ids_is_marked_as_secret(folder):
    assert not read(folder, source()).is_secret
    assert read(folder, source(patient_ids="hash")).is_secret


def test_all_unknown_words_come_at_once(folder):
    write(folder, [*ROWS[:1], *changed(1, "Befund", "NLM")[1:2], *changed(2, "Histologie", "?")[2:]])
    assert faults(folder) == {
        ("unknown finding", "a/2.jpg", 3, "NLM"),
        ("unknown pathology", "b.PNG", 4, "?"),
        ("normal tissue with a pathology", "b.PNG", 4, ""),
    }


NO_IMAGE, NO_ROW, TWICE = "row without an image file", "file without a row", "file in several rows"
OUTSIDE, DIFFERS = "file outside the cohort's folder", "age_years differs within a patient"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (changed(1, "Patientin", ""), {("row without a patient", "a/2.jpg", 3, "")}),
        (changed(1, "Bild", ""), {("row without a file name", "", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (
            changed(1, "Bild", "a/1.jpg"),
            {(TWICE, "a/1.jpg", 2, ""), (TWICE, "a/1.jpg", 3, ""), (NO_ROW, "a/2.jpg", 0, "")},
        ),
        (changed(2, "Histologie", "1"), {("normal tissue with a pathology", "b.PNG", 4, "")}),
        (changed(1, "Bild", "a/3.jpg"), {(NO_IMAGE, "a/3.jpg", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (changed(1, "Bild", "A/2.jpg"), {(NO_IMAGE, "A/2.jpg", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (changed(1, "Bild", "../2.jpg"), {(OUTSIDE, "../2.jpg", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (changed(1, "Bild", "/etc/passwd"), {(OUTSIDE, "/etc/passwd", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (changed(1, "Bild", "C:\\a\\2.jpg"), {(OUTSIDE, "C:/a/2.jpg", 3, ""), (NO_ROW, "a/2.jpg", 0, "")}),
        (changed(1, "Alter", "42"), {(DIFFERS, "a/1.jpg", 2, ""), (DIFFERS, "a/2.jpg", 3, "")}),
        ([*ROWS, ["x"]], {("row with more or fewer cells than the headings", "", 5, "")}),
    ],
)
def test_what_is_wrong_is_said_by_row_and_without_a_patient(folder, rows, expected):
    write(folder, rows)
    assert faults(folder) == expected


def test_masks_are_joined_and_those_that_are_lost_are_named(folder):
    columns = {"file": "Bild", "patient": "Patientin", "finding": "Befund", "mask": "Histologie"}
    for file in ("a/m.png", "n.png"):
        (folder / file).write_bytes(b"mask")
    write(folder, changed(0, "Histologie", "a\\m.png|n.png"))
    found = read(folder, source(columns=columns, values={"finding": {"NML": "non_mass", "o.B.": "normal"}}))
    assert dict(found.images[["file", "mask"]].itertuples(index=False)) == {"a/1.jpg": "a/m.png|n.png", "b.PNG": ""}
    assert [problem[:3] for problem in found.problems] == [
        ("row without its mask file", "add the mask, or empty its cell", "a/2.jpg")
    ]


@pytest.mark.parametrize("table", ["../list.csv", "a/../../list.csv", "..\\list.csv", "/list.csv", "C:\\list.csv", ""])
def test_the_table_is_named_inside_the_folder(table):
    with pytest.raises(InputError, match=r"sources\.clinic\.table: must be a file inside the cohort's folder"):
        source(table=table)


def test_the_table_is_no_link_out_of_the_folder(folder, tmp_path_factory):
    expected = read(folder, source()).images
    outside = tmp_path_factory.mktemp("outside") / "liste.csv"
    (folder / "liste.csv").rename(outside)
    (folder / "liste.csv").symlink_to(outside)
    with pytest.raises(InputError, match=r"liste\.csv: leads out of the cohort's folder; copy it in"):
        read(folder, source())
    (folder / "liste.csv").unlink()
    outside.rename(folder / "a" / "other.csv")
    (folder / "liste.csv").symlink_to(folder / "a" / "other.csv")
    pd.testing.assert_frame_equal(read(folder, source()).images, expected)


def test_params_are_strict():
    with pytest.raises(InputError, match="patient_ids: input should be 'hash' or 'keep'"):
        source(patient_ids="none")
    with pytest.raises(InputError, match=r"values\.finding\.NML: input should be 'normal', 'mass' or 'non_mass'"):
        source(values={"finding": {"NML": "nml"}})
    with pytest.raises(InputError, match="a column of ours has this name already"):
        source(extra={"patient_id": "Alter"})
    with pytest.raises(InputError, match="should match pattern"):
        source(extra={"Age, years": "Alter"})
