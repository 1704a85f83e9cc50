"""Tables as LaTeX: what TeX would trip over is escaped, and a TeX on this machine, if there is one, sets them."""

import shutil
import subprocess

import pandas as pd
import pytest

from nonmass.report.paper import escaped, latex, write_table

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
    assert r"net name & auc est & n & cell \\" in lines
    assert r"mobilenet\_448 & 0.912 & 1234 & 47.1 $\pm$ 9.2 \\" in lines
    assert r"50 \% \& \$5 \{a\} \#1 & $-$0.050 &  & 12 (34.5~\%) \\" in lines
    assert [lines.index(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [5, 7, 10]


def test_same_table_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_table(TABLE, "Of 5 %", tmp_path / name / "one")
    assert (tmp_path / "a" / "one.tex").read_bytes() == (tmp_path / "b" / "one.tex").read_bytes()
    assert (tmp_path / "a" / "one.csv").read_text().splitlines()[0] == "net_name,auc_est,n,cell"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="NOT RUN: pdflatex is not installed")
def test_tex_sets_it(tmp_path):
    preamble = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n"
    (tmp_path / "one.tex").write_text(preamble + latex(TABLE, "Of 5 %", "one") + "\\end{document}\n")
    subprocess.run(["pdflatex", "-halt-on-error", "one.tex"], cwd=tmp_path, check=True, capture_output=True)
