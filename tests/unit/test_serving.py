"""nonmass predict and export: the pipeline's own numbers, and what becomes of files that are no sound screens."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from dicom_files import PRIVATE, SECRETS, region, still, with_regions
from PIL import Image
from safetensors.torch import load_file
from scipy.special import expit
from screen_project import draw
from serving_project import CUTOFFS, DECIDED, DECIDED_BOX, PARTS, ROOT, TEMPERATURE
from typer.testing import CliRunner

from nonmass import tables
from nonmass.cli import app
from nonmass.errors import InputError
from nonmass.network import save_weights
from nonmass.panels import GAP_PX, PANEL_PX
from nonmass.report.cautions import PHANTOMS
from nonmass.serving.answers import Answer
from nonmass.serving.overlay import overlay
from nonmass.serving.prepare import Screen
from nonmass.serving.release import RELEASE_FILE, read_release

pytestmark = pytest.mark.usefixtures("torch_globals")


@pytest.fixture(scope="module")
def together(finished):
    """The records of all screens of the project."""
    before, threads = Path.cwd(), torch.get_num_threads()
    os.chdir(finished.folder)
    try:
        return predict("data/raw/drawn")[0]
    finally:
        torch.set_num_threads(threads)
        os.chdir(before)


@pytest.fixture
def project(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    return finished.folder


def predict(*words, code=0):
    """Records by file, and what stderr says."""
    result = CliRunner().invoke(app, ["predict", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == code, result.output
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(record["use"] == "research use only" for record in records)
    return {record["file"]: record for record in records}, result.stderr


def pipelines(project, task):
    """image_id -> row of the stage's predictions."""
    rows = tables.PREDICTIONS.read(project / "predictions" / task / "tiny.csv")
    return {row.image_id: row for row in rows.itertuples()}


def test_a_folder_gets_the_pipelines_numbers_to_the_last_digit(project, finished, together):
    """A screen whose box a person decided included, and however many were scored with it."""
    found = together
    assert len(found) == len(PARTS)
    for task in ("detect", "classify"):
        rows = pipelines(project, task)
        scored = [number for number, image_id in finished.image_ids.items() if image_id in rows]
        assert len(scored) == 23
        for number in scored:
            row, one = rows[finished.image_ids[number]], found[f"{number}.png"][task]
            assert (one["logit"], one["probability"]) == (row.logit, row.score)
            assert one["call"] in ("non_mass", "normal", "benign", "malignant")
    assert found[f"{DECIDED}.png"]["fov"]["box"] == list(DECIDED_BOX)


def test_a_single_screen_gets_the_same_record_as_in_its_folder(project, together):
    alone, _ = predict("data/raw/drawn/42.png")
    assert alone == {"data/raw/drawn/42.png": {**together["42.png"], "file": "data/raw/drawn/42.png"}}


def test_fields_of_view_are_those_of_the_index(project, finished, together):
    found = together
    rows = tables.FOV_INDEX.read(project / "data/fov/index.csv").set_index("image_id")
    for number, image_id in finished.image_ids.items():
        fov, row = found[f"{number}.png"]["fov"], rows.loc[image_id]
        assert fov["box"] == row[list(tables.BOX_COLUMNS)].tolist()
        assert (fov["confidence"], "|".join(fov["flags"])) == (row["confidence"], row["flags"])
        assert (fov["accepted"], fov["method"], fov["device_from"]) == (bool(row["accepted"]), row["method"], "size")


def test_cutoff_and_temperature_are_those_of_the_measures(project):
    found, notes = predict("data/raw/drawn/42.png")
    (record,) = found.values()
    for task, names in (("detect", ("normal", "non_mass")), ("classify", ("benign", "malignant"))):
        one = record[task]
        assert one["cutoff_logit"] == CUTOFFS[task]
        assert one["call"] == names[one["logit"] >= CUTOFFS[task]]
    scaled = expit(record["detect"]["logit"] / TEMPERATURE)
    assert record["detect"]["calibrated_probability"] == pytest.approx(scaled, rel=1e-12)
    assert record["classify"]["calibrated_probability"] is None
    assert "classify: no temperature was fitted" in notes
    assert "detect: no temperature" not in notes


def test_onnx_agrees_with_torch_within_the_stated_difference(project, together, tmp_path):
    names = [f"{number}.png" for number in range(30, 44)]
    for name in names:
        shutil.copy(project / "data/raw/drawn" / name, tmp_path)
    by_onnx, _ = predict(tmp_path, "--onnx")
    by_torch = {name: together[name] for name in names}
    for task in ("detect", "classify"):
        check = read_release(project / "release" / task).export_check
        logits = np.array([[one[name][task]["logit"] for name in by_torch] for one in (by_torch, by_onnx)])
        assert np.ptp(logits[0]) > 1e-3
        np.testing.assert_allclose(logits[1], logits[0], rtol=0, atol=1e-5)
        assert check.images == 23 and check.max_logit_difference < 1e-5
    for name, record in by_torch.items():
        assert {**record, "detect": 0, "classify": 0} == {**by_onnx[name], "detect": 0, "classify": 0}


def test_two_exports_give_the_same_bytes(project, tmp_path):
    assert CliRunner().invoke(app, ["export", "--out", str(tmp_path)], catch_exceptions=False).exit_code == 0
    first = {path.relative_to(project / "release"): path for path in (project / "release").rglob("*.*")}
    assert sorted(map(str, first)) == [
        f"{task}/{name}" for task in ("classify", "detect") for name in ("1.onnx", "2.onnx", "release.json")
    ]
    for name, path in first.items():
        content = path.read_bytes()
        assert (tmp_path / name).read_bytes() == content, name
        assert str(project).encode() not in content and str(ROOT).encode() not in content


def test_an_export_says_how_far_it_is_from_torch_and_how_often_it_gives_notice(project, finished):
    said = finished.said
    assert "23 images by torch and by ONNX Runtime: logits differ by at most" in said
    assert "of 4 test images noticed as unlike the training images" in said
    release = read_release(project / "release" / "detect")
    assert release.noticed["test"].images == 4 and "external" not in release.noticed


def test_onnx_needs_nothing_of_the_pipeline(project, tmp_path):
    """A place with the release alone, and an interpreter that refuses what a light install lacks."""
    shutil.copytree(project / "release", tmp_path / "release")
    shutil.copy(project / "data/raw/drawn/42.png", tmp_path / "42.png")
    heavy = (
        "torch torchvision timm lightning_fabric dvc rpy2 sklearn matplotlib pytorch_grad_cam safetensors onnx jinja2"
    )
    code = (
        "import sys\n"
        f"heavy = set({heavy.split()!r})\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in heavy: raise ImportError(f'not installed: {name}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from nonmass.cli import run\n"
        "sys.argv = ['nonmass', 'predict', *sys.argv[1:]]\n"
        "run()\n"
    )

    def light(*words):
        command = [sys.executable, "-c", code, "42.png", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    done = light("--onnx")
    assert done.returncode == 0, done.stderr
    here, _ = predict("data/raw/drawn/42.png", "--onnx")
    assert json.loads(done.stdout)["detect"] == here["data/raw/drawn/42.png"]["detect"]
    assert light("--onnx", "--overlays", "maps").returncode == 0
    pictures = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert pictures == ["00001-42-classify.png", "00001-42-detect.png"]
    without = light()
    assert without.returncode == 1
    assert "is not installed; use --onnx with an exported release" in without.stderr.splitlines()[-1]


def test_a_folder_of_all_sorts(project, tmp_path):
    """Each bad file is one line, the sound ones get answers, and nobody's name comes out."""
    folder, outside = tmp_path / "sorts", tmp_path / "outside.png"
    folder.mkdir()
    Image.fromarray(draw(45)).save(folder / "a.png")
    shutil.copy(folder / "a.png", outside)
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:900])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "link.png").symlink_to(outside)
    (folder / "inside.png").symlink_to(folder / "a.png")
    (folder / "notes.txt").write_text("no image")
    still(folder / "still.dcm", draw(46), **SECRETS)
    m_mode = with_regions(region((90, 60, 489, 219)), region((90, 230, 489, 359), spatial_format=2))
    still(folder / "trace.dcm", draw(46), **m_mode, **SECRETS)
    found, said = predict(folder, "--csv", tmp_path / "answers.csv", code=1)
    assert list(found) == ["a.png", "inside.png", "still.dcm", "trace.dcm"]
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[1] for line in errors] == ["broken.png", "empty.jpg", "link.png"]
    assert "leads out of the folder" in errors[2]
    assert found["trace.dcm"]["fov"]["reject"] == "m-mode"
    assert found["trace.dcm"]["detect"] is None and found["trace.dcm"]["classify"] is None
    assert found["still.dcm"]["fov"]["device_from"] == "header" and found["still.dcm"]["detect"]
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert list(rows) == list(found)
    assert rows["trace.dcm"]["detect_logit"] == ""
    assert float(rows["a.png"]["detect_logit"]) == found["a.png"]["detect"]["logit"]
    everything = json.dumps(found) + said + (tmp_path / "answers.csv").read_text()
    for secret in (*SECRETS.values(), PRIVATE, "P001", "A001", "Tonewave", str(tmp_path)):
        assert secret not in everything


def test_a_gray_dicom_file_gets_the_answers_of_its_picture(project, tmp_path):
    Image.fromarray(draw(45)).save(tmp_path / "a.png")
    still(tmp_path / "b.dcm", draw(45))
    picture, _ = predict(tmp_path / "a.png", "--device", "d")
    dicom, _ = predict(tmp_path / "b.dcm", "--device", "d")
    (one,), (other,) = picture.values(), dicom.values()
    assert {**one, "file": "", "sha256": ""} == {**other, "file": "", "sha256": ""}
    assert one["fov"]["device_from"] == "given"


def test_overlays_show_the_field_and_none_is_drawn_where_a_name_may_stand(project, tmp_path):
    Image.fromarray(draw(45)).save(tmp_path / "a.png")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 300), dtype=np.uint8)).save(tmp_path / "odd.png")
    found, said = predict(tmp_path, "--overlays", tmp_path / "maps")
    assert found["odd.png"]["fov"]["doubtful"]
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["00001-a-classify.png", "00001-a-detect.png"]
    assert "odd.png: doubtful field of view, no overlay" in said
    assert "note: overlays: text inside the field was not looked for" in said
    with Image.open(tmp_path / "maps" / "00001-a-detect.png") as picture:
        assert picture.mode == "RGB" and not picture.info
        assert np.ptp(np.asarray(picture), axis=2).max() > 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no/such.png"], r"no/such\.png: not found; give an image"),
        (["params.yaml"], r"params\.yaml: "),
        (["data/raw/drawn/42.png", "--device", "nonsense"], "--device nonsense: not a device .* which knows: d; or"),
        (["data/raw/drawn/42.png", "--csv", "no/such/answers.csv"], "no/such: no such folder; make it, or give --csv"),
        (["data/raw/drawn/42.png", "--csv", "/proc/answers.csv"], "/proc: cannot be written to; give --csv another"),
        (["data/raw/drawn/42.png", "--overlays", "/proc/nope"], "/proc: cannot be written to; give --overlays another"),
        (["void"], "void: no image in this folder"),
        (["data/raw/drawn/42.png", "--onnx", "--release", "void"], "void: no release; make one with `nonmass export`"),
        (["data/raw/drawn/42.png", "--csv", "void"], "void: is a folder; give --csv the name of a file"),
        (["data/raw/drawn/42.png", "--overlays", "params.yaml"], "is a file; give --overlays the name of a folder"),
        (["data/raw/drawn/42.png", "--backbone", "huge"], r"--backbone huge: not in params\.yaml; there are: tiny"),
        (["data/raw/drawn/42.png", "--models", "void"], r"void/detect/tiny/1/model\.json: no record"),
    ],
)
def test_wrong_calls_are_one_line(project, words, message):
    (project / "void").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=message) as error:
        predict(*words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("words", [["no.png"], ["notes.txt"], ["void"], ["a.png", "--csv", "no/a.csv"]])
@pytest.mark.parametrize("way", [[], ["--onnx"]])
def test_mistakes_are_found_before_networks_are_loaded(tmp_path, monkeypatch, words, way):
    """Where there is neither project nor release, nothing could be loaded."""
    monkeypatch.chdir(tmp_path)
    Path("void").mkdir()
    Path("notes.txt").write_text("no image")
    Image.fromarray(draw(45)).save("a.png")
    with pytest.raises(InputError, match=f"^{words[-1].split('/')[0]}") as error:
        predict(*words, *way)
    assert "release" not in str(error.value) and "params" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "notes.txt", "void"]


def test_an_export_that_cannot_be_written_is_one_line(project):
    with pytest.raises(InputError, match="/proc: cannot be written to; give --out another place"):
        CliRunner().invoke(app, ["export", "--out", "/proc/nope"], catch_exceptions=False)


def test_a_dicom_file_of_another_modality_is_refused_as_by_ingest(project, tmp_path):
    still(tmp_path / "a.dcm", draw(45))
    still(tmp_path / "b.dcm", draw(45), Modality="CT")
    found, said = predict(tmp_path, code=1)
    assert list(found) == ["a.dcm"]
    assert "error: b.dcm: file of another modality (CT); take it out\n" in said


def test_what_the_networks_learnt_from_is_said_by_record_table_and_export(finished, tmp_path, monkeypatch, together):
    """The study's own images first, then the same project with a source of phantoms."""
    assert {record["learnt_from"] for record in together.values()} == {"the study's own images"}
    shutil.copytree(finished.folder, tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("sources:", "sources:\n  drawn: {adapter: phantom}", 1))
    said = "synthetic phantoms: these figures say nothing about patients"
    assert PHANTOMS.casefold() == f"{said}.".casefold(), "the report's own words"
    exported = CliRunner().invoke(app, ["export"], catch_exceptions=False)
    assert exported.stdout.endswith(f"wrote release: research use only; learnt from {said}\n")
    for way in ([], ["--onnx"]):
        found, notes = predict("data/raw/drawn/42.png", "--csv", tmp_path / "answers.csv", *way)
        assert found["data/raw/drawn/42.png"]["learnt_from"] == said
        assert f"note: learnt from {said}\n" in notes
        assert f"research use only; learnt from {said}," in (tmp_path / "answers.csv").read_text()


def test_first_weights_that_have_seen_other_pictures_are_said(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.folder, tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    for record in Path("models").glob("*/*/*/model.json"):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"weights": "imagenet"}))
    said = "wrote release: research use only; learnt from the study's own images; first weights: imagenet\n"
    assert CliRunner().invoke(app, ["export"], catch_exceptions=False).stdout.endswith(said)


def test_a_record_tells_which_file_it_is_of(together, project):
    content = (project / "data/raw/drawn/42.png").read_bytes()
    assert together["42.png"]["sha256"] == hashlib.sha256(content).hexdigest()[:12]


def test_a_map_that_is_zero_has_no_scale_and_says_so(project):
    release, square = read_release(project / "release" / "detect"), np.full((64, 64), 90, np.uint8)
    answer = Answer(0.0, 0.5, None, True, None, None)
    none, some = (
        overlay(Screen("a", square=square), answer, release, np.full((2, 2), top, np.float32)) for top in (0, 1)
    )
    bar = np.s_[:PANEL_PX, 2 * (PANEL_PX + GAP_PX) :]
    assert not none[bar].any() and some[bar].any()
    assert not np.array_equal(none[PANEL_PX:], some[PANEL_PX:])


def test_git_ignores_what_the_documents_examples_write():
    written = re.findall(r"--(?:csv|overlays) ([a-z.]+)", (ROOT / "docs/serving.md").read_text(encoding="utf-8"))
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    assert set(written) == {"answers.csv", "overlays"} <= ignored


def test_stderr_that_is_no_terminal_gets_lines_alone(project):
    _, said = predict("data/raw/drawn/42.png")
    assert said and all(line.startswith("note: ") for line in said.splitlines()) and "\r" not in said


@pytest.mark.parametrize("damage", ["graph", "json", "version", "key", "path", "task", "novelty"])
def test_a_damaged_release_is_refused(project, tmp_path, damage):
    shutil.copytree(project / "release", tmp_path / "release")
    task = tmp_path / "release" / "detect"
    content = json.loads((task / RELEASE_FILE).read_text())
    if damage == "graph":
        graph = bytearray((task / "1.onnx").read_bytes())
        graph[-40] ^= 1
        (task / "1.onnx").write_bytes(graph)
    elif damage == "version":
        content["format"] = 1
    elif damage == "key":
        del content["cutoff_logit"]
    elif damage == "path":
        content["graphs"]["1"]["file"] = "../1.onnx"
    elif damage == "task":
        content["task"] = "classify"
    elif damage == "novelty":
        content["novelty"]["precision"] = content["novelty"]["precision"][1:]
    text = "{" if damage == "json" else json.dumps(content)
    (task / RELEASE_FILE).write_text(text)
    with pytest.raises(InputError, match="detect"):
        predict("data/raw/drawn/42.png", "--onnx", "--release", tmp_path / "release")


def test_other_weights_than_described_are_refused(project, tmp_path):
    from nonmass.serving.describe import Project, describe
    from nonmass.serving.torch_scorer import open_torch

    release = describe(Project(), "detect")
    shutil.copytree(project / "models", tmp_path / "models")
    shutil.copy(tmp_path / "models/detect/tiny/2/model.safetensors", tmp_path / "models/detect/tiny/1")
    with pytest.raises(InputError, match="not the weights that were described"):
        open_torch(release, tmp_path / "models", 32)


def test_weights_that_are_no_numbers_give_no_answer(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.folder, tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    path = Path("models/detect/tiny/1/model.safetensors")
    weights = load_file(path)
    spoilt = {name: value * torch.nan for name, value in weights.items() if value.is_floating_point()}
    save_weights({**weights, **spoilt}, path)
    with pytest.raises(InputError, match="tiny gives nan; its weights are damaged"):
        predict("data/raw/drawn/42.png")


def test_a_name_that_is_no_utf_8_is_escaped(project, tmp_path):
    (tmp_path / "odd").mkdir()
    Image.fromarray(draw(45)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(os.fsdecode(os.fsencode(tmp_path / "odd") + b"/\xff.png"))
    found, _ = predict(tmp_path / "odd", "--csv", tmp_path / "answers.csv")
    assert list(found) == ["\udcff.png"]
    assert "\n\\udcff.png,research use only," in (tmp_path / "answers.csv").read_text(encoding="utf-8")


def test_a_head_that_is_no_mean_gives_no_heat_maps():
    from nonmass.network import build_network
    from nonmass.serving.export import has_mean_head, onnx_bytes
    from nonmass.serving.onnx_scorer import CELLS

    class Largest(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = build_network("test_resnet", head="default").eval()
            self.get_classifier, self.forward_features = self.inner.get_classifier, self.inner.forward_features

        def forward_head(self, features):
            return self.inner.fc(features.amax(dim=(2, 3)))

        def forward(self, images):
            return self.forward_head(self.forward_features(images))

    other = Largest().eval()
    assert has_mean_head(other.inner, 64) and not has_mean_head(other, 64)
    assert not has_mean_head(torch.nn.Conv2d(1, 1, 3), 64)
    assert CELLS.encode() in onnx_bytes(other.inner, 64, "test_resnet")
    assert CELLS.encode() not in onnx_bytes(other, 64, "largest")
    assert not other.inner.training


def test_a_split_that_was_not_evaluated_is_refused(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.folder, tmp_path / "other")
    monkeypatch.chdir(tmp_path / "other")
    split = tables.SPLIT.read(Path("data/splits/detect.csv"))
    tables.SPLIT.write(split.assign(truth=1 - split["truth"]), Path("data/splits/detect.csv"))
    with pytest.raises(InputError, match="evaluated on another split"):
        predict("data/raw/drawn/42.png")
