"""Damaged, hostile and careless inputs: files that are no sound images, tables that are no sound tables."""

import io
import os
import shutil
import socket
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from dicom_files import clip, dataset, drawn, save, still
from openpyxl import Workbook
from PIL import Image
from pydicom import uid

WIDTH_PX, HEIGHT_PX = 90, 70
HEADINGS = ["file", "who", "finding", "histology", "machine", "mask", "age"]
ROWS = {
    2: ["a/1.png", "Ms A", "mass", "malignant", "X", "m/1.png", "41"],
    3: ["a/2.jpg", "Ms A", "mass", "malignant", "X", "", "41"],
    4: ["3.png", "Ms B", "normal", "", "Y", "", "52"],
}


def picture(level: int = 0) -> Image.Image:
    """A picture of noise, which does not shrink to nothing."""
    return Image.fromarray(np.random.default_rng(level).integers(0, 256, (HEIGHT_PX, WIDTH_PX), dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def table(rows: dict[int, list[str]] = ROWS, separator: str = ",") -> str:
    return "".join(separator.join(row) + "\n" for row in [HEADINGS, *rows.values()])


def changed(row: int, heading: str, cell: str) -> str:
    """The sound table with another cell."""
    cells = list(ROWS[row])
    cells[HEADINGS.index(heading)] = cell
    return table(ROWS | {row: cells})


def sound_cohort(folder: Path) -> None:
    """Three images of two patients, one mask, one table; nothing is wrong with it."""
    for file, content in {
        "a/1.png": encoded(picture(1), "PNG"),
        "a/2.jpg": encoded(picture(2), "JPEG"),
        "3.png": encoded(picture(3), "PNG"),
        "m/1.png": encoded(picture(4).point(lambda level: 255 * (level > 99)), "PNG"),
        "list.csv": table().encode(),
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width_px: int, height_px: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size; all checksums fit."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def resized(content: bytes, at: int, layout: str, *sizes: int) -> bytes:
    """An encoded image whose header claims another size."""
    return content[:at] + struct.pack(layout, *sizes) + content[at + struct.calcsize(layout) :]


def flipped(content: bytes) -> bytes:
    """One byte in the middle is another."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def sixteen_bit(channels: int) -> bytes:
    pixels = np.full((HEIGHT_PX, WIDTH_PX, channels), 40_000, np.uint16)
    return cv2.imencode(".png", pixels)[1].tobytes()


PNG, JPEG, BMP, GIF, TIFF = (encoded(picture(3), kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF"))
TRANSPARENT = Image.merge("RGBA", [picture(level) for level in range(4)])
JPEG_SIZE = JPEG.index(b"\xff\xc0") + 5
TIFF_SIZES = [TIFF.index(struct.pack("<HHI", tag, 4, 1)) + 8 for tag in (256, 257)]  # width, height
STILLS = {"save_all": True, "append_images": [picture(5)]}


def _dicom(make: Callable[..., Path], *arguments: object, **elements: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder) / "made", *arguments, **elements).read_bytes()


DICOM = _dicom(still, drawn(HEIGHT_PX, WIDTH_PX))
VIDEO = (dataset(drawn()), uid.MPEG4HP41, [bytes(64)])

# Contents of 3.png.
CONTENTS = {
    "empty": b"",
    "zeros, as a failed disk leaves them": bytes(len(PNG)),
    "text": b"export failed\n",
    "web page": b"<!doctype html><title>Log in</title>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "ZIP": b"PK\x03\x04" + bytes(30),
    "PNG cut in its signature": PNG[:5],
    "PNG cut in its header": PNG[:20],
    "PNG cut before its pixels": PNG[:37],
    "PNG cut in its pixels": PNG[: len(PNG) // 2],
    "PNG with a flipped byte": flipped(PNG),
    "PNG without pixels": png(9, 9).replace(png_chunk(b"IDAT", zlib.compress(bytes(1000))), b""),
    "JPEG cut in its header": JPEG[:100],
    "JPEG cut in its pixels": JPEG[: len(JPEG) // 2],
    "TIFF cut in its pixels": TIFF[:1000],
    "GIF cut in its pixels": GIF[: len(GIF) // 2],
    "BMP cut in its pixels": BMP[: len(BMP) // 2],
    "WebP cut in its pixels": encoded(picture(3), "WEBP")[:200],
    "PNG bomb": png(100_000, 100_000),
    "PNG bomb in a text": png(9, 9, png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000)))),
    "JPEG bomb": resized(JPEG, JPEG_SIZE, ">HH", 65_000, 65_000),
    "GIF bomb": resized(GIF, 6, "<HH", 65_000, 65_000),
    "BMP bomb": resized(BMP, 18, "<ii", 100_000, 100_000),
    "TIFF bomb": resized(resized(TIFF, TIFF_SIZES[0], "<I", 100_000), TIFF_SIZES[1], "<I", 100_000),
    "16-bit gray": sixteen_bit(1),
    "16-bit colour": sixteen_bit(3),
    "32-bit TIFF": encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"),
    "CMYK JPEG": encoded(picture(3).convert("CMYK"), "JPEG"),
    "CMYK TIFF": encoded(picture(3).convert("CMYK"), "TIFF"),
    "transparent PNG": encoded(TRANSPARENT, "PNG"),
    "PNG with one transparent level": encoded(picture(3), "PNG", transparency=7),
    "animated GIF": encoded(picture(3), "GIF", **STILLS),
    "animated PNG": encoded(picture(3), "PNG", **STILLS),
    "animated WebP": encoded(picture(3).convert("RGB"), "WEBP", **STILLS),
    "TIFF of two pages": encoded(picture(3), "TIFF", **STILLS),
    "DICOM cut after its preamble": DICOM[:140],
    "DICOM cut in its header": DICOM[:500],
    "DICOM cut in its pixels": DICOM[:-1000],
    "DICOM bomb": _dicom(still, Rows=65_000, Columns=65_000),
    "DICOM that claims more rows": _dicom(still, Rows=4000),
    "DICOM of 16 bits": _dicom(still, np.full((HEIGHT_PX, WIDTH_PX), 40_000, np.uint16)),
    "DICOM video": _dicom(save, *VIDEO),
    "DICOM clip that lost frames": _dicom(clip, drawn(frames=3), NumberOfFrames=5),
}


def put(file: str, content: str | bytes) -> Callable[[Path], object]:
    """What writes a file to a cohort's folder."""
    return lambda folder: (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())


def _instead(file: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Something else in the place of a file."""

    def change(folder: Path) -> None:
        (folder / file).unlink()
        make(folder / file)

    return change


def _link(file: str, target: str) -> Callable[[Path], object]:
    return _instead(file, lambda path: path.symlink_to(target))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may have 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _outside(folder: Path) -> str:
    """A sound image beside the cohort's folder."""
    (folder.parent / "secret.png").write_bytes(PNG)
    return "../secret.png"


def _renamed(file: str, name: str, text: str | None = None) -> Callable[[Path], object]:
    """Another name of a file, and another table."""

    def change(folder: Path) -> None:
        (folder / file).rename(folder / name)
        if text is not None:
            (folder / "list.csv").write_text(text, encoding="utf-8", newline="")

    return change


def _several(*changes: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


# What happens to the files; the table is sound unless it has to follow.
FILES: dict[str, Callable[[Path], object]] = {
    "folder": _instead("3.png", Path.mkdir),
    "pipe": _instead("3.png", _pipe),
    "socket": _instead("3.png", _socket),
    "link to nowhere": _link("3.png", "gone.png"),
    "link to itself": _link("3.png", "3.png"),
    "link out of the folder": lambda folder: _link("3.png", _outside(folder))(folder),
    "link to a device": _link("3.png", "/dev/zero"),
    "lost image": lambda folder: (folder / "3.png").unlink(),
    "orphan": put("a/4.png", PNG),
    "orphan that is no image": put("a/4.png", b"x"),
    "another letter case": _renamed("3.png", "3.PNG"),
    "another suffix": _renamed("3.png", "3.dat"),
    "name that is not UTF-8": _renamed("3.png", os.fsdecode(b"caf\xe9.png")),
    "name of two lines": _renamed("3.png", "3\n.png", changed(4, "file", '"3\n.png"')),
    "name that moves the cursor": _renamed("3.png", "\x1b[2J.png", changed(4, "file", "\x1b[2J.png")),
    "lost mask": lambda folder: (folder / "m/1.png").unlink(),
    "empty mask file": put("m/1.png", b""),
    "cut mask": put("m/1.png", PNG[:2000]),
    "mask of another size": put("m/1.png", encoded(picture(1).resize((9, 7)), "PNG")),
    "16-bit mask": put("m/1.png", sixteen_bit(1)),
    "mask out of the folder": lambda folder: _link("m/1.png", "../" + _outside(folder))(folder),
    "damaged image with a damaged mask": _several(put("a/1.png", b""), put("m/1.png", b"")),
}

_TWO_FAULTS = changed(4, "finding", "NML").replace("Ms B", "")
# Contents of the table.
TABLES: dict[str, str | bytes] = {
    "absolute path": changed(4, "file", "/etc/3.png"),
    "path from above": changed(4, "file", "../3.png"),
    "path from above in the middle": changed(4, "file", "a/../../3.png"),
    "Windows path": changed(4, "file", "C:\\images\\3.png"),
    "network path": changed(4, "file", "\\\\server\\images\\3.png"),
    "mask from above": changed(2, "mask", "m/1.png|../1.png"),
    "mask that is not there": changed(2, "mask", "m/1.png|m/2.png"),
    "file in two rows": table(ROWS | {5: ROWS[4]}),
    "file in two rows of two patients": table(ROWS | {5: ["3.png", "Ms C", "normal", "", "", "", ""]}),
    "row without a file": changed(4, "file", ""),
    "row without a patient": changed(4, "who", "  "),
    "unknown finding": changed(4, "finding", "NML"),
    "finding in another letter case": changed(4, "finding", "Normal"),
    "unknown pathology": changed(3, "histology", "B3"),
    "word of two lines": changed(4, "finding", '"nor\r\nmal"'),
    "normal tissue with a pathology": changed(4, "histology", "benign"),
    "two ages of one patient": changed(3, "age", "42"),
    "age of one row of two": changed(3, "age", ""),
    "short row": table(ROWS | {5: ["4.png", "Ms C"]}),
    "long row": table(ROWS | {5: [*ROWS[4], "x"]}),
    "two faults of one row": _TWO_FAULTS,
    "headings alone": table({}),
}

# Tables that no row can be read of.
UNREADABLE_TABLES: dict[str, str | bytes] = {
    "empty": b"",
    "blank first row": "\n" + table(),
    "title above the headings": "Export of 1 May\n" + table(),
    "Latin-1": table().replace("Ms A", "Frau Ä").encode("latin-1"),
    "UTF-16": table().encode("utf-16"),
    "UTF-16 without its mark": table().encode("utf-16-le"),
    "quotation mark left open": changed(3, "who", '"Ms A'),
    "quotation mark in the middle": changed(3, "who", '"Ms" A'),
    "zero byte": table().replace("Ms B", "Ms\0B"),
    "endless cell": changed(4, "who", "x" * 200_000),
    "heading missing": table().replace("machine", "device", 1),
    "heading twice": table().replace("age", "age,who", 1),
    "separator that is none": table(separator="|"),
    "PNG": PNG,
}


def workbook(rows: dict[int, list[str]] = ROWS) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(rows.values(), columns=HEADINGS).to_excel(buffer, index=False)
    return buffer.getvalue()


def _rebuilt(member: str, content: bytes, claimed: int | None = None) -> bytes:
    """The sound workbook with another content of one member, which may claim another size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == member else old.read(name))
            if name == member and claimed:
                new.getinfo(name).file_size = claimed
    return buffer.getvalue()


def _formulas() -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for row in [HEADINGS, *ROWS.values()]:
        book.active.append(row)
    book.active["B4"] = '=CONCATENATE("Ms ", "B")'  # openpyxl computes nothing
    book.save(buffer)
    return buffer.getvalue()


def _empty_book() -> bytes:
    buffer = io.BytesIO()
    Workbook().save(buffer)
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
WORKBOOKS: dict[str, bytes] = {
    "CSV": table().encode(),
    "old Excel, or one with a password": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "cut": workbook()[:2000],
    "another ZIP": _rebuilt("[Content_Types].xml", b"<Types/>"),
    "broken XML": _rebuilt(SHEET, b"<worksheet><sheetData>"),
    "number that is a name": _rebuilt(
        SHEET,
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        b'<c r="A1" t="n"><v>Ms A</v></c></row></sheetData></worksheet>',
    ),
    "bomb": _rebuilt(SHEET, b"x", claimed=2**31),
    "empty sheet": _empty_book(),
    "formulas that nobody computed": _formulas(),
}


def without_a_table(folder: Path) -> None:
    (folder / "list.csv").unlink()


def folder_as_table(folder: Path) -> None:
    _instead("list.csv", Path.mkdir)(folder)


def pipe_as_table(folder: Path) -> None:
    _instead("list.csv", _pipe)(folder)


def linked_table(folder: Path) -> None:
    shutil.move(folder / "list.csv", folder.parent / "list.csv")
    (folder / "list.csv").symlink_to("../list.csv")


def looped_table(folder: Path) -> None:
    _link("list.csv", "list.csv")(folder)


# What happens to a table as a file.
TABLE_FILES: dict[str, Callable[[Path], object]] = {
    "lost": without_a_table,
    "folder": folder_as_table,
    "pipe": pipe_as_table,
    "link out of the folder": linked_table,
    "link to itself": looped_table,
}
