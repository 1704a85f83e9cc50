"""Two revisions of a project, and what `nonmass gate` says of the second: by verdict, by reason, by exit code."""

import json
import shutil
import subprocess
from copy import deepcopy

import numpy as np
import pytest
from gate_inputs import Project
from ruamel.yaml import YAML
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from nonmass.cli import app


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """A finished run, committed on `main`; tests leave it as it is."""
    project = Project(tmp_path_factory.mktemp("committed"))
    project.finish()
    project.commit()
    return project


@pytest.fixture
def project(committed, tmp_path, monkeypatch):
    """A copy of it, for one test."""
    project = deepcopy(committed)
    project.folder = shutil.copytree(committed.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return project


def gate(*words):
    return CliRunner().invoke(app, ["gate", "--base", "main", *words], catch_exceptions=False)


def judged(*words):
    """Exit code, verdicts and notes."""
    done = gate("--format", "json", *words)
    rows = json.loads(done.stdout)["rows"]
    assert json.loads(done.stdout)["exit_code"] == done.exit_code
    return done.exit_code, {row["verdict"] for row in rows}, " ".join(row["note"] for row in rows)


def test_an_identical_rerun_is_the_same(project):
    done = gate("--format", "json")
    rows = json.loads(done.stdout)["rows"]
    assert done.exit_code == 0
    assert {(row["task"], row["backbone"], row["part"]) for row in rows} == {
        (task, backbone, "val") for task in ("detect", "classify") for backbone in ("small", "large")
    }
    for row in rows:
        assert (row["verdict"], row["difference"], row["lo"], row["hi"], row["p"]) == ("same", 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("strength", "verdict", "code"), [(2.5, "better", 0), (0.5, "worse", 1), (1.5, "same", 0)], ids=str
)
def test_a_retrained_model_gets_its_verdict(project, strength, verdict, code):
    project.retrain(strength)
    project.finish()
    assert judged()[:2] == (code, {verdict})


def test_a_model_turned_round_is_worse_although_nothing_varies(project):
    """Perfect before, labels flipped now: every image loses the same, so the difference has no variance."""
    for frame in project.frames.values():
        frame["logit"] = 2.0 * frame["truth"] - 1
    project.finish()
    project.commit()
    for frame in project.frames.values():
        frame["logit"] = -frame["logit"]
    project.finish()
    assert judged()[:2] == (1, {"worse"})


def test_doubt_passes_a_commit_and_no_release(project):
    """Few patients, other noise: neither a loss nor its absence is sure."""
    for key, frame in project.frames.items():
        project.frames[key] = frame.groupby("part").head(24).reset_index(drop=True)
    project.finish()
    project.commit()
    for frame in project.frames.values():
        frame["logit"] = frame["logit"].to_numpy()[::-1] * 0.5 + frame["truth"]
    project.finish()
    assert "unsure" in judged()[1]
    assert judged()[0] == 0
    assert judged("--release")[0] == 2


def test_the_test_part_is_judged_for_a_release_only(project):
    """And not shown before, or the eye would judge by it."""
    project.retrain(0.5, parts=("test",))
    project.finish()
    done = gate("--format", "json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert {row["part"] for row in found["rows"]} == {measure["part"] for measure in found["measures"]} == {"val"}
    assert judged("--release")[:2] == (1, {"worse"})


def test_another_test_set_is_not_comparable(project):
    for key, frame in project.frames.items():
        project.frames[key] = frame.iloc[3:].reset_index(drop=True)
    project.finish()
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable"})
    assert "another split" in notes
    assert any("split" in alarm for alarm in json.loads(gate("--format", "json").stdout)["alarms"])


def test_another_certificate_is_not_comparable(project):
    project.finish(disjoint=0)
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable"})
    assert "NOT DISJOINT: parts share patients or pictures: working tree splits detect by patient" in notes


def test_a_split_that_leaks_on_purpose_is_not_comparable(project):
    path = project.folder / "metrics" / "split.json"
    seals = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({"LEAKY_ON_PURPOSE": "image", **seals}), encoding="utf-8")
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable"})
    assert "metrics/split.json: LEAKY_ON_PURPOSE: belongs to leak/dvc.yaml" in notes


@pytest.mark.parametrize("lo", ["x", None, [0.7]])
def test_limits_that_are_no_numbers_are_not_shown(project, lo):
    path = project.folder / "metrics" / "detect.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    metrics["small"]["val"]["auc"]["lo"] = lo
    path.write_text(json.dumps(metrics), encoding="utf-8")
    told = json.loads(gate("--format", "json").stdout)["measures"]
    (auc,) = (row for row in told if (row["task"], row["backbone"], row["measure"]) == ("detect", "small", "auc"))
    assert (auc["before"], auc["now"]) == ("0.800 (0.700 to 0.900)", "0.800")


def test_other_patients_under_the_same_certificate_are_not_comparable(project):
    """The hash of the assignment knows images, parts and labels, not patients, who are the unit."""
    for frame in project.frames.values():
        frame.loc[0, "patient_id"] = "somebody else"
    project.finish()
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable"})
    assert "not the same images, patients or labels: 1 differ, first " in notes


@pytest.mark.parametrize("content", [None, "", "image_id,patient_id\nx,y\n", "\x00\xff", '"'], ids=repr)
@pytest.mark.parametrize("is_base", [True, False])
def test_a_file_that_is_missing_or_broken_is_not_comparable(project, content, is_base):
    """On either side; the other rows are judged all the same."""
    path = project.folder / "predictions" / "detect" / "small.csv"
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")
    if is_base:
        project.commit()
        project.finish()
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable", "same"})
    assert "predictions/detect/small.csv" in notes
    assert str(project.folder) not in notes


def test_predictions_of_half_a_split_are_not_comparable(project):
    path = project.folder / "predictions" / "detect" / "small.csv"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:100]), encoding="utf-8")
    project.lock()
    code, _, notes = judged()
    assert code == 1
    assert "not the predictions of the whole split" in notes


def test_params_without_their_results_are_no_pass(project):
    """Whoever edits params.yaml and runs nothing has the old, equal predictions."""
    project.params["train"]["lr"] = 10
    project.write_yaml("params.yaml", project.params)
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable", "same"})
    assert "train.lr was 0.001 when it ran and is 10" in notes


def test_results_edited_by_hand_are_no_pass(project):
    project.retrain(2.5)
    project.finish()
    project.git("checkout", "--quiet", "dvc.lock")
    code, _, notes = judged()
    assert code == 1
    assert "is not the file that dvc.lock names" in notes


def test_a_new_backbone_has_no_baseline_and_passes(tmp_path, project):
    project.params["backbones"].append("third")
    for task in ("detect", "classify"):
        project.frames[task, "third"] = project.frames[task, "small"]
    project.finish()
    assert judged()[:2] == (0, {"same", "new"})
    (tmp_path / "predictions" / "detect" / "third.csv").unlink()
    assert judged()[0] == 1


def test_a_backbone_goes_only_where_params_say_so(project):
    project.params["backbones"].remove("large")
    project.frames = {key: frame for key, frame in project.frames.items() if key[1] != "large"}
    project.finish()
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"same", "not comparable"})
    assert "name it in gate.removed" in notes
    project.params["gate"]["removed"] = ["large"]
    project.finish()
    assert judged()[:2] == (0, {"same", "removed"})


def test_replacing_every_backbone_at_once_compares_nothing_and_fails(project):
    project.frames = {(task, f"new_{name}"): frame for (task, name), frame in project.frames.items()}
    project.params["backbones"] = ["new_small", "new_large"]
    project.params["gate"]["removed"] = ["small", "large"]
    project.finish()
    code, verdicts, notes = judged()
    assert (code, verdicts) == (1, {"not comparable", "new", "removed"})
    assert "nothing was compared" in notes


def test_a_change_cannot_loosen_its_own_margin(project):
    """The baseline's holds, and the change is told first."""
    project.params["gate"]["margin"] = 0.4
    project.finish()
    found = json.loads(gate("--format", "json").stdout)
    assert found["rules"]["margin"] == 0.05
    assert found["alarms"][0] == "the rules of the gate change: gate.margin from 0.05 to 0.4"


def test_the_margin_may_be_what_another_seed_changes(project):
    """The 95 % range of the difference of two means over three seeds, from the baseline's own; scikit-learn's AUC."""
    project.params["gate"]["margin"] = "seeds"
    seeds = project.write_seeds()
    project.finish()
    project.commit()
    project.write_seeds(spread=9.0)  # the change's own do not count
    project.lock()
    for row in json.loads(gate("--format", "json").stdout)["rows"]:
        frame = seeds[row["task"], row["backbone"]].query("part == 'val'")
        areas = [roc_auc_score(of_seed["truth"], of_seed["logit"]) for _, of_seed in frame.groupby("seed")]
        assert len(areas) == 3
        assert row["margin"] == pytest.approx(1.959964 * (2 / 3) ** 0.5 * np.std(areas, ddof=1))


def test_a_margin_of_seeds_needs_seeds(project):
    project.params["gate"]["margin"] = "seeds"
    project.finish()
    project.commit()
    code, _, notes = judged()
    assert code == 1
    assert "predictions/seeds/detect/small.csv" in notes


def test_both_sides_may_be_commits(project):
    """Then what lies in the working tree does not matter."""
    project.git("checkout", "--quiet", "-b", "change")
    project.retrain(0.5)
    project.finish()
    project.commit()
    project.git("checkout", "--quiet", "main")
    project.write("params.yaml", "rubbish: [")
    assert judged("--head", "change")[:2] == (1, {"worse"})
    assert "error: working tree: params.yaml: not readable as YAML" in gate().stderr


@pytest.mark.parametrize("base", ["nowhere", "--help-me", "--output=here", "HEAD^{tree}", "main:params.yaml"])
def test_a_base_that_is_no_commit_is_told_from_a_regression(project, base):
    done = CliRunner().invoke(app, ["gate", f"--base={base}"], catch_exceptions=False)
    assert done.exit_code == 2
    assert "Git knows no such revision here" in done.stderr
    assert not (project.folder / "here").exists()


def test_without_a_repository_nobody_can_tell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    done = gate()
    assert done.exit_code == 2
    assert "not a git repository" in done.stderr


def test_parts_that_leak_are_shouted_at_a_commit_and_refused_for_a_release(tmp_path, monkeypatch):
    project = Project(tmp_path)
    project.finish(disjoint=0)
    project.commit()
    monkeypatch.chdir(tmp_path)
    done = gate()
    assert done.exit_code == 0 and "! detect: NOT DISJOINT" in done.stdout
    code, verdicts, notes = judged("--release")
    assert (code, verdicts) == (1, {"not comparable"}) and "NOT DISJOINT" in notes
    assert gate("--release").stdout.startswith("NOT COMPARABLE: ")


@pytest.mark.parametrize("cutoff", [None, "x", float("nan"), float("inf"), []], ids=str)
def test_a_cutoff_that_is_no_number_is_none(project, cutoff):
    from nonmass.gate.compare import Key
    from nonmass.gate.gate import both_sides
    from nonmass.gate.patients import frozen_cutoff

    metrics = json.loads((project.folder / "metrics/detect.json").read_text(encoding="utf-8"))
    metrics["small"]["test"]["frozen"]["cutoff"] = cutoff
    project.write("metrics/detect.json", json.dumps(metrics))
    with both_sides(project.folder, "main", None) as (base, head):
        assert frozen_cutoff(base, Key("detect", "small", "test")) == 0.0
        assert frozen_cutoff(head, Key("detect", "small", "test")) is None


def test_a_release_whose_calls_are_lost_does_not_pass_by_its_ranking(project):
    """All scores moved down by one amount: the same ranking, and a frozen cut-off that nobody reaches any more."""
    for frame in project.frames.values():
        frame.loc[frame["part"] == "test", "logit"] -= 8
    project.finish()
    code, verdicts, _ = judged("--release")
    assert (code, verdicts) == (2, {"same"})
    for form in ("text", "github", "markdown"):
        assert "the calls at the frozen cut-off are worth less" in gate("--release", "--format", form).stdout
    assert judged()[:2] == (0, {"same"})  # a commit is judged on validation, where nothing moved


def test_results_that_changed_for_no_reason_are_an_alarm(project):
    """As somebody's hand leaves them: scores edited, dvc.lock made to match."""
    project.frames["detect", "small"].loc[3, "logit"] *= -1
    project.finish()
    stages = project.read_lock()
    for name in ("train@detect-small", "predict@detect-small"):
        made = stages[name]["outs" if name.startswith("train") else "deps"][0]
        made["md5"] = next(iter(before(project, "train@detect-small")["outs"]))["md5"]
    project.write_lock(stages)
    done = gate()
    assert done.exit_code == 0
    assert "! other results from the same inputs: predict@detect-small;" in done.stdout
    assert "verify --deep --stage predict@detect-small" in done.stdout


def before(project, stage):
    """A stage of dvc.lock as committed."""
    text = subprocess.run(["git", "show", "main:dvc.lock"], cwd=project.folder, capture_output=True, check=True).stdout
    return YAML(typ="safe", pure=True).load(text)["stages"][stage]


def test_a_comparison_of_equal_sides_says_so(project):
    assert "nothing that the gate reads differs" in gate().stdout
    project.retrain(2.5)
    project.finish()
    assert "nothing that the gate reads differs" not in gate().stdout


@pytest.mark.parametrize("option", ["--html", "--markdown"])
@pytest.mark.parametrize("kind", ["under a file", "a device", "a link", "a long name"])
def test_a_page_that_cannot_be_written_is_one_line_before_any_work(project, option, kind):
    (project.folder / "link.html").symlink_to("elsewhere.html")
    places = {
        "under a file": "dvc.yaml/page.html",
        "a device": "/dev/null",
        "a link": "link.html",
        "a long name": f"{'a' * 300}.html",
    }
    place = places[kind]
    done = gate(option, place)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_a_name_of_a_branch_and_a_tag_is_refused(project):
    project.git("branch", "twice")
    (project.folder / "more.txt").write_text("x")
    project.commit()
    project.git("tag", "twice")
    done = CliRunner().invoke(app, ["gate", "--base", "twice"])
    assert done.exit_code == 2
    assert "is ambiguous" in done.stderr and "refs/heads/NAME or refs/tags/NAME" in done.stderr
    assert CliRunner().invoke(app, ["gate", "--base", "refs/heads/twice"]).exit_code == 0


@pytest.mark.parametrize("name", ["twice^0", "twice~0"])
def test_a_name_within_an_expression_is_refused_likewise(project, name):
    project.git("branch", "twice")
    project.git("tag", "twice")
    done = CliRunner().invoke(app, ["gate", "--base", name])
    assert (done.exit_code, "is ambiguous" in done.stderr) == (2, True)


@pytest.mark.parametrize("base", ["", " "])
def test_an_empty_name_is_one_line(project, base):
    done = CliRunner().invoke(app, ["gate", "--base", base])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "this one is empty" in done.stderr


def test_it_says_where_to_run_it(project, monkeypatch):
    (project.folder / "src").mkdir()
    monkeypatch.chdir(project.folder / "src")
    done = gate()
    assert (done.exit_code, done.stderr) == (
        2,
        "error: working tree: dvc.yaml not found; run the gate in the folder that holds it\n",
    )


def test_a_linked_prediction_is_refused(project):
    file = project.folder / "predictions" / "detect" / "small.csv"
    file.rename(project.folder / "elsewhere.csv")
    file.symlink_to(project.folder / "elsewhere.csv")
    code, verdicts, notes = judged()
    assert (code, "not comparable" in verdicts) == (1, True)
    assert "predictions/detect/small.csv: is a link" in notes
