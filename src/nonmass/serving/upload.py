"""What a page may be given: bytes that are refused before they are decoded, or read like any file but in memory."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from nonmass import dicom
from nonmass.errors import InputError
from nonmass.images import FORMATS

NAME = "image"  # what messages and answers call every upload; its own name is never asked for
MAX_BYTES = 64 * 2**20  # a clip of some hundred compressed frames
MAX_PIXELS = 16_000_000  # twice a 4K screen
MAX_FRAMES = 500  # of a clip; its first is looked at
ARCHIVES = (
    b"PK\3\4",
    b"PK\5\6",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\7",
    b"\x28\xb5\x2f\xfd",
)


def limits() -> str:
    """What is taken, in one line."""
    kinds = ", ".join(FORMATS)
    return (
        f"DICOM, {kinds}; at most {MAX_BYTES // 2**20} MB and {MAX_PIXELS // 10**6} million pixels. Of a DICOM clip of "
        f"at most {MAX_FRAMES} frames the first is looked at."
    )


@contextmanager
def in_memory(content: bytes) -> Iterator[Path]:
    """A file that has a path and lies on no disk.

    Readers take paths. `nonmass predict` and a page that read alike answer alike, so the bytes get a path, too: that of
    an anonymous file of Linux (memfd_create), which is gone when the block ends.

    Raises:
        InputError: This system has no such files.
    """
    if not hasattr(os, "memfd_create"):
        raise InputError("serve: needs Linux, which can keep a file in memory alone; use `nonmass predict`")
    descriptor = os.memfd_create(NAME)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def refuse(content: bytes, place: Path) -> None:
    """Refuse by the first bytes and the header alone; what passes may still turn out to be broken.

    Args:
        content: Of the file.
        place: Where it lies, see `in_memory`.

    Raises:
        InputError: What is wrong, and what to do.
    """
    if not content:
        raise InputError(f"{NAME}: the file is empty; export it again")
    if content.startswith(ARCHIVES):
        raise InputError(f"{NAME}: is an archive, which is not opened here; unpack it and give the images in it")
    if dicom.is_dicom(place):
        frames = dicom.header(place, NAME, MAX_PIXELS).n_frames
        if frames > MAX_FRAMES:
            raise InputError(f"{NAME}: is a clip of {frames} frames, more than {MAX_FRAMES}; export a still picture")
    else:
        _refuse_picture(content)


def _refuse_picture(content: bytes) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(FORMATS)) as image:
                size, has_more = (image.width, image.height), image.format != "MPO" and _has_a_second(image)
    except Image.DecompressionBombError:
        raise InputError(f"{NAME}: has more than {MAX_PIXELS} pixels; export a smaller one") from None
    except Exception:  # decoders raise whatever they like on broken files
        known = ", ".join(FORMATS)
        raise InputError(f"{NAME}: is neither DICOM nor a picture that can be read; give DICOM, {known}") from None
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"{NAME}: {size[0]} x {size[1]} are more than {MAX_PIXELS} pixels; export a smaller one")
    if has_more:
        raise InputError(f"{NAME}: holds several pictures; export a single still picture")


def _has_a_second(image: Image.Image) -> bool:
    """Whether there is a second picture, without counting all of them, of which there may be millions."""
    if image.width * image.height > MAX_PIXELS:  # looking for it may decode the first
        return False
    try:
        image.seek(1)
    except EOFError:
        return False
    return True
