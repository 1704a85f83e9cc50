"""files: whole or absent, and canonical."""

import json
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

from nonmass.files import whole_file, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_failure_leaves_no_file_where_none_was(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == []


def test_until_the_block_ends_readers_see_the_old_file(tmp_path):
    path = tmp_path / "new" / "folder" / "a.tar.png"
    write_text(path, "old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent, "a rename must not cross file systems"
        assert temporary.suffix == ".png", "image libraries choose the format by it"
        assert temporary.name.startswith("."), "hidden, so that no stage lists it"
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.tar.png"]


def test_a_block_that_writes_nothing_is_an_error_not_an_empty_file(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.txt"):
        pass
    assert names(tmp_path) == []


def test_text_has_unix_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "ä\nb\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\nb\n"


def write_many(folder, letter):
    for _ in range(50):
        write_text(folder / "shared.txt", letter * 20_000)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_parallel_writers_never_mix(tmp_path, kind):
    if kind == "threads":
        pool = ThreadPoolExecutor(3)
    else:
        pool = ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("forkserver"))
    with pool:
        for done in [pool.submit(write_many, tmp_path, letter) for letter in "abc"]:
            done.result()
    text = (tmp_path / "shared.txt").read_text()
    assert text == text[0] * 20_000
    assert names(tmp_path) == ["shared.txt"]


def test_json_is_canonical(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": {"d": -0.0, "c": 1 / 3}, "a": [1e-9, -1e-9, True, None, "é", 2], "lr": np.float64(0.5)})
    assert path.read_text() == (
        '{\n  "a": [\n    0.0,\n    0.0,\n    true,\n    null,\n    "\\u00e9",\n    2\n  ],\n'
        '  "b": {\n    "c": 0.333333,\n    "d": 0.0\n  },\n  "lr": 0.5\n}\n'
    )


def test_json_forgets_the_order_of_keys(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1, "y": {"p": (1, 2), "q": 2}})
    write_json(tmp_path / "b.json", {"y": {"q": 2, "p": [1, 2]}, "x": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1, "y": {"p": [1, 2], "q": 2}}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_json_refuses_what_json_has_not(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, {"auc": 0.5})
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"auc": {"est": [value]}})
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.json"]
