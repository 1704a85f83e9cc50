"""The stage `eval` as the graph calls it: files in, files out, one line when it cannot."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eval_inputs import IMAGES, write_images

from nonmass.determinism import generator
from nonmass.tables import CURVES, DECISIONS, MEASURES, PREDICTIONS, RELIABILITY, SEED_PREDICTIONS

SCRIPT = Path(__file__).parents[2] / "stages" / "evaluate.py"
BACKBONES = ("mobilenet_448", "densenet121_448")
INPUTS = ("detect", "predictions/detect", "predictions/seeds/detect", "split.json", "manifest.csv", "fov.csv")
OUTPUTS = (
    "metrics/detect.json",
    "reports/curves/detect.csv",
    "reports/measures/detect.csv",
    "reports/measures/detect_software.json",
    "reports/calibration/detect.csv",
    "reports/decisions/detect.csv",
)


SEAL = {"assignment": "0123456789abcdef", "disjoint": 1, "unit": "patient"}
PARTS = {"train": {"images": 300}, "val": {"images": 30}, "test": {"images": 60}}


def write_certificate(folder, **changes):
    (folder / "split.json").write_text(json.dumps({"detect": {**SEAL, "parts": PARTS, **changes}}))


def write_predictions(folder, backbone, members, truth):
    """`members`: seed -> logits."""
    logit = np.mean(list(members.values()), axis=0)
    rows = pd.DataFrame(
        {
            "image_id": IMAGES,
            "patient_id": [f"p{n // 3}" for n in range(90)],
            "part": np.where(np.arange(90) < 30, "val", "test"),
            "truth": truth,
            "logit": logit,
            "score": 1 / (1 + np.exp(-logit)),
            "assignment": SEAL["assignment"],
        }
    )
    PREDICTIONS.write(rows, folder / "predictions" / "detect" / f"{backbone}.csv")
    frames = [pd.DataFrame({"image_id": IMAGES, "seed": seed, "logit": logit}) for seed, logit in members.items()]
    SEED_PREDICTIONS.write(pd.concat(frames), folder / "predictions" / "seeds" / "detect" / f"{backbone}.csv")


@pytest.fixture
def folder(tmp_path):
    """A project folder with params and the predictions of two backbones on 30 patients."""
    (tmp_path / "params.yaml").write_text(
        f"backbones: [{', '.join(BACKBONES)}]\n"
        "roc: {confidence_level: 0.95, cutoff_rule: youden, sensitivity: 0.9}\n"
        "calibration: {bins: 5, thresholds: [0.1, 0.5]}\n"
        "runtime: {threads: 1, deterministic: true, precision: 32, devices: 1, nodes: 1, images_mib: 64}\n"
    )
    write_certificate(tmp_path)
    write_images(tmp_path)
    truth = np.arange(90) // 3 % 2
    for backbone in BACKBONES:
        write_predictions(tmp_path, backbone, {1: truth + generator(1, backbone).normal(size=90)}, truth)
    return tmp_path


@pytest.fixture
def run(folder, run_program, capsys, caplog):
    """The stage in the test's own process; gives its exit code and what it says on stderr, warnings of R included."""

    def run():
        code = run_program("evaluate", *INPUTS, *OUTPUTS)
        return code, capsys.readouterr().err + caplog.text

    return run


def run_apart(folder, **environment):
    """The stage as a process of its own, as the graph runs it; it says on stderr what it imports."""
    variables = {name: value for name, value in os.environ.items() if name not in ("R_HOME", "LD_LIBRARY_PATH")}
    return subprocess.run(
        [sys.executable, "-X", "importtime", str(SCRIPT), *INPUTS, *OUTPUTS],
        cwd=folder,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def complaint(done):
    """What a user sees on stderr, without the import times that `run_apart` asks for."""
    return "".join(line for line in done.stderr.splitlines(True) if not line.startswith("import time:"))


def test_writes_metrics_curves_and_measures_alike_twice_and_without_torch(folder, run):
    done = run_apart(folder)
    assert (done.returncode, complaint(done)) == (0, "")
    assert "torch" not in {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    first = [(folder / name).read_bytes() for name in OUTPUTS]
    assert run() == (0, "")
    assert [(folder / name).read_bytes() for name in OUTPUTS] == first

    metrics = json.loads(first[0])
    assert set(metrics) == {*BACKBONES, "comparison", "certificate"}
    assert metrics["certificate"] == SEAL
    assert set(metrics["comparison"]) == {"-".join(BACKBONES)}
    assert metrics["mobilenet_448"]["test"]["n"]["patients"] == 20
    curves = CURVES.read(folder / OUTPUTS[1])
    corners = curves.groupby(["backbone", "part"])
    assert (corners["threshold"].first() == "inf").all()
    assert (corners["threshold"].last() == "-inf").all()
    measures = MEASURES.read(folder / OUTPUTS[2]).set_index(["backbone", "part", "group", "measure"])
    for backbone in BACKBONES:
        written = float(measures.loc[(backbone, "test", "", "auc"), "estimate"])
        assert metrics[backbone]["test"]["auc"]["est"] == pytest.approx(written, abs=1e-6)
        slope = float(measures.loc[(backbone, "test", "calibration_scaled", "slope"), "estimate"])
        assert metrics[backbone]["test"]["calibration"]["slope"] == {"est": pytest.approx(slope, abs=1e-6)}
    assert set(RELIABILITY.read(folder / OUTPUTS[4])["scale"]) == {"raw", "scaled"}
    assert set(DECISIONS.read(folder / OUTPUTS[5])["threshold"]) == {0.1, 0.5}


def test_patients_who_share_a_picture_are_one_unit(folder, run):
    assert run() == (0, "")
    apart = json.loads((folder / OUTPUTS[0]).read_text())["mobilenet_448"]["test"]
    write_images(folder, linked={"p10": "p12", "p11": "p13"})
    assert run() == (0, "")
    linked = json.loads((folder / OUTPUTS[0]).read_text())["mobilenet_448"]["test"]
    assert linked["auc"]["est"] == apart["auc"]["est"]
    assert linked["auc"]["lo"] != apart["auc"]["lo"]
    assert linked["auc_image"] == apart["auc_image"]
    assert linked["n"] == apart["n"]


def test_the_spread_of_several_seeds_is_among_the_metrics(folder, run):
    truth = np.arange(90) // 3 % 2
    members = {seed: truth + generator(seed, "member").normal(size=90) for seed in (1, 2)}
    write_predictions(folder, BACKBONES[0], members, truth)
    assert run() == (0, "")
    metrics = json.loads((folder / OUTPUTS[0]).read_text())
    assert metrics[BACKBONES[0]]["test"]["auc_seeds"]["n"] == 2
    assert "auc_seeds" not in metrics[BACKBONES[1]]["test"]


def test_missing_scores_of_seeds_are_one_line(folder, run):
    (folder / "predictions" / "seeds" / "detect" / f"{BACKBONES[0]}.csv").unlink()
    code, said = run()
    assert code == 1
    assert said.startswith("error: predictions/seeds/detect/mobilenet_448.csv: predictions of seeds not found")


def test_records_what_computed_the_numbers_and_nothing_of_the_machine_s_own(folder, run):
    assert run() == (0, "")
    software = json.loads((folder / OUTPUTS[3]).read_text())
    code = 'cat(as.character(getRversion()), as.character(packageVersion("pROC")), R.version$platform)'
    asked = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True)
    assert [software.pop(name) for name in ("R", "pROC", "platform")] == asked.stdout.split()
    python = ".".join(map(str, sys.version_info[:3]))
    assert software == {"python": python, "numpy": np.__version__, "pandas": pd.__version__, "rpy2": version("rpy2")}


def test_kernels_that_do_not_repeat_are_shouted_in_the_metrics(folder, run):
    params = folder / "params.yaml"
    assert run() == (0, "")
    assert "NOT_DETERMINISTIC" not in json.loads((folder / OUTPUTS[0]).read_text())
    params.write_text(params.read_text().replace("deterministic: true", "deterministic: false"))
    assert run() == (0, "")
    assert json.loads((folder / OUTPUTS[0]).read_text())["NOT_DETERMINISTIC"] == 1


def test_a_split_that_is_not_disjoint_is_shouted_in_metrics_and_measures(folder, run):
    write_certificate(folder, disjoint=0, unit="image")
    assert run() == (0, "")
    metrics = json.loads((folder / OUTPUTS[0]).read_text())
    assert metrics["NOT_DISJOINT"] == 1
    assert metrics["certificate"] == {**SEAL, "disjoint": 0, "unit": "image"}
    measures = MEASURES.read(folder / OUTPUTS[2])
    areas = measures[measures["group"] == ""]
    assert len(areas) == 16
    assert areas["note"].str.startswith("NOT DISJOINT: ").all()


def test_predictions_of_another_split_are_one_line(folder, run):
    write_certificate(folder, assignment="fedcba9876543210")
    code, said = run()
    assert code == 1
    assert said == (
        "error: predictions/detect/mobilenet_448.csv: stale predictions: they were made on split 0123456789abcdef, "
        "the certificate is of fedcba9876543210; predict again with `dvc repro`\n"
    )
    assert not (folder / "metrics").exists()


def test_predictions_of_fewer_images_than_the_split_has_are_one_line(folder, run):
    path = folder / "predictions" / "detect" / "densenet121_448.csv"
    PREDICTIONS.write(PREDICTIONS.read(path).iloc[:0], path)
    code, said = run()
    assert code == 1
    assert said == (
        "error: predictions/detect/densenet121_448.csv: not the predictions of the whole split: they are of no images, "
        "the certificate is of 60 test, 30 val images; predict again with `dvc repro`\n"
    )


def test_missing_predictions_are_one_line(folder, run):
    (folder / "predictions" / "detect" / "densenet121_448.csv").unlink()
    code, said = run()
    assert code == 1
    assert said.startswith("error: predictions/detect/densenet121_448.csv: predictions not found")
    assert said.count("\n") == 1
    assert not (folder / "metrics").exists()


def test_a_wrong_parameter_is_one_line_that_names_it(folder, run):
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("youden", "closest"))
    assert "params.yaml: roc.cutoff_rule: input should be 'youden'" in run()[1]
    (folder / "params.yaml").write_text(text.replace("0.95", "95"))
    assert "params.yaml: roc.confidence_level: input should be less than 1" in run()[1]


def test_missing_r_is_one_line(folder):
    done = run_apart(folder, PATH=str(folder))
    assert done.returncode == 1
    assert complaint(done).startswith("error: R is not installed")
    assert complaint(done).count("\n") == 1
