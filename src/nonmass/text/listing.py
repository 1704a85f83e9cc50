"""From the field-of-view index to the table of text lines; an image that was read once is not read again."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import cv2
import pandas as pd
import PIL
import pydicom

from nonmass.files import write_text
from nonmass.geometry import Box
from nonmass.parallel import ParallelParams, forget, map_images
from nonmass.params import Section
from nonmass.pseudonyms import locate
from nonmass.screens import read_screen
from nonmass.tables import BOX_COLUMNS, TEXT_LINES
from nonmass.text.engines import EngineName, engine_version, open_engine
from nonmass.text.reading import Line, read_lines

# The modules of the package on which a result depends: those that read pixels, and those that read text.
MODULES = (
    *("dicom.py", "dicom_file.py", "geometry.py", "images.py", "screens.py"),
    *("text/classes.py", "text/engines.py", "text/reading.py", "text/words.py"),
)
PACKAGE = Path(__file__).parents[1]
Known = dict[str, dict[str, Any]]  # results by key, see `_key`


class TextParams(Section):
    """Whether and how text inside fields of view is read.

    Attributes:
        engine: none, rapidocr (needs the extra `text`) or tesseract (needs the system's package of that name).
    """

    engine: Literal["none", "rapidocr", "tesseract"]


def list_text(
    manifest: pd.DataFrame,
    fov_index: pd.DataFrame,
    raw_dir: Path,
    remembered: Path,
    engine: EngineName,
    parallel: ParallelParams,
) -> pd.DataFrame:
    """Read every field of view that is not refused: rows of `tables.TEXT_LINES`.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        fov_index: Rows of `tables.FOV_INDEX`.
        raw_dir: What the manifest's paths are relative to.
        remembered: File that keeps the results of all runs, from before they are killed as well: never a text, and
            nothing that another engine, field or version of the rules would change.
        engine: Which one.
        parallel: Where to work.

    Raises:
        InputError: The engine is not installed; an image cannot be read, lies outside `raw_dir`, or is not what the
            manifest says.
    """
    fields = fov_index.loc[fov_index["reject"] == "", ["image_id", *BOX_COLUMNS, "polygon"]]
    used = manifest.merge(fields, on="image_id").sort_values("image_id")
    places = locate(raw_dir, used["path"])
    version = f"{engine_version(engine)} {_rules()}"
    rows: list[Any] = list(used.itertuples(index=False, name="Row"))
    keys = [_key(row, version) for row in rows]
    journal = remembered.with_name(f"{remembered.stem}.run{remembered.suffix}")
    known = _recall(remembered, journal)
    new = [
        (key, (row, places[row.path].absolute(), engine))
        for key, row in zip(keys, rows, strict=True)
        if key not in known
    ]
    if new:
        known |= map_images(_read, new, len(new), journal, version, parallel, "text")
        _keep(known, remembered, journal)
    return _table(used["image_id"], [known[key]["lines"] for key in keys])


def _key(row: Any, version: str) -> str:
    """What a result depends on; the image's id stands for its bytes."""
    return json.dumps([row.image_id, *(getattr(row, name) for name in BOX_COLUMNS), row.polygon, version])


def _read(row: Any, place: Path, engine: EngineName) -> dict[str, list[Line]]:
    box = Box(*(getattr(row, name) for name in BOX_COLUMNS))
    return {"lines": read_lines(read_screen(row, place), box, row.polygon, open_engine(engine), row.path)}


def _recall(remembered: Path, journal: Path) -> Known:
    """What earlier runs read; the journal of one that was killed is taken over, before another may throw it away."""
    known = _entries(remembered) | _entries(journal)
    if journal.exists():
        _keep(known, remembered, journal)
    return known


def _keep(known: Known, remembered: Path, journal: Path) -> None:
    write_text(remembered, "".join(json.dumps(entry) + "\n" for entry in sorted(known.items())))
    forget(journal)


def _entries(path: Path) -> Known:
    """The results in a file, but for a line that was cut when its run was killed."""
    if not path.exists():
        return {}
    known = {}
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            key, result = json.loads(text)
            known[key] = {"lines": list(result["lines"])}
        except (ValueError, TypeError, KeyError):  # cut, or the opening of a journal
            continue
    return known


def _table(image_ids: Iterable[str], found: Iterable[list[Line]]) -> pd.DataFrame:
    rows = [
        {"image_id": image_id, "line": number, **line}
        for image_id, lines in zip(image_ids, found, strict=True)
        for number, line in enumerate(lines, 1)
    ]
    return pd.DataFrame(rows, columns=list(TEXT_LINES.columns))


@cache
def _rules(package: Path = PACKAGE) -> str:
    """Hash of the source, and of the versions of the libraries that decode pixels, on which results depend."""
    digest = hashlib.sha256(" ".join((cv2.__version__, PIL.__version__, pydicom.__version__)).encode())
    for name in MODULES:
        digest.update((package / name).read_bytes())
    return digest.hexdigest()[:16]
