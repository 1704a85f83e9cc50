"""Opens a DICOM file, and says what is wrong with it without letting a name out.

Formats by the DICOM standard (2024b): image pixel module PS3.3 C.7.6.3. Parsed by pydicom.

A DICOM file is full of identities. Only the elements that are asked for are parsed, no value of one enters a message,
and pydicom's own warnings and log lines, which quote values, are kept quiet.
"""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from pydicom import Dataset, dcmread, uid
from pydicom.filereader import read_file_meta_info

from nonmass.errors import InputError

# Transfer syntax -> the one library that decodes it, so that pixels do not depend on what else is installed.
DECODERS = {
    uid.ImplicitVRLittleEndian: "",
    uid.ExplicitVRLittleEndian: "",
    uid.ExplicitVRBigEndian: "",
    uid.JPEGBaseline8Bit: "pylibjpeg",  # or Pillow, four times as fast, where it reads the colours rightly
    uid.JPEGExtended12Bit: "pylibjpeg",
    uid.JPEGLossless: "pylibjpeg",
    uid.JPEGLosslessSV1: "pylibjpeg",
    uid.JPEGLSLossless: "pylibjpeg",
    uid.JPEGLSNearLossless: "pylibjpeg",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
    uid.RLELossless: "pylibjpeg",
}
# Photometric interpretation -> samples a pixel. The retired ones (HSV, ARGB, CMYK, YBR_PARTIAL_*) are refused.
COLOURS = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
REQUIRED = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
OPTIONAL = ("HighBit", "NumberOfFrames", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
# Those that a message may name; anything else in their place could be anything.
MODALITIES = ("CR", "CT", "DOC", "DX", "KO", "MG", "MR", "NM", "OT", "PR", "PT", "RF", "SC", "SEG", "SR", "US", "XA")
_UNDEFINED_LENGTH = 0xFFFFFFFF
_LOCK = threading.RLock()  # warning filters and log levels belong to the whole process


class DicomError(InputError):
    """What is wrong with a file, in words without any value that could name somebody, and what to do.

    Attributes:
        problem: What is wrong.
        remedy: What to do.
        value: A term of the standard or a number that says more; or "".
        name: What the message calls the file.
    """

    def __init__(self, problem: str, remedy: str, value: str = "", name: str = "DICOM file") -> None:
        super().__init__(problem, remedy, value, name)  # all of them, or the error could not travel between processes
        self.problem, self.remedy, self.value, self.name = problem, remedy, value, name

    def __str__(self) -> str:
        detail = f" ({self.value})" if self.value else ""
        return f"{self.name}: {self.problem}{detail}; {self.remedy}"


class Screen(NamedTuple):
    """An open file with a sound header.

    Attributes:
        file: The file.
        elements: Those that were asked for; no others.
        syntax: One of `DECODERS`.
        n_frames: At least 1.
        pixel_vr: Value representation of the pixel data.
        start: Where their value begins, bytes.
    """

    file: BinaryIO
    elements: Dataset
    syntax: uid.UID
    n_frames: int
    pixel_vr: str
    start: int


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first 132 bytes, whatever it is called; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


@contextmanager
def opened(
    path: Path, name: str | None, max_pixels: int, wanted: tuple[str, ...] = (), modality: str = ""
) -> Iterator[Screen]:
    """A file whose header is sound; whatever goes wrong with it in the block becomes a `DicomError` in its name.

    Args:
        path: The file.
        name: What messages call it; default its path.
        max_pixels: Larger pictures are refused.
        wanted: Keywords of elements beside `REQUIRED` and `OPTIONAL`.
        modality: Files of another one are refused; "" for any. `wanted` must hold it.
    """
    name = name or str(path)
    if not path.is_file():
        raise DicomError("image not found", "put it back", name=name)
    with _quiet():
        try:
            with path.open("rb") as file:
                yield _parsed(file, path, max_pixels, wanted, modality)
        except DicomError as error:
            raise DicomError(error.problem, error.remedy, error.value, name) from None
        except Exception:  # parsers and decoders raise whatever they like on broken files, and quote values
            raise DicomError("DICOM file is damaged", "export it again", name=name) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning and no log line of pydicom's; one thread at a time."""
    logger = logging.getLogger("pydicom")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level = logger.level
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)


def _parsed(file: BinaryIO, path: Path, max_pixels: int, wanted: tuple[str, ...], modality: str) -> Screen:
    if not is_dicom(path):
        raise DicomError("not a DICOM file", "export it again")
    # The syntax comes first: to parse a deflated file is to inflate all of it, however large it says it is.
    syntax = read_file_meta_info(path).get("TransferSyntaxUID")
    _check_syntax(syntax)
    elements = dcmread(file, stop_before_pixels=True, specific_tags=[*REQUIRED, *OPTIONAL, *wanted])
    if modality and (other := elements.get("Modality")) != modality:  # before all that a mammogram cannot fulfil
        raise DicomError("file of another modality", "take it out", other if other in MODALITIES else "")
    tag = file.read(8)
    if not tag:
        raise DicomError("DICOM file without an image", "take it out, or export it again if it should hold one")
    order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"
    # Files that say one kind of value representation and use the other exist; lengths are even, so these are none.
    is_explicit = tag[4:6] in (b"OB", b"OW", b"UN") and tag[6:] == b"\0\0"
    length = int.from_bytes(file.read(4) if is_explicit else tag[4:], order)
    if int.from_bytes(tag[2:4], order) != 0x0010:  # (7FE0,0010) is Pixel Data; 0008 and 0009 are floats
        raise not_8_bit("floating point")
    _check_attributes(elements, max_pixels)
    frames = int(elements.get("NumberOfFrames") or 1)
    screen = Screen(file, elements, syntax, frames, tag[4:6].decode() if is_explicit else "OW", file.tell())
    _check_length(screen, length)
    return screen


def _check_syntax(syntax: uid.UID | None) -> None:
    # A UID that is in no dictionary has itself for a name, and could be anything.
    name = syntax.name if syntax is not None and syntax.name != syntax else "unknown"
    if syntax in uid.MPEGTransferSyntaxes:
        raise DicomError("DICOM file holds a video", "export still pictures", name)
    if syntax not in DECODERS:
        remedy = "convert it to Explicit VR Little Endian, or export it again"
        raise DicomError("transfer syntax of the DICOM file is not read here", remedy, name)


def _check_attributes(elements: Dataset, max_pixels: int) -> None:
    """Refuse by the header alone, before a pixel is decoded."""
    missing = [keyword for keyword in REQUIRED if elements.get(keyword) in (None, "")]
    if elements.get("SamplesPerPixel") == 3 and elements.get("PlanarConfiguration") is None:
        missing.append("PlanarConfiguration")
    if missing:
        raise DicomError("image attributes are missing", "export it again", ", ".join(missing))
    if elements.PhotometricInterpretation not in COLOURS:
        raise DicomError("colours are of a kind that is not read here", "export 8-bit gray or RGB")
    stored, allocated = elements.BitsStored, elements.BitsAllocated
    if elements.PixelRepresentation != 0:
        raise not_8_bit("signed numbers")
    if allocated not in (8, 16) or not 8 <= stored <= allocated or elements.get("HighBit") not in (None, stored - 1):
        raise not_8_bit(f"{stored} of {allocated} bits")
    if COLOURS[elements.PhotometricInterpretation] != elements.SamplesPerPixel:
        raise contradictory()
    if min(elements.Rows, elements.Columns) < 1:
        raise contradictory()
    if elements.Rows * elements.Columns > max_pixels:
        size = f"{elements.Columns} x {elements.Rows}"
        raise DicomError(f"image has more than {max_pixels} pixels", "export a smaller one", size)


def _check_length(screen: Screen, length: int) -> None:
    """The pixel data may hold as many frames as the header says; else a number would ask for endless rows."""
    available = os.fstat(screen.file.fileno()).st_size - screen.start
    if screen.syntax.is_encapsulated:
        needed = 8 * screen.n_frames  # an item's tag and length
    else:
        elements = screen.elements
        needed = elements.Rows * elements.Columns * elements.SamplesPerPixel * (elements.BitsAllocated // 8)
        if elements.PhotometricInterpretation == "YBR_FULL_422":
            needed = needed // 3 * 2  # two pixels share their chroma
        needed *= screen.n_frames
        available = min(available, length) if length != _UNDEFINED_LENGTH else 0
    if not 0 < needed <= available:
        raise cut_off()


def contradictory() -> DicomError:
    """A file whose header contradicts itself or its pixels is not understood, so no pixel of it can be trusted."""
    return DicomError("image attributes contradict each other", "export it again")


def cut_off() -> DicomError:
    """Fewer bytes than the header promises."""
    return DicomError("pixel data are cut off", "copy the file again, or export it again")


def not_8_bit(value: str) -> DicomError:
    """Other numbers than 0 to 255."""
    return DicomError("image is not 8-bit", "export 8-bit gray or RGB", value)
