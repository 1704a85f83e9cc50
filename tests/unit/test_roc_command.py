"""`nonmass roc`: anybody's table of scores, with the answers of pROC and of the pipeline."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from nonmass.cli import app
from nonmass.errors import InputError

ROOT = Path(__file__).parents[2]
ROC = {"confidence_level": 0.95, "cutoff_rule": "youden"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(json.dumps({"roc": ROC}))  # JSON is YAML
    monkeypatch.chdir(tmp_path)
    return tmp_path


def roc(*words):
    return CliRunner().invoke(app, ["roc", *words], catch_exceptions=False)


def measures(*words):
    """(column, part, group, measure) -> row, of the JSON document."""
    rows = json.loads(roc(*words, "--json").stdout)["measures"]
    return {(row["backbone"], row["part"], row.get("group", ""), row["measure"]): row for row in rows}


def test_asah_gives_proc_s_published_values(folder):
    """Expected values: pROC's own test suite (tests/testthat/test-roc.test.R) and its output."""
    script = "suppressMessages(library(pROC)); data(aSAH); write.csv2(aSAH, 'asah.csv', row.names = FALSE)"
    subprocess.run(["Rscript", "--vanilla", "-e", script], check=True, capture_output=True)
    text = Path("asah.csv").read_text(encoding="utf-8").replace(",", ".")
    Path("asah.csv").write_text(text, encoding="utf-8")  # decimal points, but still semicolons
    words = ("asah.csv", "--truth", "outcome", "--positive", "Poor", "--score", "s100b", "--score", "wfns")
    found = measures(*words)
    area = found["s100b", "test", "", "auc_image"]
    values = (0.7313685637, 0.6301182118, 0.8326189156)
    assert (area["estimate"], area["lo"], area["hi"]) == pytest.approx(values, abs=1e-10)
    assert found["s100b-wfns", "test", "comparison", "p_image"]["estimate"] == pytest.approx(
        0.0271757822291882, abs=1e-12
    )
    assert found["s100b", "test", "as_published", "cutoff"]["estimate"] == 0.205
    frozen = found["s100b", "test", "frozen", "cutoff"]
    assert "estimate" not in frozen and frozen["note"] == "there is no validation part to choose a cut-off on"
    printed = roc(*words).stdout
    assert printed.startswith("no --patient: every row counts as a patient of its own")
    assert "auc_image 0.731369 (0.630118 to 0.832619)" in " ".join(printed.split())
    assert "undefined: there is no validation part to choose a cut-off on" in printed


@pytest.mark.parametrize("task", ["detect", "classify"])
def test_the_pipeline_s_predictions_give_the_pipeline_s_numbers(folder, task):
    """The committed predictions of the demo against its committed metrics: the same rounded digits."""
    tables = {path.stem: pd.read_csv(path, dtype=str) for path in sorted((ROOT / "predictions" / task).glob("*.csv"))}
    first, second = tables
    both = tables[first].rename(columns={"logit": first}).assign(**{second: tables[second]["logit"]})
    both.to_csv("scores.tsv", sep="\t", index=False)
    scores = ("--score", first, "--score", second)
    found = measures("scores.tsv", "--truth", "truth", "--patient", "patient_id", "--part", "part", *scores)
    metrics = json.loads((ROOT / "metrics" / f"{task}.json").read_text(encoding="utf-8"))
    compared = 0
    for backbone in tables:
        for part, groups in metrics[backbone].items():
            for measure, values in groups["auc"].items():
                key = {"est": "estimate", "lo": "lo", "hi": "hi"}[measure]
                assert round(found[backbone, part, "", "auc"][key], 6) == values
                compared += 1
            for rule in groups.keys() & {"as_published", "frozen"}:
                assert (
                    round(found[backbone, part, rule, "sensitivity"]["estimate"], 6)
                    == groups[rule]["sensitivity"]["est"]
                )
                compared += 1
    assert compared >= 12


def table(folder, text):
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return "t.csv"


HEAD = "who,y,s\n"
GOOD = "a,0,0.1\nb,1,0.7\nc,0,0.8\nd,1,0.9\n"


@pytest.mark.parametrize(
    ("text", "words", "fault"),
    [
        (HEAD + GOOD, ("--score", "t"), "has no column t; it has who, y, s"),
        (HEAD + GOOD, ("--score", "s", "--score", "s"), "column s is asked for twice"),
        (HEAD + "a,0,0.1\nb,1,high\n", ("--score", "s"), "row 3: column s is 'high', no number"),
        (HEAD + "a,0,0.1\nb,1,NaN\n", ("--score", "s"), "row 3: column s is 'NaN', not finite"),
        (HEAD + "a,0,\nb,1,0.2\n", ("--score", "s"), "row 2: column s is '', no number"),
        (HEAD + "a,0,0.1\nb,1,inf\n", ("--score", "s"), "row 3: column s is 'inf', not finite"),
        (HEAD + "a,1,0.1\nb,1,0.2\n", ("--score", "s"), "column y holds one class only"),
        (HEAD + "a,0,0.1\n,1,0.2\n", ("--score", "s", "--patient", "who"), "row 3 names no patient in column who"),
        (HEAD + "a,0,0.1\na,1,0.2\n", ("--score", "s", "--patient", "who"), "column who names one patient only"),
        (HEAD + "a,0,0.2\nb,1,0.2\n", ("--score", "s"), "all scores in column s are equal"),
        (HEAD + "a,no,0.1\nb,yes,0.2\n", ("--score", "s"), "holds 'no', 'yes', not 0 and 1; name the positive one"),
        (HEAD + "a,no,0.1\nb,yes,0.2\n", ("--score", "s", "--positive", "ja"), "must hold 'ja' and one other word"),
        (HEAD + "a,0,0.1\nb,01,0.2\n", ("--score", "s"), "holds '0', '01', not 0 and 1"),
        (HEAD + GOOD, ("--score", "s", "--part", "who"), "row 2: column who is 'a'; allowed: val, test, external"),
        *(
            (HEAD + GOOD + f"e,{word},0.3\n", ("--score", "s", "--positive", "1"), "row 6: column y holds no truth")
            for word in ("", "NA", "NaN", "null")
        ),
        *(
            (HEAD + GOOD + f"{word},1,0.3\n", ("--score", "s", "--patient", "who"), "row 6 names no patient in column")
            for word in ("NA", "NaN", "null", "None")
        ),
        *(
            (HEAD + GOOD + f"e,1,{text}\n", ("--score", "s"), f"row 6: column s is '{text}', no number")
            for text in ("1_000", "\u0661", "0x1", "1e")
        ),
        (
            "who,y,s,p\na,0,1,val\nb,1,2,val\nc,0,3,test\nb,1,4,test\n",
            ("--score", "s", "--patient", "who", "--part", "p"),
            "row 5: patient b is in part test and in val",
        ),
        (
            "y,a,b-c,a-b,c\n0,1,1,1,1\n1,2,2,2,2\n",
            ("--score", "a", "--score", "b-c", "--score", "a-b", "--score", "c"),
            "two results of the name a-b-c",
        ),
        ("y,comparison\n0,1\n1,2\n", ("--score", "comparison"), "two results of the name comparison"),
        (HEAD, ("--score", "s"), "holds no row"),
        (HEAD + "a,0\n", ("--score", "s"), "row 2 has 2 cells, the headings 3"),
    ],
)
def test_a_table_that_does_not_serve_is_said_in_one_line(folder, text, words, fault):
    with pytest.raises(InputError) as error:
        roc(table(folder, text), "--truth", "y", *words)
    assert fault in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_without_params_are_said(folder):
    with pytest.raises(InputError, match=r"nowhere.csv: not readable: No such file"):
        roc("nowhere.csv", "--truth", "y", "--score", "s")
    (folder / "params.yaml").unlink()
    with pytest.raises(InputError, match=r"params.yaml: not found"):
        roc(table(folder, HEAD + GOOD), "--truth", "y", "--score", "s")


def test_nothing_of_r_is_printed_and_empty_lines_do_not_count(folder, capfd):
    result = roc(
        table(folder, HEAD + GOOD.replace("c,0,0.8", "c,0,0.05\n,,")), "--truth", "y", "--score", "s", "--json"
    )
    document = json.loads(result.stdout)  # an AUC of 1, of which pROC would warn
    assert result.stderr == "" and capfd.readouterr() == ("", "")
    (area,) = (row for row in document["measures"] if row["measure"] == "auc")
    assert area["estimate"] == 1 and "lo" not in area and "exactly 0 or 1" in area["note"]
    assert document["remarks"]
    assert {"R", "pROC"} <= document["software"].keys()
