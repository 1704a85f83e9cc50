"""Image files: read defensively as 8-bit gray, with or without colour, written as plain PNG with stable bytes."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from nonmass.errors import InputError
from nonmass.files import whole_file

Gray = NDArray[np.uint8]  # (H, W)


@dataclass(frozen=True)
class Picture:
    """A screen as its gray and how coloured it is.

    Attributes:
        gray: `(H, W)` uint8, luma (ITU-R BT.601), as `read_gray` gives it.
        chroma: `(H, W)` uint8, how far each pixel is from gray: the larger of |Cb - 128| and |Cr - 128|, 0 to 128.
        stored: Of a picture that was not stored as JPEG, its pixels, gray or RGB or YCbCr; None of a JPEG.
    """

    gray: Gray
    chroma: Gray
    stored: Image.Image | None = field(default=None, repr=False, compare=False)

    @property
    def exported(self) -> "Picture":
        """What is looked at for the field of view: the same, whether the device has written PNG or JPEG."""
        return self if self.stored is None else jpeg_of(self.stored) or self


MAX_PIXELS = 64_000_000  # a 4K screen has 8 million; far above that is a bomb or a mistake
# What can be read, and what such files are called.
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
}
SUFFIXES = frozenset(suffix for suffixes in FORMATS.values() for suffix in suffixes)
JPEG_QUALITY = 85  # in which any other picture is looked at
JPEG_MAX_PX = 65_500  # libjpeg's limit for a side
BAND_ROWS = 32  # of a screen are doubled at a time: most of a screen is gray, and stays 0
# A level above 3 costs five times the time for a few percent of size on speckle.
PNG_LEVEL = 1


def read_gray(path: Path, max_pixels: int = MAX_PIXELS, name: str | None = None) -> NDArray[np.uint8]:
    """Read an image file as gray.

    Colour becomes luma (ITU-R BT.601). Pixels are taken as they are stored: an EXIF orientation is not
    applied, since masks and boxes count stored pixels.

    Args:
        path: JPEG, PNG, BMP, TIFF, GIF or WebP with one picture.
        max_pixels: Larger pictures are refused before they are decoded.
        name: What messages call the file; default its path, which may tell whose image it is.

    Returns:
        `(H, W)` uint8.

    Raises:
        InputError: The file is missing, empty, truncated, corrupt, too large, holds several pictures, more
            than 8 bits a channel, transparency, or colours whose gray is not defined (CMYK, LAB).
    """
    with _opened(path, max_pixels, name or str(path)) as image:
        return _gray(image, name or str(path))


def read_picture(path: Path, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Picture:
    """Read an image file as gray and chroma; arguments and errors as `read_gray`'s, and so is the gray."""
    with _opened(path, max_pixels, name or str(path)) as image:
        is_jpeg, mode = image.format in ("JPEG", "MPO"), image.mode
        if is_jpeg and mode == "RGB" and not _is_rgb_coded(image):
            return _jpeg_picture(path, image, name or str(path))
        gray = _gray(image, name or str(path))
        if mode in ("1", "L", "LA"):
            return Picture(gray, np.zeros_like(gray), None if is_jpeg else Image.fromarray(gray))
        if is_jpeg:
            with Image.open(path) as again:  # has been decoded to its luma alone
                return Picture(gray, _chroma(again.convert("RGB")))
        colours = image.convert("RGB")
        return Picture(gray, _chroma(colours), colours)


def jpeg_of(image: Image.Image) -> Picture | None:
    """What a JPEG of a gray or coloured picture shows; None of one that is too long for a JPEG."""
    if max(image.size) > JPEG_MAX_PX:
        return None
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY, comment=b"")  # that of a PNG may be too long for a JPEG
    with Image.open(file, formats=("JPEG",)) as coded:
        if coded.mode == "RGB":
            return _jpeg_picture(file, coded, "")
        gray = np.array(coded, np.uint8)
        return Picture(gray, np.zeros_like(gray))


def _jpeg_picture(file: Path | BinaryIO, image: Image.Image, name: str) -> Picture:
    """A JPEG of luma and chroma, `image` of which is open and not yet decoded."""
    if _has_halved_chroma(image):
        return Picture(_gray(image, name), _doubled_chroma(file, image.size))
    image.draft("YCbCr", image.size)  # what the file holds; its luma is that of `read_gray`
    luma, *colours = cv2.split(np.asarray(image))
    return Picture(np.asarray(luma, np.uint8), chroma_of(*(np.asarray(plane, np.uint8) for plane in colours)))


def _chroma(colours: Image.Image) -> Gray:
    _, *planes = colours.convert("YCbCr").split()
    return chroma_of(*map(np.asarray, planes))


def _is_rgb_coded(image: Image.Image) -> bool:
    """Whether a JPEG holds red, green and blue, which libjpeg does not turn into luma and chroma."""
    names = [component[0] for component in getattr(image, "layer", ())]
    return image.info.get("adobe_transform") == 0 or bytes(names) == b"RGB"


def _has_halved_chroma(image: Image.Image) -> bool:
    """Whether a JPEG holds one chroma for two by two pixels, as most do."""
    factors = [component[1:3] for component in getattr(image, "layer", ())]
    return factors == [(2, 2), (1, 1), (1, 1)] and min(image.size) > 1


def _doubled_chroma(file: Path | BinaryIO, size: tuple[int, int]) -> Gray:
    """`Picture.chroma` of a JPEG of `(width, height)` pixels that holds it halved.

    At half the size libjpeg gives it as it is in the file, at half the cost; between its samples it then changes
    evenly, as in libjpeg's own enlargement, but without passing gray from one colour to its opposite.
    """
    width, height = size
    with Image.open(file, formats=("JPEG",)) as image:
        image.draft("YCbCr", (width // 2, height // 2))
        half = chroma_of(*(np.asarray(image.getchannel(name), np.uint8) for name in ("Cb", "Cr")))
    return np.ascontiguousarray(doubled(half)[:height, :width])


def doubled(half: Gray) -> Gray:
    """A plane at twice its size, evenly between its samples; fast where most of it is 0."""
    whole = np.zeros((2 * half.shape[0], 2 * half.shape[1]), np.uint8)
    for top in range(0, len(half), BAND_ROWS):
        above = min(top, 1)  # what is doubled goes on for one more pixel on all sides: so far is looked
        band = half[top - above : top + BAND_ROWS + 1]
        first, _, wide, _ = cv2.boundingRect(band)
        if wide:
            start, stop = max(first - 1, 0), first + wide + 1
            part = cv2.resize(band[:, start:stop], None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            whole[2 * top : 2 * (top + BAND_ROWS), 2 * start : 2 * stop] = part[2 * above :][: 2 * BAND_ROWS]
    return whole


def chroma_of(blue: Gray, red: Gray) -> Gray:
    """`Picture.chroma` of the Cb and Cr planes."""
    middle = np.full_like(blue, 128)
    return np.asarray(cv2.max(cv2.absdiff(blue, middle), cv2.absdiff(red, middle)), np.uint8)


@contextmanager
def _opened(path: Path, max_pixels: int, name: str) -> Iterator[Image.Image]:
    """An image file whose header is sound; whatever goes wrong with it becomes an `InputError`."""
    refuse_no_file(path, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=tuple(FORMATS)) as image:
                _check(image, name, max_pixels)
                yield image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name}: image has more than {max_pixels} pixels; export a smaller one") from None
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise InputError(f"{name}: not a readable image, or broken at its start; export it as one of {known}") from None
    except Exception as error:  # decoders raise whatever they like on broken files
        system = error.strerror if isinstance(error, OSError) else None  # whose own text quotes the path
        reason = system or str(error).replace(str(path), name)
        raise InputError(f"{name}: image is truncated or corrupt ({reason}); export it again") from None


def refuse_no_file(path: Path, name: str) -> None:
    """Refuse what is no file with content, without opening it: reading a pipe would never end.

    Raises:
        InputError: Says what it is instead.
    """
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise InputError(f"{name}: cannot be opened ({error.strerror}); give yourself the right to read it") from None
    if size == 0:
        raise InputError(f"{name}: image file is empty; export it again")
    if size:
        return
    if path.is_dir():
        raise InputError(f"{name}: is a folder, not an image; rename it")
    if path.exists():
        raise InputError(f"{name}: is a pipe, socket or device, not an image; take it out")
    if path.is_symlink():
        raise InputError(f"{name}: is a link that leads nowhere; copy the image in its place")
    raise InputError(f"{name}: image not found; put it back")


def _check(image: Image.Image, name: str, max_pixels: int) -> None:
    """Refuse by the header alone, before a pixel is decoded."""
    if image.width * image.height > max_pixels:
        size = f"{image.width} x {image.height}"
        raise InputError(f"{name}: image of {size} has more than {max_pixels} pixels; export a smaller one")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further pictures of an MPO file are thumbnails of the first
        raise InputError(f"{name}: image has {frames} frames; export a single still picture")
    # Pillow cuts 16-bit colour to 8 bits without a word; only the decoder's raw mode shows it.
    if any(";16" in str(tile) for tile in getattr(image, "tile", ())) or image.mode.startswith(("I", "F")):
        raise InputError(f"{name}: image has more than 8 bits a channel; export 8-bit gray or RGB")
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr"):
        raise InputError(f"{name}: image is {image.mode}; export 8-bit gray or RGB")


def _gray(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.format in ("JPEG", "MPO"):
        image.draft("L", image.size)  # libjpeg then decodes luma alone, four times faster
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise InputError(f"{name}: image is partly transparent; export it without transparency")
        image = image.convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")
    return np.array(image.convert("L"), dtype=np.uint8)


def write_png(path: Path, image: NDArray[np.uint8], level: int = PNG_LEVEL) -> None:
    """Write `(H, W)` or `(H, W, 3)` RGB uint8 as PNG without any metadata, whole or not at all.

    Args:
        path: Where to.
        image: The pixels.
        level: Of compression, 0 to 9; none loses anything.

    Raises:
        ValueError: Another type or shape.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"no 8-bit gray or RGB image: {image.dtype} {image.shape}")
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, level])
    if not done:
        raise ValueError(f"{path}: OpenCV cannot encode {image.shape}")
    with whole_file(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
