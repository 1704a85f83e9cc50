"""The workflows: sound by actionlint, where that is installed, and by the rules of who may do what."""

import os
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
REGRESSION = next(content for content in CONTENTS if content["name"] == "regression")


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


def pattern(path_filter):
    """GitHub's wildcards: `*` stops at a slash, `**` does not."""
    parts = re.split(r"(\*\*|\*)", path_filter)
    return re.compile("".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts))


def test_the_gate_looks_at_all_that_a_result_depends_on():
    """What Git holds of the deps and outputs in dvc.yaml, and what `make setup` installs from."""
    stages = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"].values()
    items = [item for stage in stages for key in ("deps", "outs", "metrics", "plots") for item in stage.get(key, ())]
    paths = [next(iter(item)) if isinstance(item, dict) else item for item in items]
    folders = {path.split("/${")[0] for path in paths}
    tracked = set(git("ls-files", "--", *folders, cwd=ROOT).split())
    assert {"stages/evaluate.py", "data/fov_overrides.csv", "metrics/detect.json", "splits/README.md"} <= tracked
    (software,) = re.findall(r"^\$\(VENV\)/\.ready: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    others = {"params.yaml", "dvc.yaml", "dvc.lock", "data/raw/study.dvc", "Makefile", *software.split()}
    watched = REGRESSION["on"]["pull_request"]["paths"]
    patterns = [pattern(path) for path in watched]
    assert not [path for path in sorted(tracked | others) if not any(p.fullmatch(path) for p in patterns)]
    assert not [path for path in watched if "*" not in path and not (ROOT / path).exists()]


def git(*words, cwd):
    author = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    return subprocess.run(["git", *author, *words], cwd=cwd, check=True, capture_output=True, text=True).stdout


class Checkout:
    """A merge commit's checkout, in which steps of the regression workflow call programs that only say they were."""

    def __init__(self, folder, before, after):
        """The base holds the files `before`; the pull request writes those of `after`."""
        self.folder, self._temp = folder / "checkout", folder / "temp"
        for path in (self.folder, self._temp):
            path.mkdir()
        for name in ("make", "dvc", "nonmass", "gh"):
            self.program(name, "")
        git("init", "-q", cwd=self.folder)
        for files in ({"dvc.lock": "", "metrics/x": "", "predictions/x": "", **before}, after):
            for name, text in files.items():
                (self.folder / name).parent.mkdir(exist_ok=True)
                (self.folder / name).write_text(text, encoding="utf-8")
            git("add", "-A", cwd=self.folder)
            git("commit", "-q", "--allow-empty", "-m", "x", cwd=self.folder)

    def program(self, name, script):
        """Called, it leaves its words and the constraints it would work with, then runs `script`."""
        text = f'#!/bin/sh\necho "{name} $*, $(cat constraints.txt)" >> {self._temp}/calls\n{script}\n'
        (self._temp / name).write_text(text, encoding="utf-8")
        (self._temp / name).chmod(0o755)

    def take(self, first, last, **variables):
        """Run the steps from `first` to `last` as GitHub would, `Page` always; whether all ended well."""
        names = [step.get("name") for step in STEPS]
        steps = [step for step in STEPS[names.index(first) : names.index(last) + 1] if "run" in step]
        paths = {"RUNNER_TEMP": self._temp, "GITHUB_STEP_SUMMARY": self._temp / "summary"}
        environment = {**os.environ, **paths, "PATH": f"{self._temp}:{os.environ['PATH']}", **variables}
        failed = False
        for step in steps:
            if not failed or "if" in step:
                shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
                failed |= subprocess.run(shell, cwd=self.folder, env=environment, capture_output=True).returncode != 0
        return not failed

    @property
    def calls(self):
        return (self._temp / "calls").read_text(encoding="utf-8").splitlines()

    @property
    def page(self):
        return (self.folder / "reports/gate.md").read_text(encoding="utf-8")


SOFTWARE = {
    "constraints.txt": "torch 1",
    "bin/setup": "pip install",
    "pyproject.toml": '[project]\ndependencies = ["torch"]\n[tool.ruff]\nline-length = 120\n',
}
WRITES_PAGE = 'mkdir -p reports; for page; do :; done; echo "## nonmass gate: OK" > "$page"'


@pytest.mark.parametrize(
    ("change", "is_computed_again"),
    [
        ({"constraints.txt": "torch 2"}, True),
        ({"bin/setup": "pip install --pre"}, True),
        ({"pyproject.toml": '[project]\ndependencies = ["torch", "timm"]\n'}, True),
        ({"pyproject.toml": SOFTWARE["pyproject.toml"].replace("120", "100")}, False),
        ({"params.yaml": "x: 1"}, False),
    ],
)
def test_other_software_computes_both_sides_again_each_with_its_own(tmp_path, change, is_computed_again):
    checkout = Checkout(tmp_path, SOFTWARE, change)
    checkout.program("nonmass", WRITES_PAGE)
    assert checkout.take("Same software?", "Page")
    force = " --force" if is_computed_again else ""
    sides = SOFTWARE["constraints.txt"], (SOFTWARE | change)["constraints.txt"]
    expected = [
        f"{call}, {side}"
        for side in sides
        for call in ("make setup", "dvc checkout --quiet --allow-missing", f"dvc repro eval environment{force}")
    ]
    assert checkout.calls[:-1] == expected
    assert ("> The software differs" in checkout.page) == is_computed_again
    assert checkout.page.startswith("## nonmass gate: OK\n")


def test_the_base_is_what_was_computed_of_it_and_uncommitted_results_are_told(tmp_path):
    checkout = Checkout(tmp_path, SOFTWARE, {"params.yaml": "x: 1"})
    checkout.program(
        "dvc", '[ "$1" != repro ] || { [ -f params.yaml ] && echo 2 || echo 1; } | tee metrics/x > metrics/y'
    )
    checkout.program("nonmass", WRITES_PAGE)
    assert checkout.take("Same software?", "Page")
    assert git("show", "gate-base:metrics/x", "gate-base:metrics/y", cwd=checkout.folder) == "1\n1\n"
    assert (checkout.folder / "metrics/x").read_text(encoding="utf-8") == "2\n"
    assert (
        "> [!WARNING]\n> The pull request does not hold the results that are judged here: of dvc.lock" in checkout.page
    )
    assert "predictions/, 2 came out otherwise." in checkout.page


@pytest.mark.parametrize(
    ("program", "script", "side"),
    [
        ("dvc", "[ $1 != repro ] || [ -f params.yaml ] || { echo ERROR: why >&2; exit 1; }", "results of the base"),
        ("make", "[ ! -f params.yaml ] || { echo ERROR: why >&2; exit 2; }", "results of the pull request"),
        ("nonmass", "echo error: why >&2; exit 2", "the gate itself"),
    ],
)
def test_a_page_without_verdict_names_what_failed_and_why(tmp_path, program, script, side):
    checkout = Checkout(tmp_path, SOFTWARE, {"params.yaml": "x: 1"})
    checkout.program(program, script)
    assert not checkout.take("Same software?", "Page")
    assert checkout.page.startswith(f"## nonmass gate: no verdict\n\nFailed: {side}. ")
    assert "\n    error: why\n" in checkout.page.lower()


@pytest.mark.parametrize(("own", "bytes_of_page"), [("", 60_000), ("7", 60_001)])
def test_a_comment_is_the_gates_own_and_says_that_it_is_cut(tmp_path, own, bytes_of_page):
    checkout = Checkout(tmp_path, SOFTWARE, {"gate.md": "x" * bytes_of_page})
    checkout.program("gh", f'[ "$2" != --paginate ] || echo "{own}"')
    assert checkout.take("Comment", "Comment", GH_REPO="a/b", NUMBER="3")
    asked, written = checkout.calls
    assert asked.startswith("gh api --paginate repos/a/b/issues/3/comments --jq ")
    assert 'select(.user.login == "github-actions[bot]" and (.body | startswith("<!-- nonmass gate -->")))' in asked
    where = "--method PATCH repos/a/b/issues/comments/7" if own else "repos/a/b/issues/3/comments"
    assert written == f"gh api --silent {where} --field body=@comment.md, {SOFTWARE['constraints.txt']}"
    comment = (checkout.folder / "comment.md").read_text(encoding="utf-8")
    assert comment.startswith("<!-- nonmass gate -->\nx") and comment.count("x" * 60_000) == 1
    assert comment.endswith("**Cut here: see the summary of the run.**\n") == (bytes_of_page > 60_000)
