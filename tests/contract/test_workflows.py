"""The workflows: sound by actionlint, where that is installed, and by the rules of who may do what."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
CONTENTS = [YAML(typ="safe", pure=True).load(path) for path in FILES]
JOBS = [
    (path.stem, name, job)
    for path, content in zip(FILES, CONTENTS, strict=True)
    for name, job in content["jobs"].items()
]
STEPS = [step for _, _, job in JOBS for step in job["steps"]]


def test_actionlint_finds_nothing():
    """Its packages fetch the program from GitHub, so it is no requirement here; the workflow `ci` runs it there."""
    if shutil.which("actionlint") is None:
        pytest.skip("NOT RUN: actionlint is not installed")
    done = subprocess.run(["actionlint", *map(str, FILES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_actions_are_pinned_by_commit():
    used = [line.strip() for path in FILES for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert len(used) == sum("uses" in step for step in STEPS)
    for line in used:
        assert re.fullmatch(r"(- )?uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_whoever_runs_a_change_may_not_write():
    """Nothing by default; the one job that writes takes no code from the change."""
    assert all(content["permissions"] == {"contents": "read"} for content in CONTENTS)
    assert all("pull_request_target" not in content["on"] for content in CONTENTS)
    writers = [(workflow, name) for workflow, name, job in JOBS if "permissions" in job]
    assert writers == [("regression", "comment")]
    (comment,) = (job for _, name, job in JOBS if name == "comment")
    assert comment["permissions"] == {"pull-requests": "write"}
    assert [step["uses"].split("@")[0] for step in comment["steps"] if "uses" in step] == ["actions/download-artifact"]
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_step_needs_a_secret_or_pastes_what_others_wrote():
    """A title with a quote in it would run as a command where an expression is pasted into a script."""
    assert all("secrets." not in path.read_text(encoding="utf-8") for path in FILES)
    assert all("${{" not in step.get("run", "") for step in STEPS)


def test_the_gate_looks_at_all_that_a_result_depends_on():
    watched = next(content for content in CONTENTS if content["name"] == "regression")["on"]["pull_request"]["paths"]
    for path in (
        "params.yaml",
        "dvc.yaml",
        "dvc.lock",
        "stages/**",
        "src/**",
        "splits/**",
        "**.dvc",
        "constraints.txt",
    ):
        assert path in watched
    for path in watched:
        if "*" not in path:
            assert (ROOT / path).exists(), path
