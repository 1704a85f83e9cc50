"""Tables as LaTeX: what TeX would trip over is escaped, and a TeX on this machine, if there is one, sets them."""

import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest
from report_inputs import BACKBONES, PARAMS, write_inputs
from report_pages import build

from nonmass.report.build import write_report
from nonmass.report.paper import PREAMBLE, Printed, escaped, flow_printed, latex, performance_printed, write_table
from nonmass.report.sources import read_sources
from nonmass.report.wording import estimate, percent

TABLE = pd.DataFrame(
    {
        "net_name": ["mobilenet_448", "50 % & $5 {a} #1"],
        "auc_est": [0.912345, -0.05],
        "n": pd.array([1234, None], dtype="Int64"),
        "cell": ["47.1 \u00b1 9.2", "12 (34.5\u00a0%)"],
    }
)


def test_every_sign_of_tex_is_escaped():
    assert escaped("a_b 5% & ~^\\{x}") == r"a\_b 5\% \& \textasciitilde{}\textasciicircum{}\textbackslash{}\{x\}"
    assert escaped("\u22120.5 < 1\u20132") == r"$-$0.5 \textless{} 1--2"


def test_rows_and_columns_of_the_table():
    lines = latex(TABLE, "Of 5 %", "one").splitlines()
    assert r"\begin{tabular}{lrrl}" in lines
    assert r"net\_name & auc\_est & n & cell \\" in lines
    assert r"mobilenet\_448 & 0.912 & 1234 & 47.1 $\pm$ 9.2 \\" in lines
    assert r"50 \% \& \$5 \{a\} \#1 & $-$0.050 &  & 12 (34.5~\%) \\" in lines
    assert [lines.index(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [5, 7, 10]


def test_same_table_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_table(TABLE, [Printed("one", "Of 5 %", TABLE)], tmp_path / name / "one")
    assert (tmp_path / "a" / "one.tex").read_bytes() == (tmp_path / "b" / "one.tex").read_bytes()
    assert (tmp_path / "a" / "one.csv").read_text().splitlines()[0] == "net_name,auc_est,n,cell"


def test_a_line_break_in_a_cell_is_a_second_line():
    lines = latex(pd.DataFrame({"a": ["x", "z"], "b": ["1.0\n(0.5)", "2.0"]}), "c", "n").splitlines()
    assert [line for line in lines if line.endswith(r"\\")] == [
        r"a & b \\",
        r"x & 1.0 \\",
        r" & (0.5) \\",
        r"z & 2.0 \\",
    ]


def test_the_steps_of_one_cohort_are_printed_once():
    steps = pd.DataFrame({"cohort": ["all", "phantom"], "step": "read", "left_images": 9})
    assert flow_printed(steps).to_dict("records") == [{"Cohort": "phantom", "Step": "read", "Left images": 9}]
    two = pd.DataFrame({"cohort": ["all", "a", "b"], "step": "read", "left_images": 9})
    assert len(flow_printed(two)) == 3


def test_files_say_what_they_need_what_the_data_are_and_nothing_that_a_reader_need_not_see(tmp_path):
    places = write_inputs(tmp_path, patients_per_class=10)
    report = build(places, figures=False)
    write_report(replace(report, plots=()), tmp_path / "out")
    for stem, table in report.tables.items():
        text = (tmp_path / "out" / "paper" / "tables" / f"{stem}.tex").read_text()
        assert text.startswith(PREAMBLE)
        captions = [line for line in text.splitlines() if line.startswith(r"\caption")]
        assert captions and all(line.endswith("Synthetic phantoms. Research use only.}") for line in captions)
        assert set(table["data"]) == {"Synthetic phantoms. Research use only"}
        heads = [line for line in text.splitlines() if line.startswith(("Part &", "Task &", "Cohort &", "Charac"))]
        assert len(heads) == len(captions) and not any("\\_" in line or "plit" in line for line in heads)


def test_table_3_is_one_a_task_and_analysis_with_the_numbers_of_the_measures(tmp_path):
    tasks = read_sources(write_inputs(tmp_path, patients_per_class=10), PARAMS, BACKBONES).tasks
    printed = {one.name: one for one in performance_printed(tasks)}
    rules = ("frozen", "frozen_sensitivity", "as_published")
    assert list(printed) == [f"table3_performance_{task}_{rule}" for task in ("detect", "classify") for rule in rules]
    assert all(one.table.shape[1] == 13 for one in printed.values())
    row = printed["table3_performance_detect_frozen"].table.iloc[0]
    values = tasks[0].performance[BACKBONES[0]]["test"]
    point = values.rules["frozen"]
    assert row["AUC"].replace("\n", " ") == estimate(values.auc)
    assert row["Sensitivity"].replace("\n", " ") == percent(point["sensitivity"])
    assert [int(row[cell]) for cell in ("TP", "FN")] == [point["tp"].est, point["fn"].est]
    assert row["AUC"] != printed["table3_performance_detect_as_published"].table.iloc[0]["AUC"]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="NOT RUN: pdflatex is not installed")
def test_tex_sets_it(tmp_path):
    preamble = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n"
    (tmp_path / "one.tex").write_text(preamble + latex(TABLE, "Of 5 %", "one") + "\\end{document}\n")
    subprocess.run(["pdflatex", "-halt-on-error", "one.tex"], cwd=tmp_path, check=True, capture_output=True)
