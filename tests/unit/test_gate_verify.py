"""`nonmass verify` on a small graph: up to date, stale for a reason, and the same bytes again or not."""

import json
import shutil
from importlib.metadata import version

import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

from nonmass.cli import app
from nonmass.errors import InputError
from nonmass.gate.verify import other_versions

GRAPH = """\
stages:
  copy:
    cmd: python copy.py number.txt out
    deps: [copy.py, number.txt]
    params: [train.lr]
    outs: [out]
"""
COPY = """\
import os, sys
os.makedirs(sys.argv[2])
open(sys.argv[2] + "/a.txt", "w").write(open(sys.argv[1]).read())
"""
UNSTEADY = 'open(sys.argv[2] + "/b.txt", "w").write(os.getcwd())\n'

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie, which DVC uses


@pytest.fixture
def project(tmp_path, monkeypatch):
    def make(script=COPY):
        for name, text in (
            ("dvc.yaml", GRAPH),
            ("copy.py", script),
            ("number.txt", "1"),
            ("params.yaml", "train: {lr: 1}"),
        ):
            (tmp_path / name).write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        with Repo.init(str(tmp_path), no_scm=True) as repo:
            repo.reproduce()
        return tmp_path

    return make


def verify(*words):
    done = CliRunner().invoke(app, ["verify", *words], catch_exceptions=False)
    return done.exit_code, done.stdout


def test_what_was_just_run_is_up_to_date_and_comes_out_again(project):
    folder = project()
    assert verify("--deep", "--stage", "copy") == (0, "up to date; copy gives the same bytes again\n")
    (folder / "params.yaml").write_text("train: {lr: 2}", encoding="utf-8")
    assert verify() == (1, "copy: stale: params.yaml: train.lr modified\n")
    (folder / "params.yaml").write_text("train: {lr: 1}", encoding="utf-8")
    (folder / "number.txt").write_text("2", encoding="utf-8")
    (folder / "out" / "a.txt").write_text("3", encoding="utf-8")
    assert verify("--deep", "--stage", "copy") == (1, "copy: stale: deps: number.txt modified; outs: out modified\n")


def test_a_stage_to_run_again_wants_deep_and_its_whole_name(project):
    folder = project()
    text = (
        GRAPH.replace("  copy:\n", "  copy:\n    matrix: {n: [a, b]}\n")
        .replace("out\n", "${item.n}\n")
        .replace("[out]", '["${item.n}"]')
    )
    with pytest.raises(InputError, match="give --deep, too"):
        verify("--stage", "copy")
    (folder / "dvc.yaml").write_text(text, encoding="utf-8")
    with Repo(str(folder)) as repo:
        repo.reproduce()
    with pytest.raises(InputError, match="several stages; name one of copy@a, copy@b"):
        verify("--deep", "--stage", "copy")


def test_stale_stages_stand_in_the_order_of_the_graph(project):
    """The cause comes before what follows from it, whatever the names."""
    folder = project()
    after = "  after:\n    cmd: cp out/a.txt last.txt\n    deps: [out]\n    outs: [last.txt]\n"
    (folder / "dvc.yaml").write_text(GRAPH + after, encoding="utf-8")
    with Repo(str(folder)) as repo:
        repo.reproduce()
    (folder / "number.txt").write_text("2", encoding="utf-8")
    (folder / "out" / "a.txt").write_text("3", encoding="utf-8")
    assert [line.split(":")[0] for line in verify()[1].splitlines()] == ["copy", "after"]


def test_a_lost_cache_makes_nothing_stale(project):
    """What lies here is still what dvc.lock names."""
    shutil.rmtree(project() / ".dvc" / "cache")
    assert verify() == (0, "up to date\n")


def test_a_stage_that_depends_on_where_it_runs_is_found_out(project):
    project(COPY + UNSTEADY)
    assert verify("--deep", "--stage", "copy") == (1, "copy: out/b.txt comes out otherwise when it is run again\n")


def test_software_of_another_version_is_noted(tmp_path):
    here = {"torch_version": version("torch"), "timm_version": "0.1"}
    recorded = {"training": here, "statistics": {"R": "1.0.0", "numpy": version("numpy")}}
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "environment.json").write_text(json.dumps(recorded), encoding="utf-8")
    notes = other_versions(tmp_path)
    assert [note.split(" computed")[0] for note in notes] == ["R 1.0.0", "timm 0.1"]
    assert notes[1].endswith(f"{version('timm')} is installed")
