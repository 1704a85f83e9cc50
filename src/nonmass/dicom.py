"""DICOM ultrasound: still pictures and single frames of clips as 8-bit gray, read as defensively as other images.

Formats by the DICOM standard (2024b): image pixel module PS3.3 C.7.6.3, encapsulation PS3.5 A.4. Decoded by pydicom
with pylibjpeg; baseline JPEG by Pillow, whose luma costs a quarter of the colours.
"""

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, uid
from pydicom.encaps import encapsulate, get_frame
from pydicom.multival import MultiValue
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options

from nonmass.dicom_file import DECODERS, DicomError, Screen, contradictory, cut_off, is_dicom, not_8_bit, opened
from nonmass.dicom_regions import regions, trace_of
from nonmass.geometry import Box
from nonmass.images import MAX_PIXELS, Gray, Picture, chroma_of

__all__ = [
    "DicomError",
    "Header",
    "header",
    "is_dicom",
    "n_frames",
    "read_gray",
    "read_picture",
    "trace",
]

IDS = ("PatientID", "AccessionNumber", "StudyInstanceUID", "SOPInstanceUID")
ABOUT = (*IDS, "Modality", "Manufacturer", "ManufacturerModelName", "SequenceOfUltrasoundRegions")
PALETTE = tuple(
    f"{kind}{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for kind, part in (("", "Descriptor"), ("", "Data"), ("Segmented", "Data"))
)
# Of JPEG and JPEG-LS: every start of frame (not DHT, JPG and DAC between them); of JPEG 2000, too: the end.
FRAME_MARKERS = frozenset((*range(0xC0, 0xD0), 0xF7)) - {0xC4, 0xC8, 0xCC}
END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """What a cohort needs to know of a file; nothing else of it survives.

    Attributes:
        ids: Keyword of `IDS` -> its text, stripped; "" if there is none. Identities, so they are not printed.
        modality: "US" for ultrasound.
        device: Manufacturer and model, one line; or "".
        width_px: Of each frame.
        height_px: Of each frame.
        n_frames: 1 for a still picture.
        regions: Where tissue is shown, see `regions`.
        trace: What else is shown over time, see `trace`.
    """

    ids: Mapping[str, str] = field(repr=False)
    modality: str
    device: str
    width_px: int
    height_px: int
    n_frames: int
    regions: tuple[Box, ...]
    trace: str


def header(path: Path, name: str | None = None, max_pixels: int = MAX_PIXELS, modality: str = "") -> Header:
    """Read what stands before the pixels.

    Args:
        path: The file.
        name: What messages call it; default its path, which may tell whose image it is.
        max_pixels: Larger pictures are refused.
        modality: Files of another one are refused; "" for any.

    Raises:
        DicomError: The file is damaged, no image, or one that `read_gray` refuses by its header.
    """
    with opened(path, name, max_pixels, ABOUT, modality) as screen:
        elements = screen.elements
        maker = f"{_text(elements, 'Manufacturer')} {_text(elements, 'ManufacturerModelName')}"
        return Header(
            ids={keyword: _text(elements, keyword) for keyword in IDS},
            modality=_text(elements, "Modality"),
            device=" ".join("".join(letter if letter.isprintable() else " " for letter in maker).split()),
            width_px=elements.Columns,
            height_px=elements.Rows,
            n_frames=screen.n_frames,
            regions=regions(elements),
            trace=trace_of(elements),
        )


def n_frames(path: Path, name: str | None = None, max_pixels: int = MAX_PIXELS) -> int:
    """How many pictures a file holds, by the header alone.

    Raises:
        DicomError: As for `header`.
    """
    with opened(path, name, max_pixels) as screen:
        return screen.n_frames


def trace(path: Path, name: str | None = None, max_pixels: int = MAX_PIXELS) -> str:
    """`m-mode` or `spectral` if a region of the screen shows that by the Sequence of Ultrasound Regions, else "".

    Beside it there may be an image, which is then small and often cut through by the line of sight.

    Raises:
        DicomError: As for `header`.
    """
    with opened(path, name, max_pixels, ("SequenceOfUltrasoundRegions",)) as screen:
        return trace_of(screen.elements)


def read_gray(path: Path, frame: int = 0, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Gray:
    """Read one frame as gray; the others are not decoded, nor held in memory.

    Colour becomes luma (ITU-R BT.601), as in `images.read_gray`: where the file holds luma and chroma, luma is taken as
    it is. MONOCHROME1 is inverted. Windows, presentation states and overlays are not applied. A file with more than 8
    bits a sample is read if no value of the frame exceeds 255, and refused else: which of its values are black and
    white is then up to a window, so that any scaling here would be a guess that differs from device to device.

    Args:
        path: The file.
        frame: From 0.
        name: What messages call the file; default its path, which may tell whose image it is.
        max_pixels: Larger pictures are refused before they are decoded.

    Returns:
        `(H, W)` uint8.

    Raises:
        DicomError: The file is missing, damaged or truncated, no image, has no such frame, or is of a kind that is not
            read here (videos, more than 8 bits, retired colours, another transfer syntax than `DECODERS`).
    """
    with opened(path, name, max_pixels, PALETTE) as screen:
        _check_frame(screen, frame)
        return _gray(screen, frame)


def read_picture(path: Path, frame: int = 0, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read one frame as gray and chroma; arguments and errors as `read_gray`'s, and so is the gray."""
    with opened(path, name, max_pixels, PALETTE) as screen:
        _check_frame(screen, frame)
        gray = _gray(screen, frame)
        colours = _colours(screen, frame)
        chroma = np.zeros_like(gray) if colours is None else chroma_of(*_planes(colours)[1:])
        if screen.syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit):
            return Picture(gray, chroma)
        return Picture(gray, chroma, Image.fromarray(gray) if colours is None else colours)


def _text(elements: Dataset, keyword: str) -> str:
    """An element as stripped text; "" if there is none. Backslashes part values, but are common in ids, too."""
    value = elements.get(keyword)
    parts = value if isinstance(value, MultiValue) else [value]
    return "\\".join("" if part is None else str(part) for part in parts).strip(" \0\t\r\n")


def _gray(screen: Screen, frame: int) -> Gray:
    if screen.syntax == uid.JPEGBaseline8Bit and (luma := _jpeg_luma(screen, frame)) is not None:
        return luma
    values, photometric = _samples(screen, frame)
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        values = values[..., 0]
    elif photometric == "MONOCHROME1":
        values = 2**screen.elements.BitsStored - 1 - values.astype(np.int32)
    if values.max() > 255:
        raise not_8_bit(f"values up to {values.max()}")
    samples: Gray = values.astype(np.uint8)
    if photometric == "PALETTE COLOR":
        return _palette_luma(screen.elements)[samples]
    if photometric == "RGB":
        return _luma(samples)
    if samples.ndim != 2:  # YBR_ICT or YBR_RCT in something else than JPEG 2000, whose decoder undoes them
        raise contradictory()
    return samples


def _check_frame(screen: Screen, frame: int) -> None:
    if not 0 <= frame < screen.n_frames:
        raise DicomError("no such frame", "frames count from 0", f"{frame} of {screen.n_frames}")


def _colours(screen: Screen, frame: int) -> Image.Image | None:
    """A coloured frame that `_gray` could read, as RGB or YCbCr; None if there is no colour."""
    if screen.elements.SamplesPerPixel == 1 and screen.elements.PhotometricInterpretation != "PALETTE COLOR":
        return None
    values, photometric = _samples(screen, frame)
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        return Image.merge("YCbCr", [Image.fromarray(np.ascontiguousarray(values[..., i], np.uint8)) for i in range(3)])
    colours = _palette(screen.elements)[values] if photometric == "PALETTE COLOR" else values
    return Image.fromarray(colours.astype(np.uint8))


def _planes(colours: Image.Image) -> list[Gray]:
    """Luma, Cb and Cr."""
    return [np.asarray(plane, np.uint8) for plane in colours.convert("YCbCr").split()]


def _jpeg_luma(screen: Screen, frame: int) -> Gray | None:
    """Luma of a baseline JPEG straight from the codestream, or None if it holds something else."""
    photometric = screen.elements.PhotometricInterpretation
    with Image.open(io.BytesIO(_codestream(screen, frame)), formats=("JPEG",)) as image:
        # Where a marker says what the samples are, libjpeg heeds it; without one it takes all colours for YCbCr.
        is_known = photometric in ("MONOCHROME2", "YBR_FULL", "YBR_FULL_422") or (
            photometric == "RGB" and not {"jfif", "adobe"}.isdisjoint(image.info)
        )
        if not is_known:
            return None
        image.draft("L", image.size)
        return np.array(image.convert("L"), np.uint8)


def _luma(colours: NDArray[np.uint8]) -> Gray:
    """Luma by ITU-R BT.601 of RGB, `(H, W, 3)` -> `(H, W)` uint8; Pillow's, so that PNG and DICOM agree to the bit."""
    return np.array(Image.fromarray(colours).convert("L"), np.uint8)


def _palette_luma(elements: Dataset) -> NDArray[np.uint8]:
    """Luma of each stored value, `(256,)` uint8."""
    return _luma(_palette(elements)[None]).reshape(256)


def _palette(elements: Dataset) -> NDArray[np.uint8]:
    """Colour of each stored value, `(256, 3)` RGB uint8."""
    if not elements.original_encoding[1]:
        what = "colours are of a kind that is not read here"
        raise DicomError(what, "export 8-bit gray or RGB", "big-endian palette")
    colours = apply_color_lut(np.arange(256, dtype=np.uint8)[None], elements)[0, :, :3]
    # Entries of 16 bits: 0 to 65535 by the standard, but some writers put 0 to 255 there.
    colours = colours if colours.max() <= 255 else colours >> 8
    return np.asarray(colours, np.uint8)


def _samples(screen: Screen, frame: int) -> tuple[NDArray[Any], str]:
    """A frame as it is stored, `(H, W)` or `(H, W, 3)`, and what its numbers mean."""
    options = as_pixel_options(screen.elements, pixel_keyword="PixelData", pixel_vr=screen.pixel_vr)
    source: BinaryIO | bytes = screen.file
    screen.file.seek(screen.start)
    if screen.syntax.is_encapsulated:
        options.pop("extended_offsets", None)
        options["number_of_frames"] = 1
        source, frame = encapsulate([_codestream(screen, frame)]), 0
    values, properties = get_decoder(screen.syntax).as_array(
        source, index=frame, raw=True, decoding_plugin=DECODERS[screen.syntax], **options
    )
    return values, str(properties["photometric_interpretation"])


def _codestream(screen: Screen, frame: int) -> bytes:
    """An encapsulated frame that is whole, and says itself that it is as large as the file's header says.

    Decoders give memory by the codestream's own header, and some return what they have of one that is cut off.
    """
    elements = screen.elements
    offsets = (
        (elements.ExtendedOffsetTable, elements.ExtendedOffsetTableLengths)
        if "ExtendedOffsetTable" in elements
        else None
    )
    screen.file.seek(screen.start)
    stream = get_frame(screen.file, frame, number_of_frames=screen.n_frames, extended_offsets=offsets)
    if screen.syntax == uid.RLELossless:  # has no header of its own, and its decoder counts
        return stream
    if END_OF_IMAGE not in stream[-10:]:
        raise cut_off()
    if _coded_size(stream) != (elements.Columns, elements.Rows, elements.SamplesPerPixel):
        raise contradictory()
    return stream


def _coded_size(stream: bytes) -> tuple[int, int, int]:
    """Width, height and samples a pixel of a JPEG, JPEG-LS (ISO 10918-1 B.2.2) or JPEG 2000 (15444-1 A.5.1) image.

    Raises:
        ValueError, LookupError, struct.error: It is none.
    """
    start = stream.find(b"\xff\x4f\xff\x51", 0, 4096)  # JPEG 2000; boxes of a JP2 file may come before it
    if start >= 0:
        x1, y1, x0, y0 = struct.unpack_from(">4I", stream, start + 8)
        return x1 - x0, y1 - y0, struct.unpack_from(">H", stream, start + 40)[0]
    place = 2
    while stream[place] == 0xFF:
        marker, length = struct.unpack_from(">BH", stream, place + 1)
        if marker in FRAME_MARKERS:
            height, width, samples = struct.unpack_from(">HHB", stream, place + 5)
            return width, height, samples
        place += 2 + length
    raise ValueError("no frame header")
