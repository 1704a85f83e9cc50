"""The stage on a handful of drawn screens: files, index, failures."""

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

from nonmass import tables
from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.geometry import Box
from nonmass.images import read_gray, write_png

ROOT = Path(__file__).parents[2]
FIELD = Box(90, 60, 490, 360)
PARAMS = """
fov: {side_px: 64, square: pad_br, agreement_iou: 0.95, layout_min_images: 5, layout_max_images: 30}
duplicates: {candidate_distance: 12, candidate_distance_sum: 34, min_inliers: 20}
parallel: {dask_scheduler: ""}
"""


def draw(key, fading=False):
    """A screen of 640 x 480: noise in a known field that may fade to black, a name, a ruler."""
    rng = generator("crop", key)
    image = np.zeros((480, 640), np.uint8)
    coarse = cv2.resize(rng.random((6, 8)).astype(np.float32), (FIELD.width, FIELD.height))
    grain = rng.random((FIELD.height, FIELD.width))
    fade = np.linspace(2, -0.5, FIELD.height).clip(0, 1)[:, None] if fading else 1
    image[FIELD.slices] = (40 + 100 * coarse + 80 * grain) * fade
    cv2.putText(image, f"NAME {key} 123456", (20, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 220, 1)
    image[FIELD.y0 : FIELD.y1 : 20, 505:515] = 200
    return image


@pytest.fixture
def project(tmp_path):
    """Eight screens of one layout; the last is a copy of the first with other text, one has a black depth."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    screens = [draw(key, fading=key == 3) for key in range(7)]
    copy = screens[0].copy()
    copy[:50] = 0
    raw = tmp_path / "raw" / "drawn"
    raw.mkdir(parents=True)
    rows = []
    for number, image in enumerate([*screens, copy]):
        cv2.imwrite(str(raw / f"{number}.png"), image)
        rows.append(row(number))
    write_manifest(tmp_path, rows)
    return tmp_path


def row(number, **changes):
    """A row of the manifest."""
    known = {
        "image_id": f"drawn-{number:016x}", "cohort": "drawn", "path": f"drawn/{number}.png",
        "patient_id": f"p{number}", "patient_group": f"p{number}",
        "finding": "mass", "pathology": "benign", "device": "d", "frame": 0, "width_px": 640, "height_px": 480,
    }  # fmt: skip
    return {**dict.fromkeys(tables.MANIFEST.columns, ""), **known, **changes}


def write_manifest(folder, rows):
    tables.MANIFEST.write(pd.DataFrame(rows), folder / "manifest.csv")


def crop(folder):
    """Run the stage's own function, in the folder that holds params.yaml."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        main = runpy.run_path(str(ROOT / "stages" / "crop.py"))["main"]
        main(Path("raw"), Path("manifest.csv"), Path("fov/images"), Path("fov/index.csv"), Path("fov/duplicates.csv"))
    finally:
        os.chdir(before)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_fields_are_found_squared_and_indexed(project, capsys):
    crop(project)
    assert "crop: 0 of 8 fields of view are doubtful" in capsys.readouterr().err
    index = tables.FOV_INDEX.read(project / "fov/index.csv")
    assert len(index) == 8 and (index["accepted"] == 1).all()
    for number, entry in enumerate(index.itertuples()):
        box = Box(entry.x0_px, entry.y0_px, entry.x1_px, entry.y1_px)
        assert box.iou(FIELD) > 0.99
        square = read_gray(project / "fov/images" / f"{entry.image_id}.png")
        assert square.shape == (64, 64) and not square[48:].any()
        assert square[:48].all() == (number != 3)
    # The screen that fades has the field of the others; the copy is found under other text.
    assert index.loc[3, "method"].endswith("layout")
    assert index["duplicate_group"].tolist() == [index.loc[0, "image_id"], *[""] * 6, index.loc[0, "image_id"]]


def test_a_second_run_gives_the_same_bytes_and_keeps_nothing_old(project):
    crop(project)
    first = contents(project / "fov")
    (project / "fov/images/of_a_row_that_is_gone.png").write_bytes(b"")
    crop(project)
    assert contents(project / "fov") == first


def test_a_doubtful_screen_is_cropped_and_counted(project, capsys):
    write_manifest(project, [row(3), row(1, excluded="finding is not of this study")])
    crop(project)
    assert "crop: 1 of 1 fields of view are doubtful" in capsys.readouterr().err
    index = tables.FOV_INDEX.read(project / "fov/index.csv")
    assert index.loc[0, "accepted"] == 0 and "bottom" in index.loc[0, "flags"]
    assert [path.stem for path in (project / "fov/images").iterdir()] == [index.loc[0, "image_id"]]


def truncate(project):
    path = project / "raw/drawn/5.png"
    path.write_bytes(path.read_bytes()[:2000])


def change(**changes):
    return lambda project: write_manifest(project, [row(0), row(1, **changes)])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (truncate, "drawn/5.png: image is truncated"),
        (change(path="drawn/none.png"), "drawn/none.png: image not found"),
        (change(path="../secret.png"), "'../secret.png' leads out of raw"),
        (change(path="/etc/passwd"), "leads out of raw"),
        (change(image_id="../../a"), "cannot name a file"),
        (change(width_px=641), "drawn/1.png: image has 640 x 480 pixels, the manifest says 641 x 480"),
        (lambda project: write_manifest(project, [row(0, excluded="no")]), "no image is left"),
        (lambda project: (project / "params.yaml").write_text(PARAMS.replace("64", "4")), "fov.side_px"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_nothing(project, spoil, named):
    spoil(project)
    with pytest.raises(InputError) as caught:
        crop(project)
    assert named in str(caught.value)
    # What was finished waits under names that neither Git nor DVC looks at.
    assert all(path.match(".images.part*") for path in (project / "fov").glob("*"))


def test_a_failed_run_leaves_the_images_of_the_last_one(project):
    crop(project)
    before = contents(project / "fov")
    truncate(project)
    with pytest.raises(InputError, match=r"5\.png"):
        crop(project)
    assert {name: data for name, data in contents(project / "fov").items() if ".part" not in str(name)} == before


def test_an_interrupted_run_goes_on_where_it_was(project, monkeypatch):
    """The same bytes as without the interruption, no finished image done twice, nothing left over."""
    crop(project)
    undisturbed = contents(project / "fov")
    shutil.rmtree(project / "fov")
    done = []

    def write(path, image):
        done.append(path.stem if len(done) != 5 else "")
        if not done[-1]:
            raise KeyboardInterrupt
        write_png(path, image)

    monkeypatch.setattr("nonmass.cropping.write_png", write)
    with pytest.raises(KeyboardInterrupt):
        crop(project)
    assert len(list((project / "fov/.images.part").glob("*.png"))) == 5
    crop(project)
    assert len(done) == len(set(done)) == 8 + 1
    assert contents(project / "fov") == undisturbed


def test_a_resumed_run_uses_the_layout_of_now(project, monkeypatch):
    """An image that has moved to another device since the interruption is cropped anew."""
    undisturbed = [row(number, device="other" if number == 3 else "d") for number in range(8)]
    write_manifest(project, undisturbed)
    crop(project)
    expected = contents(project / "fov")
    shutil.rmtree(project / "fov")
    write_manifest(project, [row(number) for number in range(8)])
    monkeypatch.setattr("nonmass.cropping.duplicate_pairs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        crop(project)
    monkeypatch.undo()
    write_manifest(project, undisturbed)
    crop(project)
    assert contents(project / "fov") == expected


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_layout_is_learnt_from_patients_not_from_the_frames_of_one(project):
    """Thirty pictures of one patient whose lower half is black must not become the layout of the others."""
    rows = [row(number) for number in range(8)]
    for number in range(30):
        image = draw(("frame", number))
        image[FIELD.y0 + 150 : FIELD.y1] = 0
        cv2.imwrite(str(project / f"raw/drawn/f{number}.png"), image)
        rows.append(row(number, image_id=f"drawn-0{number:015x}-f", path=f"drawn/f{number}.png", patient_id="one"))
    write_manifest(project, rows)
    crop(project)
    index = tables.FOV_INDEX.read(project / "fov/index.csv").set_index("image_id")
    whole = index.loc[[row(number)["image_id"] for number in range(8)]]
    assert (whole["accepted"] == 1).all() and (whole["y1_px"] >= FIELD.y1 - 2).all()


def test_another_crop_takes_nothing_from_an_interrupted_one(project):
    truncate(project)
    with pytest.raises(InputError):
        crop(project)
    (project / "params.yaml").write_text(PARAMS.replace("64", "32"))
    write_manifest(project, [row(number) for number in (0, 1, 2)])
    crop(project)
    assert {read_gray(path).shape for path in (project / "fov/images").iterdir()} == {(32, 32)}
    assert len(list((project / "fov/images").iterdir())) == 3


def test_the_command_fails_in_one_line_and_never_imports_torch(project):
    truncate(project)
    arguments = [ROOT / "stages/crop.py", "raw", "manifest.csv", "fov/images", "fov/index.csv", "fov/pairs.csv"]
    run = subprocess.run([sys.executable, "-X", "importtime", *arguments], cwd=project, capture_output=True, text=True)
    messages = [line for line in run.stderr.splitlines() if not line.startswith("import time:")]
    assert run.returncode == 1
    assert len(messages) == 1 and messages[0].startswith("error: drawn/5.png")
    assert " torch" not in run.stderr
