"""The whole graph on few, small phantoms in clean clones: it runs, repeats to the byte, the documents are true."""

import json
import os
import re

import pytest
from clones import ROOT, change_params, clone_of_last_commit, run

DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
# What `.ci/run` itself runs or is, what prepares a shell, and what never ends and is run in tests/web.
RUN_ELSEWHERE = {
    *("make repro", "make test", "make test-all", "make check", "source .venv/bin/activate"),
    *("nonmass serve", "nonmass serve --onnx"),
}

pytestmark = pytest.mark.slow


def small_clone(folder):
    def shrink(params):
        params["phantom"]["patients"] = {"normal": 24, "mass": 40, "non_mass": 24}
        params["crop"]["side_px"] = 64
        params["phantom"]["ineligible"] = 8
        params["train"]["epochs"] = 2
        params["runtime"]["threads"] = 1

    change_params(clone_of_last_commit(folder), shrink)
    run("dvc repro && git add -A && git commit -qm small", folder)
    return folder


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clones")
    return small_clone(folder / "first"), small_clone(folder / "second")


@pytest.fixture(scope="module")
def clone(clones):
    return clones[0]


def test_two_clean_clones_give_the_same_bytes(clones):
    first, second = clones
    assert (first / "dvc.lock").read_bytes() == (second / "dvc.lock").read_bytes()
    tracked = run("git ls-files metrics predictions", first).split()
    assert len(tracked) >= 8
    for name in tracked:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_no_machine_path_or_host_in_what_is_tracked(clone):
    for name in run("git ls-files metrics predictions dvc.lock", clone).split():
        text = (clone / name).read_text(encoding="utf-8")
        assert str(clone) not in text and str(ROOT) not in text, name
        assert os.uname().nodename not in text or len(os.uname().nodename) < 4, name


def test_a_second_repro_does_nothing(clone):
    assert "Data and pipelines are up to date." in run("dvc repro", clone)
    assert run("git status --porcelain", clone) == ""


def test_a_backbone_that_is_gone_leaves_no_trace(clone):
    """What params no longer name may lie about, but must not make another result of the same commit."""
    run("sed -i '/^ *- densenet121_448$/d' params.yaml && dvc repro", clone)
    assert not (clone / "predictions/detect/densenet121_448.csv").exists()
    assert "densenet121" not in (clone / "metrics/detect.json").read_text(encoding="utf-8")
    run("git checkout -q . && dvc repro -q", clone)
    assert run("git status --porcelain", clone) == ""


@pytest.mark.long
def test_a_further_seed_trains_alone_and_leaves_no_trace(clone):
    first = {path: path.read_bytes() for path in clone.glob("models/*/*/1/*")}
    assert len(first) == 2 * 2 * 3
    run("sed -i 's/^  seeds: \\[1\\]/  seeds: [1, 2]/' params.yaml", clone)
    said = run("dvc repro", clone)
    trained = set(re.findall(r"Running stage '(train_\w+@[\w-]+)'", said))
    backbones = ("mobilenet_448", "densenet121_448")
    assert trained == {f"train_{task}@{name}-2" for task in ("detect", "classify") for name in backbones}
    assert {path: path.read_bytes() for path in first} == first
    for task in ("detect", "classify"):
        metrics = json.loads((clone / f"metrics/{task}.json").read_text(encoding="utf-8"))
        assert metrics["mobilenet_448"]["test"]["auc_seeds"]["n"] == 2
        rows = (clone / f"predictions/seeds/{task}/mobilenet_448.csv").read_text(encoding="utf-8").splitlines()
        assert {row.split(",")[1] for row in rows[1:]} == {"1", "2"}
    run("sed -i 's/^  seeds: \\[1, 2\\]/  seeds: [1]/' params.yaml && dvc repro -q", clone)
    assert not list(clone.glob("models/*/*/2"))
    assert run("git status --porcelain", clone).split() == ["M", "dvc.lock"], "it remembers stages that are gone"
    run("git checkout -q dvc.lock", clone)
    assert "Data and pipelines are up to date." in run("dvc repro", clone)


def test_a_new_learning_rate_trains_again_and_crops_nothing(clone):
    would_run = run("sed -i 's/  lr: 0.001/  lr: 1e-05/' params.yaml && dvc status --json", clone)
    stale = set(json.loads(would_run[would_run.index("{") :]))
    run("git checkout -q params.yaml", clone)
    assert {"train_detect@mobilenet_448-1", "train_classify@densenet121_448-1"} <= stale
    assert not {name.split("@")[0] for name in stale} & {"phantom", "ingest", "crop", "split"}


def test_a_clone_pulls_from_a_remote_and_runs_nothing(clone, tmp_path):
    """Raw phantoms, crops, models and reports come from the store; nothing is trained a second time."""
    other = tmp_path / "other"
    store = tmp_path / "store"
    run(f"dvc remote add --local --default store {store} && dvc push -q", clone)
    run(f"git clone -q {clone} {other}", tmp_path)
    run(f"dvc remote add --local --default store {store} && dvc pull -q", other)
    assert "Data and pipelines are up to date." in run("dvc repro", other)
    for path in clone.glob("models/*/*/1/model.safetensors"):
        assert (other / path.relative_to(clone)).read_bytes() == path.read_bytes()
    assert run("git status --porcelain", other) == ""
    run("dvc remote remove --local store", clone)


def commands(document):
    """The command lines in a document's `sh` blocks, comments and continuations resolved."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+#.*", "", line).strip()
            if command and not command.startswith("#"):
                yield command


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_of_the_documents_runs(document, clone):
    for command in commands(document):
        if command not in RUN_ELSEWHERE:
            run(command, clone)
    run("git checkout -q . && dvc checkout -q", clone)
