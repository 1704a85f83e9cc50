"""`nonmass review` in a project, and the sheet of `nonmass fov`."""

import os
from pathlib import Path

import pytest
from review_inputs import ACCEPTED, DOUBTFUL, REFUSED, content_of, entry, index_of, manifest_of

from nonmass import tables
from nonmass.errors import InputError
from nonmass.fov.preview import File, Found
from nonmass.review.commands import write_folder_sheet, write_project_sheet


@pytest.fixture
def pipeline(tmp_path):
    """A folder with the files that stage `fov` leaves."""
    fovs = {"x": ACCEPTED, "y": DOUBTFUL, "z": REFUSED}
    for name, fov in fovs.items():
        entry(tmp_path / "data/raw/a", name, fov)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    manifest = manifest_of(*fovs)
    tables.MANIFEST.write(manifest, tmp_path / "data/manifest.csv")
    tables.FOV_INDEX.write(index_of(**fovs), tmp_path / "data/fov/index.csv")
    return tmp_path


def test_what_is_accepted_stands_there_only_on_demand(pipeline):
    page = write_project_sheet(pipeline, Path("review"), is_all=False)
    assert page == pipeline / "review/sheet.html"
    told = content_of(page)
    assert [screen["id"] for screen in told["screens"]] == ["z", "y"]
    assert told["note"].startswith("Of 3 screens, 1 fields of view are accepted; these are not shown")
    write_project_sheet(pipeline, Path("review"), is_all=True)
    assert [screen["id"] for screen in content_of(page)["screens"]] == ["z", "y", "x"]


def test_layouts_are_counted_in_the_whole_index(pipeline):
    page = write_project_sheet(pipeline, Path("review"), is_all=False)
    assert content_of(page)["layouts"] == {"Quill T5 120x80": {"all": 3, "plain": 2}}


def test_lines_that_there_are_are_shown(pipeline):
    (pipeline / "data/fov_overrides.csv").write_text(
        "\ufeff" + ",".join(tables.FOV_OVERRIDES.columns) + "\nx,box,1,2,3,4,why\n"
    )
    page = write_project_sheet(pipeline, Path("review"), is_all=False)
    assert content_of(page)["overrides"] == [{"target": "x", "action": "box", "box": [1, 2, 3, 4], "note": "why"}]


@pytest.mark.parametrize("folder", ["data/fov", "reports", "review/../reports/new"])
def test_whole_screens_never_lie_among_results(pipeline, folder):
    with pytest.raises(InputError, match="must not lie among results"):
        write_project_sheet(pipeline, Path(folder), is_all=True)


@pytest.mark.parametrize("here", [".", "data"])
def test_neither_does_the_sheet_of_a_folder(pipeline, monkeypatch, here):
    monkeypatch.chdir(pipeline / here)
    for page in (pipeline / "reports/sheet.html", Path(os.path.relpath(pipeline / "data/raw/a.html"))):
        with pytest.raises(InputError, match="must not lie among results"):
            write_folder_sheet(page, [])
    write_folder_sheet(pipeline / "sheet.html", [])


def test_nor_behind_a_link(pipeline, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk")
    (pipeline / "metrics").symlink_to(elsewhere)
    (pipeline / "link").symlink_to(pipeline / "data")
    for folder in ("metrics/deep", "link"):
        with pytest.raises(InputError, match="must not lie among results"):
            write_folder_sheet(pipeline / folder / "sheet.html", [])


def test_the_stage_must_have_run(pipeline):
    (pipeline / "data/fov/index.csv").unlink()
    with pytest.raises(InputError, match="run `dvc repro`"):
        write_project_sheet(pipeline, Path("review"), is_all=True)


def test_the_sheet_of_a_folder_counts_what_could_not_be_read(tmp_path):
    one = entry(tmp_path / "raw", "a", ACCEPTED)
    file = File("a.png", one.place, "", one.width_px, one.height_px)
    write_folder_sheet(tmp_path / "sheet.html", [Found(file, ACCEPTED), Found(file, None, "broken")])
    told = content_of(tmp_path / "sheet.html")
    assert told["note"].startswith("1 screens of a folder. 1 more could not be read.")
    assert [screen["id"] for screen in told["screens"]] == ["a.png"]
    assert told["is_project"] is False
