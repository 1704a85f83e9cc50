"""What makes results stale: every way in which graph, lock, code and parameters can part."""

import shutil

import pytest
from gate_inputs import CODE, GRAPH, Project

from nonmass.errors import InputError
from nonmass.gate.stale import stale_results
from nonmass.lineage.hashing import folder_hash
from nonmass.lineage.revisions import Revision, open_revision


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, backbones=("small",))
    project.finish()
    return project


def reasons(project):
    return " ".join(stale_results(Revision("working tree", project.folder)))


def test_nothing_is_stale_after_a_run(project):
    assert reasons(project) == ""


def test_a_model_trained_anew_needs_new_predictions(project):
    stages = project.read_lock()
    stages["train@detect-small"]["outs"][0]["md5"] = "1" * 32 + ".dir"
    project.write_lock(stages)
    assert reasons(project) == "predict@detect-small: ran on another models/detect/small/1 than the graph makes now"


def test_predictions_made_anew_need_new_metrics(project):
    """The folder that eval reads has the hash of its files."""
    stages = project.read_lock()
    project.write("predictions/detect/small.csv", "other")
    stages["predict@detect-small"]["outs"][0] = project.hashed("predictions/detect/small.csv")
    project.write_lock(stages)
    assert reasons(project) == "eval@detect: ran on another predictions/detect than the graph makes now"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("cmd: train", "cmd: train --fast", "its command in dvc.yaml is not the one that ran"),
        ("params: [train.lr]", "params: []", "parameter train.lr is gone in dvc.yaml"),
        ("deps: [stages/train.py]", "deps: [stages/train.py, more.py]", "dep more.py is new in dvc.yaml"),
    ],
)
def test_an_edited_graph_is_stale(project, old, new, reason):
    project.write("dvc.yaml", GRAPH.replace(old, new))
    assert reason in reasons(project)


def test_a_graph_without_eval_is_refused(project):
    project.write("dvc.yaml", GRAPH.replace("  eval:", "  evaluate:"))
    with pytest.raises(InputError, match="knows no stage evaluate@detect"):
        reasons(project)


def test_deleted_code_is_stale(project):
    (project.folder / CODE).unlink()
    assert f"{CODE} is gone" in reasons(project)


@pytest.mark.parametrize("path", ["../x", "/x", 5])
def test_a_lock_that_leads_elsewhere_is_refused(project, path):
    stages = project.read_lock()
    stages["split"]["outs"][0]["path"] = path
    project.write_lock(stages)
    with pytest.raises(InputError, match=r"dvc.lock"):
        reasons(project)


def test_a_commit_is_read_byte_for_byte(project):
    """Whatever its attributes and Git's settings say; a link is left out."""
    project.write(".gitattributes", "stages export-ignore\n")
    (project.folder / "link").symlink_to("/")
    project.git("config", "core.autocrlf", "true")
    project.commit()
    with open_revision("main", project.folder) as revision:
        assert stale_results(revision) == []
        assert not (revision.folder / "link").exists()


@pytest.mark.parametrize("is_committed", [False, True])
def test_an_edited_folder_of_git_is_stale(project, is_committed):
    """Such as splits/, in which a frozen split stands; Git holds it, so no data are needed."""
    project.write("splits/detect.csv", "frozen")
    stages = project.read_lock()
    project.write("dvc.yaml", GRAPH.replace("cmd: split", "cmd: split\n    deps: [splits]"))
    frozen = project.hashed("splits/detect.csv")["md5"]
    stages["split"]["deps"] = [{"path": "splits", "md5": folder_hash({"detect.csv": frozen}), "nfiles": 1}]
    project.write_lock(stages)
    assert reasons(project) == ""
    project.write("splits/detect.csv", "edited")
    project.commit()
    with open_revision("main" if is_committed else None, project.folder) as revision:
        assert stale_results(revision) == ["split: splits is not the folder that dvc.lock names"]
    shutil.rmtree(project.folder / "splits")
    assert reasons(project) == "split: splits is gone"
    project.write("splits.dvc", "outs: [{path: splits}]")
    assert not reasons(project), "DVC keeps it"


def test_a_folder_that_held_more_than_stages_make_is_stale(project):
    stages = project.read_lock()
    (read,) = (dep for dep in stages["eval@detect"]["deps"] if dep["path"] == "predictions/detect")
    read |= {"nfiles": 2, "md5": "2" * 32 + ".dir"}
    project.write_lock(stages)
    assert "eval@detect: predictions/detect held 2 files, of which stages make 1" in reasons(project)
