"""The stage on a few drawn screens: what it writes, what it never writes, what it remembers."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from nonmass import parallel, tables
from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.geometry import Box
from nonmass.text import listing
from nonmass.text.engines import Reading
from nonmass.text.summary import MEASURED, text_metrics

ROOT = Path(__file__).parents[2]
FIELD = Box(60, 40, 460, 340)
NAME, AGE = "ZIMBALDI^JANE", "47 ANOS"


@pytest.fixture
def project(tmp_path):
    """Four screens with a name above the field and one in it, and one screen that is refused."""
    raw = tmp_path / "raw" / "drawn"
    raw.mkdir(parents=True)
    for number in range(5):
        image = np.zeros((400, 520), np.uint8)
        image[FIELD.slices] = 30 + 40 * generator("text", number).random((FIELD.height, FIELD.width))
        for text, at in ((NAME, (70, 30)), (NAME, (80, 100)), ("LEFT BREAST", (80, 180)), (AGE, (80, 260))):
            cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
        cv2.imwrite(str(raw / f"{number}.png"), image)
    write(tmp_path, range(5))
    return tmp_path


def write(project, numbers, engine="rapidocr", **changes):
    (project / "params.yaml").write_text(f'text: {{engine: {engine}}}\nparallel: {{dask_scheduler: ""}}\n')
    image = {"cohort": "drawn", "finding": "mass", "pathology": "benign", "frame": 0, "width_px": 520, "height_px": 400}
    box = dict(zip(tables.BOX_COLUMNS, (FIELD.x0, FIELD.y0, FIELD.x1, FIELD.y1), strict=True))
    fov = {"method": "override", "confidence": 1.0, "accepted": 1, **box}
    manifest, index = [], []
    for number in numbers:
        key = {"image_id": f"drawn-{number}"}
        name = {"path": f"drawn/{number}.png", "patient_id": f"p{number}", "patient_group": f"p{number}"}
        manifest.append({**dict.fromkeys(tables.MANIFEST.columns, ""), **image, **name, **key})
        refused = {"reject": "m-mode" if number == 4 else ""}
        index.append({**dict.fromkeys(tables.FOV_INDEX.columns, ""), **fov, **refused, **key, **changes})
    tables.MANIFEST.write(pd.DataFrame(manifest), project / "manifest.csv")
    tables.FOV_INDEX.write(pd.DataFrame(index), project / "index.csv")


def read_text(project):
    """Run the stage's own function, in the folder that holds params.yaml; rows and metrics."""
    before = Path.cwd()
    os.chdir(project)
    try:
        main = runpy.run_path(str(ROOT / "stages" / "text.py"))["main"]
        paths = ("raw", "manifest.csv", "index.csv", "fov/text.csv", "metrics/text.json")
        main(*map(Path, paths))
    finally:
        os.chdir(before)
    return tables.TEXT_LINES.read(project / "fov/text.csv"), json.loads((project / "metrics/text.json").read_text())


def everything_written(project):
    """All files but the screens themselves."""
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and "raw" not in path.parts}


@pytest.fixture
def engine(monkeypatch):
    """An engine that reads a name in every field, and counts."""

    class Engine:
        def __init__(self):
            self.views, self.fails_after = [], None

        def __call__(self, view):
            if len(self.views) == self.fails_after:
                raise ValueError(f"cannot decode {NAME}")
            self.views.append(view)
            return [Reading((20.4, 30.0, 200.2, 60.0), NAME, 0.91), Reading((5, 5, 15, 15), "+", 0.99)]

    fake = Engine()
    monkeypatch.setattr(listing, "open_engine", lambda _: fake)
    monkeypatch.setattr(listing, "engine_version", lambda _: "fake-1")
    monkeypatch.setattr(sys.modules["nonmass.text.engines"], "engine_version", lambda _: "fake-1")
    return fake


def test_no_engine_reads_nothing_and_says_so(project):
    write(project, range(5), engine="none")
    (project / "raw").rename(project / "elsewhere")
    lines, metrics = read_text(project)
    assert lines.empty
    assert metrics["engine"] == metrics["version"] == "none" and metrics["images_read"] == 0
    assert "unknown" in metrics["note"] and "images_with_text" not in metrics


def test_lines_are_told_by_place_kind_and_length_alone(project, engine, capsys):
    lines, metrics = read_text(project)
    assert lines["image_id"].tolist() == [f"drawn-{number}" for number in range(4)]
    first = lines.iloc[0].to_dict()
    # The margin is 0.15 of the line's 30 px, rounded outwards; the box starts at (60, 40).
    box = {"x0_px": 75, "y0_px": 65, "x1_px": 265, "y1_px": 105}
    assert first == {
        "image_id": "drawn-0",
        "line": 1,
        "kind": "phi-suspect",
        "n_characters": 13,
        "confidence": 0.91,
        **box,
    }
    assert (metrics["images_read"], metrics["images_with_text"], metrics["images_with_phi_suspect"]) == (4, 4, 4)
    assert metrics["lines"] == {"phi_suspect": 4, "annotation": 0, "device": 0, "ruler": 0}
    assert metrics["version"] == "fake-1" and "measured" not in metrics
    assert "text: 4 of 4 images" in capsys.readouterr().err
    assert engine.views[0].shape == (FIELD.height, FIELD.width, 3)


def test_nothing_outside_the_outline_is_read(project, engine):
    write(project, range(1), polygon="60,40|459,40|60,339")
    read_text(project)
    (view,) = engine.views
    assert not view[-100:, -100:].any() and view[:100, :100].any()


def test_an_image_that_was_read_is_not_read_again(project, engine):
    write(project, range(3))
    first, _ = read_text(project)
    assert len(engine.views) == 3
    write(project, range(4))
    both, _ = read_text(project)
    assert len(engine.views) == 4
    pd.testing.assert_frame_equal(both[:3], first)
    written = everything_written(project)
    read_text(project)
    assert len(engine.views) == 4 and everything_written(project) == written


@pytest.mark.parametrize("change", ["box", "engine", "rules"])
def test_another_field_engine_or_rule_reads_again(project, engine, monkeypatch, change):
    write(project, range(2))
    read_text(project)
    if change == "box":
        write(project, range(2), x1_px=FIELD.x1 - 8)
    if change == "engine":
        monkeypatch.setattr(listing, "engine_version", lambda _: "fake-2")
    if change == "rules":
        monkeypatch.setattr(listing, "_rules", lambda: "changed")
    read_text(project)
    assert len(engine.views) == 4


@pytest.mark.parametrize("module", listing.MODULES)
def test_every_module_that_reads_pixels_or_text_is_one_of_the_rules(tmp_path, module):
    for name in listing.MODULES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(listing.PACKAGE / name, tmp_path / name)
    assert listing._rules(tmp_path) == listing._rules()
    listing._rules.cache_clear()
    with (tmp_path / module).open("a") as file:
        file.write("# changed")
    assert listing._rules(tmp_path) != listing._rules()


@pytest.mark.parametrize("library", ["cv2", "PIL", "pydicom"])
def test_another_decoder_is_another_rule(monkeypatch, library):
    before = listing._rules()
    listing._rules.cache_clear()
    monkeypatch.setattr(getattr(listing, library), "__version__", "0")
    after = listing._rules()
    listing._rules.cache_clear()
    assert after != before


@pytest.mark.parametrize("engine_name", sorted(MEASURED))
def test_recall_is_told_of_the_version_that_was_measured_alone(engine_name):
    nothing = pd.DataFrame(columns=list(tables.TEXT_LINES.columns))
    version = MEASURED[engine_name].version
    told = text_metrics(nothing, 0, engine_name, version)["measured"]
    assert told["version"] == version and told["recall"] == MEASURED[engine_name].recall
    assert "measured" not in text_metrics(nothing, 0, engine_name, f"{version}.1")


@pytest.mark.parametrize("code", ["as it was", "changed"])
def test_what_a_killed_run_finished_is_kept_even_if_other_code_changes(project, engine, monkeypatch, code):
    engine.fails_after = 2
    with pytest.raises(InputError):
        read_text(project)
    (journal,) = (project / "fov").glob(".text.part.run.jsonl")
    with journal.open("a") as file:
        file.write('["[cut')  # as by a kill while it is written
    if code == "changed":
        monkeypatch.setattr(parallel, "_code", lambda: "changed")
    engine.fails_after = None
    lines, _ = read_text(project)
    assert len(engine.views) == 4 and len(lines) == 4
    assert not journal.exists()


def test_what_fails_is_named_without_what_was_read(project, engine, capsys):
    engine.fails_after = 0
    with pytest.raises(InputError, match=r"drawn/0\.png: text cannot be read \(ValueError\)") as caught:
        read_text(project)
    cause = caught.value.__cause__ or caught.value.__context__
    assert NAME not in str(caught.value) + str(cause) + "".join(capsys.readouterr())
    assert not any(NAME.encode() in content for content in everything_written(project).values())


def test_a_screen_of_another_size_than_the_manifests_is_refused(project, engine):
    cv2.imwrite(str(project / "raw/drawn/1.png"), np.zeros((10, 10), np.uint8))
    with pytest.raises(InputError, match=r"drawn/1\.png: image has 10 x 10 pixels"):
        read_text(project)


def test_a_planted_name_is_found_and_written_nowhere(project):
    pytest.importorskip("rapidocr")
    home = project / "home"
    home.mkdir()
    paths = ("raw", "manifest.csv", "index.csv", "fov/text.csv", "metrics/text.json")
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "stages" / "text.py"), *paths]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)
    lines = tables.TEXT_LINES.read(project / "fov/text.csv")
    kinds = lines.groupby("image_id")["kind"].agg(list).to_dict()
    assert kinds == {f"drawn-{number}": ["phi-suspect", "annotation", "phi-suspect"] for number in range(4)}
    assert lines["n_characters"].between(6, 13).all()
    written = everything_written(project)
    assert project / "fov/.text.part.jsonl" in written
    said = [done.stdout, done.stderr, *written.values(), *(path.name.encode() for path in written)]
    for part in (b"ZIMB", b"BALDI", b"JANE", b"47 A", b"47A", b"ANOS", b"BREAST"):
        assert not any(part in content.upper() for content in said), part
