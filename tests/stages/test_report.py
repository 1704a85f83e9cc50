"""The stage as DVC calls it: files in, page, tables and figures out."""

import runpy
import sys
from pathlib import Path

import pytest

from nonmass.entry import run_stage

ROOT = Path(__file__).parents[2]
STAGE = runpy.run_path(str(ROOT / "stages" / "report.py"))
INPUTS = runpy.run_path(str(ROOT / "tests" / "unit" / "report_inputs.py"))
FOLDERS = (
    "metrics",
    "data",
    "curves",
    "measures",
    "characteristics",
    "ingest_problems.csv",
    "models",
    "gradcam",
    "shortcuts",
    "calibration",
    "decisions",
    "subgroups",
    "explanations",
    "out",
)


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    INPUTS["write_inputs"](tmp_path, patients_per_class=10)
    INPUTS["write_params"](tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["report.py", *FOLDERS])
    return tmp_path


def run() -> int | str | None:
    with pytest.raises(SystemExit) as left:
        run_stage(STAGE["main"])
    return left.value.code


def test_stage_writes_page_tables_and_figures(graph: Path, no_layout: None) -> None:
    assert run() == 0
    assert (graph / "out" / "index.html").stat().st_size > 100_000
    assert {path.name for path in (graph / "out" / "paper" / "tables").iterdir()} == {
        "fig1_flow.csv",
        "fig1_flow.tex",
        "table1_patients.csv",
        "table1_patients.tex",
        "table2_data_sets.csv",
        "table2_data_sets.tex",
        "table3_performance.csv",
        "table3_performance.tex",
    }
    figures = {path.name for path in (graph / "out" / "paper" / "figures").iterdir()}
    assert {"fig1_flow.svg", "fig1_flow.png", "fig3_roc_detect_test.svg", "fig3_roc_classify_external.png"} <= figures


def test_stage_says_in_one_line_what_is_missing(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (graph / "models" / "detect" / "mobilenet_448" / "1" / "history.csv").unlink()
    assert run() == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "models/detect/mobilenet_448/1/history.csv" in message
