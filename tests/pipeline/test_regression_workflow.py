"""The steps of regression.yml, run in order in clones of a pull request's merge commit, as GitHub would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from clones import ROOT, change_params, clone_of_last_commit, run
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow

WORKFLOW = YAML(typ="safe", pure=True).load(ROOT / ".github/workflows/regression.yml")
# What prepares the machine, or speaks to GitHub, does nothing here but leave its arguments.
STAND_INS = ("apt-get", "make", "gh")


def shrink(params):
    """Masses alone, small; devices, which a small network soon tells apart, are the classes of `detect`."""
    params["phantom"].update(patients={"normal": 0, "mass": 36, "non_mass": 0}, ineligible=0)
    params["crop"]["side_px"] = 32
    params["tasks"]["detect"].update(
        positive={"device": "Quill T5"}, negative={"device": ["Norvex S1", "Aluvia 9"]}, ratio=[4, 5, 1]
    )
    params["tasks"]["classify"].update(external=None, ratio=[3, 3, 1])
    params["backbones"] = ["mobilenet_448"]
    params["networks"]["mobilenet_448"] = {"timm": "test_vit", "weights": "none"}
    params["train"].update(epochs=16, batch_size=4, lr=0.002, warmup_epochs=0, weight_averaging=0.9)
    params["augment"] = {**dict.fromkeys(params["augment"], 0.0), "gain": 0.2, "gamma": 0.3, "shift": 0.05}
    params["runtime"]["threads"] = 1


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A project whose branch `main` holds true results, and a DVC remote with their data."""
    folder = tmp_path_factory.mktemp("base")
    main = clone_of_last_commit(folder / "main")
    change_params(main, shrink)
    run("git checkout -q -B main && dvc repro eval environment", main)
    run(f"dvc remote add -q --default store {folder / 'store'} && dvc push -q --run-cache", main)
    run("git add -A && git commit -qm small", main)
    return main


@pytest.fixture
def judged(base, tmp_path):
    """Makes a pull request of a change of params.yaml; gives what the workflow made of it."""

    def judge(change, falsify=None):
        work, merge = tmp_path / "work", tmp_path / "merge"
        run(f"git clone -q {base} {work}", tmp_path)
        if falsify:
            falsify(work)
            run("git commit -qam 'results that nobody computed'", work)
        run("git checkout -q -b pull", work)
        change_params(work, change)
        run("git commit -qam change && git checkout -q main && git merge -q --no-ff pull -m merge", work)
        run(f"git clone -q --depth 2 file://{work} {merge}", tmp_path)
        return Run(merge, tmp_path / "github")

    return judge


class Run:
    """What GitHub would do with the steps of all jobs, in order, in a checkout.

    Attributes:
        failed: Names of the steps that failed.
        log: What the steps wrote.
        page: The page that the pull request gets.
        comment: What `gh` was called with.
    """

    def __init__(self, checkout, github):
        self._checkout, self._github = checkout, github
        self.failed, self.log = [], ""
        github.mkdir()
        for name in STAND_INS:
            (github / name).write_text(f'#!/bin/sh\necho "$@" >> {github}/{name}.log\n', encoding="utf-8")
            (github / name).chmod(0o755)
        for name, job in WORKFLOW["jobs"].items():
            # The second job finds the page where `download-artifact` has put it.
            folder = {"gate": checkout, "comment": checkout / "reports"}[name]
            for step in job["steps"]:
                if "run" in step and (not self.failed or name == "comment" or "always()" in step.get("if", "")):
                    self._take(step, folder)
        self.page = (checkout / "reports/gate.md").read_text(encoding="utf-8")
        self.comment = (github / "gh.log").read_text(encoding="utf-8")

    def _take(self, step, folder):
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, cwd=folder, env=self._environment(step), capture_output=True, text=True)
        self.log += f"{step['name']}\n{done.stdout}{done.stderr}"
        if done.returncode:
            self.failed.append(step["name"])

    def _environment(self, step):
        files = ("GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        return {
            **os.environ,
            **{name: "given by GitHub" for name in step.get("env", {})},
            **{name: str(self._github / name) for name in files},
            "RUNNER_TEMP": str(self._github),
            "HOME": str(self._github),
            "PATH": f"{self._github}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(self._checkout / "src"),
        }


def test_a_harmless_change_passes(judged):
    """What `detect` would divide its rate by if it ever did; it trains again, and gives the same.

    Git holds predictions of the base that are no longer its own: it is judged by those it really gives.
    """

    def change(params):
        params["lr_decay"]["detect"]["factor"] = 0.2

    def falsify(work):
        path = work / "predictions/detect/mobilenet_448.csv"
        table = pd.read_csv(path, dtype=str)
        table["logit"] = [logit[1:] if logit.startswith("-") else f"-{logit}" for logit in table["logit"]]
        table.to_csv(path, index=False)

    done = judged(change, falsify)
    assert not done.failed, done.log
    assert re.findall(r"Running stage '(train\w+)@", done.log) == ["train_detect"]
    assert done.page.startswith("## nonmass gate: OK\n")
    rows = re.findall(r"^\| (\w+) \| (\w+) / mobilenet\\_448 / val ", done.page, re.M)
    assert sorted(rows) == [("same", "classify"), ("same", "detect")]
    assert "`lr_decay.detect.factor` | `0.1` | `0.2`" in done.page
    assert "> The pull request does not hold the results that are judged here" in done.page
    assert "/comments --field body=@comment.md" in done.comment


def test_a_learning_rate_of_ten_is_refused(judged):
    """By the bounds of the recipe, before anything trains; the page says which."""

    def change(params):
        params["train"]["lr"] = 10.0

    done = judged(change)
    assert done.failed == ["Results of the pull request"], done.log
    assert done.page.startswith("## nonmass gate: no verdict\n\nFailed: results of the pull request.")
    assert "    error: params.yaml: train.lr: input should be less than or equal to 1 (got 10.0)" in done.page


def test_a_learning_rate_that_is_far_too_high_is_worse(judged):
    def change(params):
        params["train"]["lr"] = 1.0

    done = judged(change)
    assert done.failed == ["Gate"], done.log
    assert "::error title=detect / mobilenet_448 / val%3A worse::" in done.log
    assert done.page.startswith("## nonmass gate: REGRESSION\n")
    assert "| **worse** | detect / mobilenet\\_448 / val |" in done.page
    assert "`train.lr` | `0.002` | `1.0`" in done.page


def test_labels_turned_round_cannot_be_compared(judged):
    """A network that learns the wrong labels and is judged by them is as good as before; the certificate tells."""

    def change(params):
        task = params["tasks"]["classify"]
        task["positive"], task["negative"] = task["negative"], task["positive"]

    done = judged(change)
    assert done.failed == ["Gate"], done.log
    assert done.page.startswith("## nonmass gate: NOT COMPARABLE\n")
    (row,) = re.findall(r"^\| \*\*not comparable\*\* \| (.*)", done.page, re.M)
    assert row.startswith("classify ") and "another split" in row and "by other labels" in row


def test_a_split_by_image_cannot_be_compared(judged):
    def change(params):
        params["tasks"]["detect"]["unit"] = "image"

    done = judged(change)
    assert done.failed == ["Gate"], done.log
    (row,) = re.findall(r"^\| \*\*not comparable\*\* \| (.*)", done.page, re.M)
    assert row.startswith("detect ") and "NOT DISJOINT" in row and "splits detect by image" in row
