"""tables: exact floats, one order, and no wrong value that passes silently."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass import tables
from nonmass.errors import InputError
from nonmass.tables import Table

TABLE = Table(
    name="sample",
    columns={"name": "text", "count": "int", "size_mm": "float", "kind": "text"},
    key=("name",),
    allowed={"kind": ("a", "b", "")},
)
OPEN = Table("patients", {"patient_id": "text"}, key=("patient_id",), is_open=True)

finite = st.floats(allow_nan=False, allow_infinity=False)
int64 = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"))
rows = st.lists(st.tuples(texts, int64, finite, st.sampled_from(["a", "b", ""])), unique_by=lambda row: row[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all examples of hypothesis."""
    return tmp_path_factory.mktemp("tables")


def frame_of(*given_rows):
    return pd.DataFrame(list(given_rows), columns=["name", "count", "size_mm", "kind"])


@given(rows)
def test_what_was_written_is_read(folder, given_rows):
    path = folder / "t.csv"
    TABLE.write(frame_of(*given_rows), path)
    back = TABLE.read(path)
    expected = sorted(given_rows)
    assert back["name"].tolist() == [row[0] for row in expected]
    assert back["count"].tolist() == [row[1] for row in expected]
    assert back["kind"].tolist() == [row[3] for row in expected]
    assert all(got == row[2] for got, row in zip(back["size_mm"], expected, strict=True))
    assert back["count"].dtype == "int64"
    assert back["size_mm"].dtype == "float64"
    before = path.read_bytes()
    TABLE.write(back, path)
    assert path.read_bytes() == before


@given(finite)
def test_seventeen_digits_are_enough_for_every_float(folder, value):
    path = folder / "t.csv"
    TABLE.write(frame_of(("x", 1, value, "")), path)
    assert TABLE.read(path)["size_mm"].iloc[0].hex() == (value + 0.0).hex() or value == 0


@given(st.permutations(range(6)))
def test_the_order_of_rows_leaves_no_trace(folder, order):
    frame = frame_of(*[(f"é{row}", row, row / 3, "a") for row in range(6)])
    TABLE.write(frame, folder / "a.csv")
    TABLE.write(frame.iloc[order], folder / "b.csv")
    TABLE.write(frame[["kind", "size_mm", "count", "name"]], folder / "c.csv")
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes() == (folder / "c.csv").read_bytes()


def test_the_bytes_themselves(tmp_path):
    path = tmp_path / "t.csv"
    TABLE.write(frame_of(("b,1", 2, 0.1, "a"), ("a", -3, 1e-320, ""), ("A", 0, 5.0, "b")), path)
    assert path.read_bytes() == (
        b'name,count,size_mm,kind\nA,0,5,b\na,-3,9.9998886718268301e-321,\n"b,1",2,0.10000000000000001,a\n'
    )


def test_the_callers_frame_is_left_alone(tmp_path):
    frame = frame_of(("b", 1, 1.0, "a"), ("a", 1, 1.0, "a"))
    before = frame.copy(deep=True)
    TABLE.write(frame, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(frame, before)


def test_rows_with_the_same_index_are_not_mixed_up(tmp_path):
    frame = pd.concat([frame_of(("b", 1, 1.0, "a")), frame_of(("a", 2, 2.0, "b"))])
    checked = TABLE.check(frame, "here")
    assert checked.to_dict("list") == {"name": ["a", "b"], "count": [2, 1], "size_mm": [2.0, 1.0], "kind": ["b", "a"]}


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"count": [3.7]}, ["count", "not int", "3.7"]),
        ({"count": ["3.7"]}, ["count", "not int", "3.7"]),
        ({"count": [math.nan]}, ["count", "not int"]),
        ({"count": [math.inf]}, ["count", "not int"]),
        ({"count": [None]}, ["count", "not int"]),
        ({"count": [""]}, ["count", "not int"]),
        ({"count": ["two"]}, ["count", "not int"]),
        ({"count": [2**70]}, ["count", "not int"]),
        ({"count": [str(2**63)]}, ["count", "not int"]),
        ({"size_mm": [math.nan]}, ["size_mm", "not finite"]),
        ({"size_mm": [-math.inf]}, ["size_mm", "not finite"]),
        ({"size_mm": [None]}, ["size_mm", "not finite"]),
        ({"size_mm": ["1,5"]}, ["size_mm", "not float"]),
        ({"kind": ["c"]}, ["kind", "'c'", "allowed: 'a', 'b', ''"]),
        ({"kind": ["a "]}, ["kind", "'a '"]),
        ({"extra": [1]}, ["unknown column", "extra"]),
        ({"name": ["a\rb"]}, ["carriage return"]),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_written(tmp_path, change, parts):
    path = tmp_path / "t.csv"
    with pytest.raises(InputError) as error:
        TABLE.write(frame_of(("x", 1, 1.0, "a")).assign(**change), path)
    assert len(str(error.value).splitlines()) == 1
    for part in [str(path), "sample", *parts]:
        assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_in_float_clothes_are_whole_numbers():
    assert TABLE.check(frame_of(("x", 3.0, 1.0, "a")), "here")["count"].tolist() == [3]


def test_a_key_that_stands_twice_is_named():
    with pytest.raises(InputError, match="more than one row for x"):
        TABLE.check(frame_of(("x", 1, 1.0, "a"), ("y", 1, 1.0, "a"), ("x", 2, 1.0, "b")), "here")


def test_a_missing_text_counts_as_an_empty_one():
    assert TABLE.check(frame_of((None, 1, 1.0, "a"), ("z", 1, 1.0, np.nan)), "here")["kind"].tolist() == ["a", ""]
    with pytest.raises(InputError, match="more than one row"):
        TABLE.check(frame_of((None, 1, 1.0, "a"), ("", 1, 1.0, "a")), "here")


def test_words_that_pandas_takes_for_missing_stay_words(tmp_path):
    words = ["NA", "NaN", "None", "null", "n/a", "", " ", "01", "1e5", "True"]
    TABLE.write(frame_of(*[(word, 1, 1.0, "a") for word in words]), tmp_path / "t.csv")
    assert TABLE.read(tmp_path / "t.csv")["name"].tolist() == sorted(words)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"name,count,size_mm\nx,1,2\n", "lacks column(s) kind"),
        (b"name,count,size_mm,kind,more\nx,1,2,a,1\n", "unknown column(s) more"),
        (b"name,count,size_mm,kind,kind\nx,1,2,a,b\n", "twice"),
        (b"name,count,size_mm,kind\nx,1,2\n", "row 2 is not as long as the header"),
        (b"name,count,size_mm,kind\nx,1,2,a\ny,1,2,a,b\n", "row 3 is not as long as the header"),
        (b"name,count,size_mm,kind\nx,1,2,a,b\n", "row 2 is not as long as the header"),
        (b"name,count,size_mm,kind\n<<<<<<< HEAD\nx,1,2,a\n", "row 2 is not as long as the header"),
        (b'name,count,size_mm,kind\n"x,1,2,a\n', "not readable"),
        (b"name,count,size_mm,kind\nx,1,2,\xff\n", "not readable"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not readable"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path, content, part):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        TABLE.read(path)
    assert part in str(error.value)
    assert str(error.value).startswith(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_file_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: sample not found; run `dvc repro` first"):
        TABLE.read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="not readable"):
        TABLE.read(tmp_path)


def test_an_empty_table_keeps_its_types(tmp_path):
    TABLE.write(frame_of(), tmp_path / "t.csv")
    back = TABLE.read(tmp_path / "t.csv")
    assert len(back) == 0
    assert back["count"].dtype == "int64"
    assert back["size_mm"].dtype == "float64"


def test_an_open_table_keeps_further_columns_in_their_order(tmp_path):
    frame = pd.DataFrame({"zeta": ["1", ""], "patient_id": ["b", "a"], "alpha": [0.1, np.nan]})
    OPEN.write(frame, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "patient_id,zeta,alpha\na,,\nb,1,0.10000000000000001\n"
    assert OPEN.read(tmp_path / "p.csv").to_dict("list") == {
        "patient_id": ["a", "b"],
        "zeta": ["", "1"],
        "alpha": ["", "0.10000000000000001"],
    }


@pytest.mark.parametrize("table", [tables.SPLIT, tables.PREDICTIONS], ids=lambda table: table.name)
@pytest.mark.parametrize(("column", "value"), [("truth", 2), ("truth", -1), ("part", "training"), ("part", "")])
def test_a_split_knows_two_truths_and_four_parts(table, column, value):
    row = {"image_id": "x", "patient_id": "p", "part": "val", "truth": 1, "logit": 0.0, "score": 0.5, "assignment": "0"}
    frame = pd.DataFrame([{name: row[name] for name in table.columns}])
    assert len(table.check(frame, "here")) == 1
    with pytest.raises(InputError, match=f"column {column} holds .*; allowed: "):
        table.check(frame.assign(**{column: value}), "here")


@pytest.mark.parametrize(
    "table", [value for value in vars(tables).values() if isinstance(value, Table)], ids=lambda table: table.name
)
def test_every_table_names_columns_it_has(table):
    assert set(table.key) | set(table.allowed) <= set(table.columns)
    assert set(table.columns.values()) <= {"text", "int", "float"}
