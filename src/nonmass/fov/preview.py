"""The field of view of any file or folder, without a pipeline around it: what `nonmass fov` prints."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from nonmass import dicom
from nonmass.errors import InputError
from nonmass.fov.field import Fov, Known
from nonmass.fov.finder import FindParams, find_fov
from nonmass.fov.layout import layout_consensus
from nonmass.geometry import Box
from nonmass.images import FORMATS, SUFFIXES, Gray, refuse_no_file
from nonmass.params import PARAMS_FILE, load, validate
from nonmass.screens import read_picture

# Where there is no params.yaml; the same numbers as in ours.
DEFAULTS = FindParams(agreement_iou=0.95, layout_min_images=5, layout_max_images=30)
IMAGES_A_WORKER = 32  # fewer are done before a second process has started


@dataclass(frozen=True)
class File:
    """A file that should hold an exported screen, and what its header says; only the first frame is looked at.

    Attributes:
        name: Relative to the folder, forward slashes; or the name as given.
        place: Where it lies.
        device: DICOM's manufacturer and model; or "".
        width_px: Of the screen; 0 if the header cannot be read, and then the file cannot either.
        height_px: Likewise.
        regions: DICOM's ultrasound regions.
        trace: `m-mode` or `spectral` if they say so, or "".
    """

    name: str
    place: Path
    device: str = ""
    width_px: int = 0
    height_px: int = 0
    regions: tuple[Box, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class Found:
    """What came out of a file: a field of view, or the reason why the file cannot be read."""

    file: File
    fov: Fov | None
    fault: str = ""


def params_here(path: Path = PARAMS_FILE) -> FindParams:
    """The settings of the project in whose folder we are; else `DEFAULTS`.

    That makes `nonmass fov` alike to the pipeline, not the same: of JPEG and PNG no manifest says the device here, so
    a device's margins are not applied, and all screens of one size share a layout, whichever device they come from.

    Raises:
        InputError: There is a params.yaml that cannot be read, or whose section `fov` is wrong.
    """
    section = load(path).get("fov") if path.is_file() else None
    return DEFAULTS if section is None else validate(section, FindParams, f"{path}: fov")


def find_fields(source: Path, params: FindParams) -> Iterator[Found]:
    """The field of view of one file, or of every image in a folder and its subfolders, in order of name.

    Screens of one device and size give each other their layout's boxes where there are enough of them.

    Args:
        source: File or folder. What is no image by its suffix, and no DICOM by its content, is passed over in a folder;
            a pipe or a dead link with an image's suffix is a file that cannot be read.
        params: How to find.

    Raises:
        InputError: There is no such file or folder, or no image in the folder.
    """
    if not source.is_dir():
        if not source.exists():
            raise InputError(f"{source}: not found; give an image, a DICOM file or a folder of them")
        return iter([_find(inspected(str(source), source), (), params)])
    names = image_names(source)
    if not names:
        raise InputError(f"{source}: no image in this folder; there should be DICOM or {', '.join(sorted(SUFFIXES))}")
    files = list(_on_all_cores(inspected, [(name, source / name) for name in names], "headers"))
    layouts = _layout_boxes(files, params)
    return _on_all_cores(_find, [(file, layouts.get(_layout(file), ()), params) for file in files], "fov")


def json_line(found: Found) -> str:
    """One screen as `nonmass fov` prints it.

    Raises:
        ValueError: The file could not be read.
    """
    fov = found.fov
    if fov is None:
        raise ValueError(f"no field of view: {found.fault}")
    content: dict[str, Any] = {
        "file": found.file.name,
        "box": _corners(fov.box),
        "accepted": fov.accepted,
        "confidence": round(float(fov.confidence), 4),
        "method": fov.method,
        "flags": list(fov.flags),
        "reject": fov.reject or None,
    }
    if fov.polygon:
        content["polygon"] = [[int(x), int(y)] for x, y in fov.polygon]
    if fov.panels:
        content["panels"] = [_corners(panel) for panel in fov.panels]
    return json.dumps(content)


def _corners(box: Box) -> list[int]:
    return [int(corner) for corner in astuple(box)]


def image_names(folder: Path) -> list[str]:
    """Images below a folder, but for hidden ones such as macOS writes beside each file."""
    names = []
    for place in folder.rglob("*"):
        name = place.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or place.is_dir():
            continue
        if any((folder / parent / "screens.js").is_file() for parent in name.parents):
            continue  # the pictures of a sheet that lies among the screens
        if place.suffix.lower() in SUFFIXES or (place.is_file() and _is_dicom(place)):
            names.append(name.as_posix())
    return sorted(names)


def _is_dicom(place: Path) -> bool:
    try:
        return dicom.is_dicom(place)
    except (InputError, OSError):
        return False


def inspected(name: str, place: Path) -> File:
    """A file and its header; whatever is wrong with that will be said when its pixels are read."""
    try:
        refuse_no_file(place, name)  # opening a pipe would never end
    except InputError:
        return File(name, place)
    if _is_dicom(place):
        try:
            header = dicom.header(place, name)
        except InputError:
            return File(name, place)
        return File(name, place, header.device, header.width_px, header.height_px, header.regions, header.trace)
    try:
        with Image.open(place, formats=tuple(FORMATS)) as image:
            return File(name, place, "", image.width, image.height)
    except Exception:  # Pillow raises whatever it likes on broken files
        return File(name, place)


def _find(file: File, layout_boxes: tuple[Box, ...], params: FindParams) -> Found:
    try:
        refuse_no_file(file.place, file.name)
        picture = read_picture(file.place, name=file.name)
    except InputError as error:
        return Found(file, None, " ".join(str(error).split()))
    return Found(file, find_fov(picture, params, Known(file.device, file.regions, layout_boxes, file.trace)))


def _layout(file: File) -> tuple[str, int, int]:
    return file.device, file.width_px, file.height_px


def _layout_boxes(files: Iterable[File], params: FindParams) -> dict[tuple[str, int, int], tuple[Box, ...]]:
    """Where the field lies on screens of each device and size of which there are enough.

    Those that are looked at are spread over the folder, as screens of one patient mostly stand together.
    """
    alike: dict[tuple[str, int, int], list[File]] = defaultdict(list)
    for file in files:
        if file.width_px:
            alike[_layout(file)].append(file)
    some = {
        layout: [screens[i * len(screens) // n] for i in range(n)]
        for layout, screens in alike.items()
        if (n := min(len(screens), params.layout_max_images)) >= params.layout_min_images
    }
    boxes = _on_all_cores(_consensus, [(screens, params.layout_min_images) for screens in some.values()], "layouts")
    return dict(zip(some, boxes, strict=True))


def _consensus(files: list[File], min_images: int) -> tuple[Box, ...]:
    return layout_consensus(_readable(files), min_images)


def _readable(files: list[File]) -> Iterator[Gray]:
    for file in files:
        try:
            gray = read_picture(file.place, name=file.name).exported.gray
        except InputError:
            continue
        if gray.shape == (file.height_px, file.width_px):
            yield gray


def _on_all_cores(function: Callable[..., Any], jobs: list[tuple[Any, ...]], label: str) -> Iterator[Any]:
    """Results in the order of jobs; progress on stderr unless the lines printed on the screen are progress enough."""
    import joblib  # a tenth of a second that a single file need not wait for
    from tqdm import tqdm

    n_workers = min(joblib.cpu_count(), 1 + len(jobs) // IMAGES_A_WORKER)
    results = joblib.Parallel(n_jobs=n_workers, return_as="generator")(joblib.delayed(function)(*job) for job in jobs)
    silent = sys.stdout.isatty() or None  # None: silent where stderr is no terminal
    return iter(tqdm(results, total=len(jobs), desc=label, unit="image", disable=silent))
