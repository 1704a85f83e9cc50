"""What `nonmass review` and `nonmass fov --sheet` write."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nonmass.fov.overrides import read_lines
from nonmass.fov.preview import Found
from nonmass.review.entries import entries_of_folder, entries_of_pipeline
from nonmass.review.sheet import check_page, write_sheet
from nonmass.tables import FOV_INDEX, FOV_OVERRIDES, MANIFEST

PAGE = "sheet.html"


def write_project_sheet(root: Path, folder: Path, is_all: bool) -> Path:
    """Write the review sheet of a pipeline; replaces an older one.

    Args:
        root: The folder that holds dvc.yaml.
        folder: Where to; a name of its own beside the pipeline's, such as "review".
        is_all: Whether accepted screens stand on it, too.

    Returns:
        The page.

    Raises:
        InputError: Stage `fov` has not run, a screen cannot be read, or the folder is one of the pipeline's own.
    """
    page = root / folder / PAGE
    check_page(page)
    index = FOV_INDEX.read(root / "data/fov/index.csv")
    manifest = MANIFEST.read(root / "data/manifest.csv")
    entries = entries_of_pipeline(manifest, index, root / "data/raw")
    shown = [entry for entry in entries if is_all or not entry.fov.accepted]
    lines = root / "data/fov_overrides.csv"
    overrides = read_lines(lines) if lines.exists() else _no_overrides()
    n_accepted = int(index["accepted"].sum())
    left_out = "" if is_all else "; these are not shown here, but `nonmass review --all` shows them, too"
    note = f"Of {len(index)} screens, {n_accepted} fields of view are accepted{left_out}."
    write_sheet(page, shown, overrides, note, entries)
    return page


def write_folder_sheet(page: Path, found: Sequence[Found]) -> None:
    """Write the review sheet of what `nonmass fov` found in a file or folder; replaces an older one.

    Raises:
        InputError: See `write_sheet`.
    """
    entries = entries_of_folder(found)
    lost = len(found) - len(entries)
    unreadable = f" {lost} more could not be read." if lost else ""
    note = (
        f"{len(entries)} screens of a folder.{unreadable} They belong to no pipeline, so its overrides cannot name "
        "them; for lines that do, call `nonmass review` there."
    )
    write_sheet(page, entries, _no_overrides(), note, is_project=False)


def _no_overrides() -> pd.DataFrame:
    return pd.DataFrame(columns=list(FOV_OVERRIDES.columns))
