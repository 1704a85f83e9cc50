"""From a file to the square that a network sees, as the stages fov, text and crop make it."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from nonmass import dicom
from nonmass.cohorts.dicom import MODALITY
from nonmass.cropping import square_field
from nonmass.errors import InputError
from nonmass.fov.field import Fov, Known
from nonmass.fov.finder import find_fov
from nonmass.fov.overrides import Override, Overrides
from nonmass.fov.preview import File, image_names, inspected
from nonmass.geometry import Box, CropResize
from nonmass.images import SUFFIXES, Gray, Picture, refuse_no_file
from nonmass.overlays.mark import Mark
from nonmass.screens import read_picture
from nonmass.serving.novelty import features_of
from nonmass.serving.release import View, box_of
from nonmass.tables import BOX_COLUMNS


@dataclass(frozen=True)
class Source:
    """A file to look at.

    Attributes:
        name: As it was given, or relative to the folder that was given; all that any output says of the file.
        place: Where it lies.
        folder: What it may not lead out of by a link; None for a file that was given itself.
    """

    name: str
    place: Path
    folder: Path | None = None


@dataclass(frozen=True, eq=False)
class Screen:
    """What became of a file.

    Attributes:
        name: Of the source.
        fault: Why it cannot be read, one line; or "".
        fov: Its field of view.
        device_from: Who says which device this is: `given`, `header`, `size` (only one device of the study has
            screens of this size), or `unknown`.
        marks: Burned into the field.
        covered: Lines of text that were covered, screen pixels.
        square: `(side, side)` uint8; None if the screen is refused or cannot be read.
        crop: How it was made.
        features: See `novelty.FEATURES`; empty without a square.
        sha256: The first 12 hex digits of the SHA-256 of its bytes, by which a person can tell which file it was.
    """

    name: str
    fault: str = ""
    fov: Fov | None = None
    device_from: str = ""
    marks: tuple[Mark, ...] = ()
    covered: tuple[Box, ...] = ()
    square: Gray | None = None
    crop: CropResize | None = None
    features: tuple[float, ...] = ()
    sha256: str = ""


def sources_of(given: Path) -> list[Source]:
    """The file itself, or every image in a folder and its subfolders, in order of name.

    Raises:
        InputError: There is no such file or folder, the file is no image, or no image is in the folder.
    """
    if not given.is_dir():
        if not given.exists() and not given.is_symlink():
            raise InputError(f"{given}: not found; give an image, a DICOM file or a folder of them")
        source = Source(str(given), given)
        _check(source)
        read_picture(given, name=source.name)  # twice is cheaper than to load networks for a letter
        return [source]
    names = image_names(given)
    if not names:
        raise InputError(f"{given}: no image in this folder; there should be DICOM or {', '.join(sorted(SUFFIXES))}")
    return [Source(name, given / name, given) for name in names]


def prepare(source: Source, view: View, device: str = "") -> Screen:
    """Look at a file; of a clip, at its first frame. What cannot be read is a fault, and no exception.

    Args:
        source: The file.
        view: How to look.
        device: Manufacturer and model as the study's manifest has them, if the caller knows; "" to go by the DICOM
            header, or by the size.
    """
    try:
        _check(source)
        picture = read_picture(source.place, name=source.name)
        return look(source.name, picture, inspected(source.name, source.place), _digits(source.place), view, device)
    except InputError as error:
        return Screen(source.name, " ".join(str(error).split()))


def look(name: str, picture: Picture, file: File, digits: str, view: View, device: str = "") -> Screen:
    """A decoded screen as a square.

    Args:
        name: What messages call it.
        picture: Its pixels.
        file: What its header says.
        digits: The first 16 hex digits of the SHA-256 of its bytes, for which a person may have decided.
        view: How to look.
        device: As for `prepare`.

    Raises:
        InputError: Text is to be read, and cannot be.
    """
    height, width = picture.gray.shape
    device, device_from = _device(device, file.device, width, height, view)
    boxes = _layout_boxes(device, width, height, view)
    fov = find_fov(picture, view.fov, Known(device, file.regions, boxes, file.trace))
    if decided := _decisions(view).of(digits, device, width, height):
        fov = decided.apply(fov, Box(0, 0, width, height))
    screen = Screen(name, fov=fov, device_from=device_from, sha256=digits[:12])
    if fov.reject:
        return screen
    covered = _covered(picture, fov, view, name)
    crop = CropResize(fov.box, view.crop.side_px, view.crop.square)
    square, marks = square_field(picture, crop, fov.outline, covered, view.crop.overlays)
    features = tuple(features_of(square[crop.content.slices]).tolist())
    return replace(screen, marks=tuple(marks), covered=covered, square=square, crop=crop, features=features)


def _check(source: Source) -> None:
    """Refuse what is no file, a link that leads out of the folder that was given, and what `ingest` takes for none."""
    refuse_no_file(source.place, source.name)
    if source.folder and not source.place.resolve().is_relative_to(source.folder.resolve()):
        raise InputError(f"{source.name}: is a link that leads out of the folder; copy the image in its place")
    if dicom.is_dicom(source.place):
        dicom.header(source.place, source.name, modality=MODALITY)


def _digits(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()[:16]


def _device(given: str, header: str, width: int, height: int, view: View) -> tuple[str, str]:
    """The device, and who says so."""
    if given or header:
        return (given, "given") if given else (header, "header")
    devices = {layout.device for layout in view.layouts if (layout.width_px, layout.height_px) == (width, height)}
    return (devices.pop(), "size") if len(devices) == 1 else ("", "unknown")


def _layout_boxes(device: str, width: int, height: int, view: View) -> tuple[Box, ...]:
    """Of this device and size; of an unknown device, those of every device with screens of this size."""
    return tuple(
        box_of(corners)
        for layout in view.layouts
        if (layout.width_px, layout.height_px) == (width, height) and device in ("", layout.device)
        for corners in layout.boxes
    )


def _decisions(view: View) -> Overrides:
    return Overrides({one.target: Override(box_of(one.box) if one.box else None, one.is_own) for one in view.decisions})


def _covered(picture: Picture, fov: Fov, view: View, name: str) -> tuple[Box, ...]:
    """Boxes of the lines of text that are to be covered."""
    if view.text.engine == "none":
        return ()
    from nonmass.text.engines import open_engine
    from nonmass.text.reading import read_lines

    lines = read_lines(picture, fov.box, fov.outline, open_engine(view.text.engine), name)
    return tuple(
        Box(*(line[column] for column in BOX_COLUMNS)) for line in lines if line["kind"] in view.crop.masked_text
    )
