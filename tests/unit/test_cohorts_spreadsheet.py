"""Tables of labels: what other programs write, what could tell who somebody is, and files that are no tables."""

import datetime
import zipfile

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook

from nonmass.cohorts import spreadsheet
from nonmass.cohorts.spreadsheet import SpreadsheetParams, one_row_a_patient, read_labels, read_table
from nonmass.errors import InputError
from nonmass.params import validate

CSV = "id,finding\na,mass\nb,normal\n"


@pytest.fixture
def table(tmp_path):
    """Writes a table and gives its path."""

    def write(content, name="t.csv"):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def cells(path, required=("id",)):
    frame, problems = read_table(path, required)
    assert not problems
    return frame.to_dict("list")


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\r"),
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.rstrip(),
        CSV.replace("a,mass", ' a ,"mass"'),
        b"\xef\xbb\xbf" + CSV.encode(),
    ],
)
def test_what_spreadsheet_programs_write(table, content):
    assert cells(table(content)) == {"id": ["a", "b"], "finding": ["mass", "normal"]}


def test_rows_are_counted_as_a_spreadsheet_does(table):
    frame, problems = read_table(table('id,note\n\na,"two\nlines"\n , \nb,x,y\nc,z\n'), ["id"])
    assert dict(frame["id"]) == {3: "a", 6: "c"}
    assert [(problem.row, problem.problem) for problem in problems] == [
        (5, "row with more or fewer cells than the headings")
    ]


def test_xlsx_as_openpyxl_writes_it(tmp_path):
    book = Workbook()
    for row in [["id", "age", "mass?"], ["007", 41, True], [None, None, None], ["8", 41.5, None]]:
        book.active.append(row)
    book.create_sheet("second").append(["not", "read"])
    book.save(tmp_path / "t.xlsx")
    frame, problems = read_table(tmp_path / "t.xlsx", ["id"])
    assert frame.to_dict("index") == {
        2: {"id": "007", "age": "41", "mass?": "True"},
        4: {"id": "8", "age": "41.5", "mass?": ""},
    }
    assert not problems


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CSV.encode("utf-16"), "is not UTF-8 text; save it as 'CSV UTF-8'"),
        (CSV.encode("utf-16-le"), r"is not UTF-8 text \(it holds zero bytes\)"),
        ("id,finding\nä,mass\n".encode("cp1252"), "is not UTF-8 text"),
        (b"PK\x03\x04\xff", "is not UTF-8 text"),
        ('id,finding\na,"mass\nb,normal\n', "not readable as a table: line 3: unexpected end of data; is a quotation"),
        ('id,finding\na,"mass"x\n', "not readable as a table: line 2: ',' expected after '\"'"),
        ("id,finding\na," + "x" * 200_000, "not readable as a table: line 2: field larger than field limit"),
        ("", "the first row holds no headings"),
        ("\n\nid,finding\n", "the first row holds no headings"),
        ("finding\n", r"lacks column\(s\) id; it has finding"),
        ("id,ID ,id\n", r"has more than one column id; rename one"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(table, content, message):
    with pytest.raises(InputError, match=f"t.csv: {message}"):
        read_table(table(content), ["id"])


def rewritten(path, member, content):
    """The XLSX file with another content of one member."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, old in members.items():
            archive.writestr(name, content(old) if name == member else old)


@pytest.fixture
def book(tmp_path):
    pd.DataFrame({"id": ["1"], "who": [7]}).to_excel(tmp_path / "t.xlsx", index=False)
    return tmp_path / "t.xlsx"


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("xl/workbook.xml", lambda xml: xml[: len(xml) // 2]),
        ("xl/worksheets/sheet1.xml", lambda xml: xml.replace(b"<v>7</v>", b"<v>Jane Roe</v>")),
        ("xl/worksheets/sheet1.xml", lambda _: b""),
        ("[Content_Types].xml", lambda _: b"<Types/>"),
        ("xl/workbook.xml", lambda xml: xml.replace(b"<sheets>", b"<!--").replace(b"</sheets>", b"-->")),
    ],
)
def test_a_broken_workbook_is_one_line_that_quotes_no_cell(book, member, content):
    rewritten(book, member, content)
    with pytest.raises(InputError, match=r"t\.xlsx: not readable as XLSX \(\w+\); save it as 'Excel work") as caught:
        read_table(book, ["id"])
    assert "Roe" not in str(caught.value)


def test_a_workbook_that_swells_beyond_reason_is_not_unpacked(book, monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAX_XLSX_BYTES", 100)
    with pytest.raises(InputError, match=r"t\.xlsx: unpacks to \d+ bytes, at most 100 are read"):
        read_table(book, ["id"])


def test_formulas_that_nobody_computed_are_empty(book):
    workbook = load_workbook(book)
    workbook.active["B2"] = "=1+1"
    workbook.save(book)
    assert cells(book) == {"id": ["1"], "who": [""]}


def params(**changes):
    given = {"table": "t.csv", "patient_ids": "hash", "extra": {"more": "More"}} | changes
    return validate(given, SpreadsheetParams, "sources.clinic")


@pytest.mark.parametrize(
    "cell",
    [
        "1970-05-03",
        "3.5.1970",
        "3. 5. 1970",
        "05/03/70",
        "19700503",
        "1970-05-03 00:00:00",
        "1970-05-03T12:00",
        "3 May 1970",
        "3. März 1970",
        "03-MAY-70",
        "May 3, 1970",
    ],
)
def test_a_date_among_the_further_columns_is_refused(tmp_path, table, cell):
    table(f"finding,More\nmass,41\nmass,{cell!r}\n".replace("'", '"'))
    with pytest.raises(InputError, match=r"could tell who a patient is: more holds dates") as caught:
        read_labels(tmp_path, params(), {"finding": "finding"})
    assert cell not in str(caught.value)


def test_a_date_of_a_workbook_is_refused(tmp_path):
    born = [datetime.datetime(1970, 5, 3), datetime.datetime(1971, 5, 3)]
    pd.DataFrame({"finding": "mass", "More": born}).to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(InputError, match="more holds dates"):
        read_labels(tmp_path, params(table="t.xlsx"), {"finding": "finding"})


def test_free_text_among_the_further_columns_is_refused_and_categories_are_not(tmp_path, table):
    def read(n, **changes):
        table("finding,More\n" + "".join(f"mass,Jane {number % n}\n" for number in range(30)))
        return read_labels(tmp_path, params(**changes), {"finding": "finding"})

    assert read(12)[0]["more"].nunique() == 12
    with pytest.raises(InputError, match=r"more holds 13 different texts \(give at most 12 categories\)"):
        read(13)
    with pytest.raises(InputError, match="device holds 13 different texts"):
        read_labels(tmp_path, params(extra={}), {"finding": "finding", "device": "More"})
    assert read(13, patient_ids="keep")[0]["more"].nunique() == 13


def test_words_that_stand_for_one_patient_each_are_refused(tmp_path, table):
    """In a small study even names are few; a category has several patients."""

    def read(words):
        table("who,finding,More\n" + "".join(f"p{number},mass,{word}\n" for number, word in enumerate(words)))
        return read_labels(tmp_path, params(), {"patient": "who", "finding": "finding"})

    assert len(read(["4a", "4a", "4b", "4b", "5", "5", "3", "2"])[0]) == 8
    with pytest.raises(InputError, match="more holds texts of which most belong to one patient each") as caught:
        read(["Jane", "Mary", "Anna", "Ruth", "Ruth", "Lucy"])
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize("cell", ["15009", "15009.0", "00771234"])
def test_numbers_of_days_and_files_are_refused(tmp_path, table, cell):
    table(f"finding,More\nmass,41\nmass,{cell}\n")
    with pytest.raises(InputError, match="more holds numbers of five digits and more"):
        read_labels(tmp_path, params(), {"finding": "finding"})


def test_a_stray_word_among_numbers_is_told_by_its_row(tmp_path, table):
    table("finding,More\n" + "".join(f"mass,{age}\n" for age in [*range(40, 70), "45 years"]))
    with pytest.raises(InputError, match=r"more holds numbers, and in row\(s\) 32 something else") as caught:
        read_labels(tmp_path, params(), {"finding": "finding"})
    assert "45" not in str(caught.value).removeprefix(str(tmp_path))  # pytest numbers its folders


@pytest.mark.parametrize("name", ["frame", "us_regions", "row", "device", "mask", "key", "patient_id", "width_px"])
def test_names_of_our_own_columns_are_refused(name):
    with pytest.raises(InputError, match="a column of ours has this name already"):
        params(extra={name: "More"})


def test_a_secret_table_without_headings_shows_nobody(tmp_path, table):
    table("a.png,Jane,1970\nb.png,Mary,1971\n")
    with pytest.raises(InputError, match=r"lacks column\(s\) More, finding; row 1 holds 3 other cells") as caught:
        read_labels(tmp_path, params(), {"finding": "finding"})
    assert "Jane" not in str(caught.value)
    with pytest.raises(InputError, match=r"it has a\.png, Jane, 1970"):
        read_labels(tmp_path, params(patient_ids="keep"), {"finding": "finding"})


@pytest.mark.parametrize("cells", [["0.5", "-3", "1e3", ""], ["BI-RADS 4a", "4b", "", "5"], ["41", "66", "12-24", "3"]])
def test_numbers_and_categories_pass(tmp_path, table, cells):
    table("finding,More\n" + "".join(f"mass,{cell}\n" for cell in cells))
    rows, problems = read_labels(tmp_path, params(), {"finding": "finding"})
    assert list(rows["more"]) == cells and not problems


def test_a_patient_has_one_value_of_each_further_column():
    rows = pd.DataFrame({"patient": ["a", "b", "a"], "age": ["1", "2", "1"], "sex": ["f", "f", "m"]}, index=[2, 3, 7])
    patients, problems = one_row_a_patient(rows, ["age", "sex"])
    assert patients.to_numpy().tolist() == [["b", "2", "f"]]
    assert [(problem.problem, problem.row) for problem in problems] == [
        ("sex differs within a patient", 2),
        ("sex differs within a patient", 7),
    ]
