"""The stage on a handful of drawn screens: index, overrides, duplicates, failures."""

import json
import shutil
import subprocess
import sys

import cv2
import pytest
from dicom_files import region, still, with_regions
from screen_project import FIELD, PATHS, ROOT, contents, draw, row, run, write_manifest, write_overrides, write_project

from nonmass import tables
from nonmass.errors import InputError
from nonmass.geometry import Box


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The screens before any stage; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("drawn")
    write_project(folder)
    return folder


@pytest.fixture
def project(drawn, tmp_path):
    """A copy of them, for one test."""
    return shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)


def index_of(project):
    return tables.FOV_INDEX.read(project / "fov/index.csv")


def box_of(entry):
    return Box(entry.x0_px, entry.y0_px, entry.x1_px, entry.y1_px)


def test_fields_are_found_and_indexed(project, capsys):
    run(project, "fov")
    assert "fov: of 8 fields of view 0 are doubtful and 0 refused" in capsys.readouterr().err
    index = index_of(project)
    assert len(index) == 8 and (index["accepted"] == 1).all()
    assert all(box_of(entry).iou(FIELD) > 0.99 for entry in index.itertuples())
    # The screen that fades has the field of the others; the copy is found under other text.
    assert index.loc[3, "method"] == "layout"
    assert index["duplicate_group"].tolist() == [index.loc[0, "image_id"], *[""] * 6, index.loc[0, "image_id"]]
    counts = json.loads((project / "metrics/fov.json").read_text())
    assert counts["images"] == counts["accepted"] == 8 and counts["refused"] == counts["overridden"] == 0


def test_a_second_run_gives_the_same_bytes_and_leaves_no_journal(project):
    run(project, "fov")
    first = contents(project / "fov")
    run(project, "fov")
    assert contents(project / "fov") == first
    assert {path.name for path in first} == {"index.csv", "duplicates.csv", "layouts.csv"}


def test_a_doubtful_screen_is_counted(project, capsys):
    write_manifest(project, [row(3), row(1, excluded="finding is not of this study")])
    run(project, "fov")
    assert "fov: of 1 fields of view 1 are doubtful" in capsys.readouterr().err
    index = index_of(project)
    assert index.loc[0, "accepted"] == 0 and "bottom" in index.loc[0, "flags"]


def test_what_dicom_calls_a_spectrum_is_refused(project):
    still(project / "raw/drawn/0.png", draw(0), **with_regions(region((0, 400, 639, 479), 3, 3)))
    write_manifest(project, [row(0), row(1)])
    run(project, "fov")
    assert index_of(project)["reject"].tolist() == ["spectral", ""]


def test_a_person_has_the_last_word(project):
    box = dict(zip(tables.BOX_COLUMNS, (100, 70, 300, 270), strict=True))
    none = dict.fromkeys(tables.BOX_COLUMNS, 0)
    write_overrides(
        project,
        [
            {"target": "d 640x480", "action": "box", **box, "note": "all of this layout"},
            {"target": row(2)["image_id"], "action": "refuse", **none, "note": "a phantom"},
        ],
    )
    run(project, "fov")
    index = index_of(project)
    others = index.drop(index=2)
    assert (others["method"] == "override").all() and (others["accepted"] == 1).all()
    assert {box_of(entry) for entry in others.itertuples()} == {Box(100, 70, 300, 270)}
    assert index.loc[2, "reject"] == "override" and index.loc[2, "accepted"] == 0
    assert json.loads((project / "metrics/fov.json").read_text())["overridden"] == 8


def test_an_override_that_changes_changes_its_image(project):
    run(project, "fov")
    before = index_of(project)
    box = dict(zip(tables.BOX_COLUMNS, (100, 70, 300, 270), strict=True))
    write_overrides(project, [{"target": row(2)["image_id"], "action": "box", **box, "note": ""}])
    run(project, "fov")
    after = index_of(project)
    assert box_of(after.loc[2]) == Box(100, 70, 300, 270)
    assert after.drop(index=2).equals(before.drop(index=2))


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
        (change(width_px=641), "drawn/1.png: image has 640 x 480 pixels, the manifest says 641 x 480"),
        (lambda project: write_manifest(project, [row(0, excluded="no")]), "no image is left"),
        (lambda project: (project / "overrides.csv").unlink(), "overrides.csv"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_nothing(project, spoil, named):
    spoil(project)
    with pytest.raises(InputError) as caught:
        run(project, "fov")
    assert named in str(caught.value)
    # What was finished waits under a name that neither Git nor DVC looks at.
    assert all(path.match(".index.part*") for path in (project / "fov").glob("*"))


def test_an_interrupted_run_goes_on_where_it_was(project, monkeypatch):
    """The same bytes as without the interruption, no finished image looked at twice."""
    run(project, "fov")
    undisturbed = contents(project / "fov")
    monkeypatch.setattr("nonmass.fov.index.duplicate_pairs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(project, "fov")
    monkeypatch.undo()
    monkeypatch.setattr("nonmass.fov.index.find_fov", interrupt)
    run(project, "fov")
    assert contents(project / "fov") == undisturbed


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_resumed_run_uses_the_layout_of_now(project, monkeypatch):
    """An image that has moved to another device since the interruption is looked at anew."""
    undisturbed = [row(number, device="other" if number == 3 else "d") for number in range(8)]
    write_manifest(project, undisturbed)
    run(project, "fov")
    expected = contents(project / "fov")
    write_manifest(project, [row(number) for number in range(8)])
    monkeypatch.setattr("nonmass.fov.index.duplicate_pairs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(project, "fov")
    monkeypatch.undo()
    write_manifest(project, undisturbed)
    run(project, "fov")
    assert contents(project / "fov") == expected


def test_a_layout_is_learnt_from_patients_not_from_the_frames_of_one(project):
    """Thirty pictures of one patient whose lower half is black must not become the layout of the others."""
    rows = [row(number) for number in range(8)]
    for number in range(30):
        image = draw(("frame", number))
        image[FIELD.y0 + 150 : FIELD.y1] = 0
        cv2.imwrite(str(project / f"raw/drawn/f{number}.png"), image)
        rows.append(row(number, image_id=f"drawn-0{number:015x}-f", path=f"drawn/f{number}.png", patient_id="one"))
    write_manifest(project, rows)
    run(project, "fov")
    index = index_of(project).set_index("image_id")
    whole = index.loc[[row(number)["image_id"] for number in range(8)]]
    assert (whole["accepted"] == 1).all() and (whole["y1_px"] >= FIELD.y1 - 2).all()


def test_a_refused_screen_has_a_row_and_a_reason(project, monkeypatch):
    from nonmass.fov.field import Fov

    def refuse_dark(picture, params, known):
        whole = Box(0, 0, 640, 480)
        return Fov(whole, "guess", (), 0.0, reject="m-mode" if picture.gray[FIELD.y1 - 5, 200] == 0 else "")

    monkeypatch.setattr("nonmass.fov.index.find_fov", refuse_dark)
    run(project, "fov")
    index = index_of(project)
    assert list(index["reject"]) == ["m-mode" if number == 3 else "" for number in range(8)]
    assert index.loc[3, "accepted"] == 0 and index.loc[3, "duplicate_group"] == ""
    assert json.loads((project / "metrics/fov.json").read_text())["refused"] == 1


def test_the_command_fails_in_one_line_and_never_imports_torch(project):
    truncate(project)
    arguments = [ROOT / "stages/fov.py", *PATHS["fov"]]
    run = subprocess.run([sys.executable, "-X", "importtime", *arguments], cwd=project, capture_output=True, text=True)
    messages = [line for line in run.stderr.splitlines() if not line.startswith("import time:")]
    assert run.returncode == 1
    assert len(messages) == 1 and messages[0].startswith("error: drawn/5.png")
    assert " torch" not in run.stderr
