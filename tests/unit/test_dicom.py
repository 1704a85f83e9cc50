"""DICOM pixels against the arrays they were made of, by Pillow; every damage in one exact line without a name."""

import base64
import io
import logging
import pickle
import tracemalloc
import warnings
from pathlib import Path

import dicom_files as files
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, encapsulate_extended, get_frame

from nonmass.dicom import (
    DicomError,
    header,
    is_dicom,
    n_frames,
    read_gray,
    read_picture,
    trace,
)
from nonmass.dicom_regions import region_boxes, region_text
from nonmass.errors import InputError
from nonmass.geometry import Box
from nonmass.images import read_gray as read_png
from nonmass.images import write_png

GRAY = files.drawn()
COLOUR = files.drawn(samples=3)
SMOOTH = np.asarray(Image.fromarray(files.drawn(6, 8, samples=3)).resize((64, 48), Image.Resampling.BICUBIC))
RLE, J2K, J2K_LOSSY = uid.RLELossless, uid.JPEG2000Lossless, uid.JPEG2000
JPEG, LOSSLESS, LOSSLESS_1 = uid.JPEGBaseline8Bit, uid.JPEGLossless, uid.JPEGLosslessSV1
NATIVE = [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]
# What is drawn in the three codestreams below, which CharLS and OpenJPH (imagecodecs 2026.3.6) encoded.
Y, X = np.mgrid[:12, :16]
PATTERN = (X * Y + 3 * X + 40 * ((X // 4 + Y // 3) % 2)).astype(np.uint8)
JPEG_LS = base64.b64decode(
    "/9j/6AAgU1BJRkYAAgAAAQAAAAwAAAAQCggGAQAAASwAAAEs/+gACAAAAAH/2P/3AAsIAAwAEAEBEQD/2gAIAQEAAAAAlXgAACr6AAA052AFxjGZ"
    "GIRnxGIBExKZGZHiYh2xAAAAU8RQgAAPpQAAAV9HKIa0lF2QbjILIhpkXGUMECOHzFBAAAAU7SgAAAsIYgMAAPVEzmBoczE7hYpQIcjioURsi7OM"
    "M7igQIccS+JGKMZ+mrzZmqwuUgyDWmUiMTIYwP/Z"
)
JPEG_LS_COLOUR = base64.b64decode(
    "/9j/6AAgU1BJRkYAAgAAAwAAAAwAAAAQCggGAQAAASwAAAEs/+gACAAAAAH/2P/3ABEIAAwAEAMBEQACEQADEQD/2gAMAwEAAgADAAACAEAAACnx"
    "YD2UXji8AAACiwLXdtVvE2dBwDYXivyCvIK8D44DkV9RX1Ffkk1iXNkI7ErJc9XWErJcTMBAc7enErUq0tpkXJ7eW+stLTRFDUlpc1QAAAFPAAAB"
    "Tg8JVIvCZQAAOAAACykuBpGVBqAAACvgAAArx9mm8ic/Ej2locDSiHR9y36zaLQ2ZjdiyLIWr8siybaUJLSeW/WG0I+GjAmXBNzNQ9buI+zwJuAG"
    "ggHVhLk3M+NTzvu8cmO1hyqSqaNeP1zHlOiK6bVNWpzSE7byeF13d53wJFGPKbRNCN0EkFq7WT6c3k//Xk0KiCGubRNHbAQBMECCQgkcmPTZ2pUu"
    "s8OVphZiykhSaJ6LHGWU+SG3ba0sqlZGD1LNcTX7JkJs6sghght2+7lrplNq9nG1e22JkZVA/9k="
)
HTJ2K = base64.b64decode(
    "/0//UQApQAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAABBwEB/1AACAACAAAAAv9SAAwAAgABAAUEBEAB/1wAEyBIUFBQUFBQUFBQ"
    "UFBQSEhI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAOMAAf+TwCWRAQd0AADAEsASwBKAgAEHdADWAId0AIIBB3QAwBPAE0ATAGgo"
    "QwAjlADu/AABdACX8gEBdADAFfAFfAFoAIGqvAmsUVdv/An3cgC2AL3BE3uQlF9ByC+/2TGWACuGbbwIaUMy8QCvcyRRtwDALfgF1EAtgKcbfjqh"
    "+87pHYMdcnEHU/wGZZpmPmWaZDshdkjtXwAm7JHDfkzYI4f9mLDQGVHhHCh11tH+AAA58wAA5h58/n8yTHEkx1IB5hhzjDnGABb4AAXxwAvgABfj"
    "AB0kd9IB/9k="
)


def luma(colours):
    return np.asarray(Image.fromarray(colours).convert("L"))


def expect_line(path, line, **options):
    with pytest.raises(InputError) as caught:
        read_gray(path, name="~1f", **options)
    assert str(caught.value) == f"~1f: {line}"


def chroma(colours):
    """How far from gray, by Pillow's conversion."""
    planes = np.asarray(Image.fromarray(colours).convert("YCbCr"), int)[..., 1:]
    return np.abs(planes - 128).max(axis=2)


# Photometric interpretations


def in_ybr(path):
    return files.still(path, np.array(Image.fromarray(SMOOTH).convert("YCbCr")), "YBR_FULL")


def in_palette(path):
    return files.still(path, GRAY, "PALETTE COLOR", **palette(8, COLOURS))


def in_jpeg(path):
    return files.save(path, files.dataset(SMOOTH, "YBR_FULL_422"), JPEG, [files.jpeg(Image.fromarray(SMOOTH))])


@pytest.mark.parametrize(
    ("written", "expected", "tolerance"),
    [
        (lambda path: files.still(path, COLOUR, "RGB"), lambda: chroma(COLOUR), 0),
        (in_ybr, lambda: chroma(SMOOTH), 0),
        (in_palette, lambda: chroma(COLOURS[GRAY]), 0),
        (in_jpeg, lambda: chroma(SMOOTH), 40),
        (lambda path: files.still(path, GRAY, "MONOCHROME1"), lambda: np.zeros(GRAY.shape), 0),
    ],
)
def test_a_picture_has_the_gray_of_read_gray_and_the_chroma_of_its_colours(tmp_path, written, expected, tolerance):
    path = written(tmp_path / "a")
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.gray, read_gray(path))
    off = np.abs(picture.chroma.astype(int) - expected())
    assert off.max() <= tolerance and off.mean() <= tolerance / 8


@pytest.mark.parametrize("written", [lambda path: files.still(path, COLOUR, "RGB"), in_ybr, in_palette])
def test_a_picture_without_loss_is_looked_at_as_its_jpeg(tmp_path, written):
    picture = read_picture(written(tmp_path / "a"))
    assert picture.exported.gray.shape == picture.gray.shape
    assert np.abs(picture.exported.gray.astype(int) - picture.gray).max() > 0
    assert picture.exported.chroma.any()


def test_gray_dicom_and_its_jpeg_are_looked_at_alike(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.jpg", quality=85)
    raw = read_picture(files.still(tmp_path / "a", GRAY, "MONOCHROME2"))
    np.testing.assert_array_equal(raw.exported.gray, read_png(tmp_path / "a.jpg"))


def test_a_jpeg_in_dicom_is_looked_at_as_it_is(tmp_path):
    picture = read_picture(in_jpeg(tmp_path / "a"))
    assert picture.exported is picture


def test_regions_come_back_from_their_text():
    boxes = (Box(0, 1, 20, 30), Box(4, 5, 6, 7))
    assert region_boxes(region_text(boxes)) == boxes
    assert region_boxes("") == ()


@pytest.mark.parametrize("syntax", NATIVE)
def test_gray_is_what_is_stored(tmp_path, syntax):
    path = files.save(tmp_path / "a", files.dataset(GRAY), syntax)
    np.testing.assert_array_equal(read_gray(path), GRAY)
    assert n_frames(path) == 1


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_becomes_the_luma_of_a_png(tmp_path, syntax, planar):
    stored = np.ascontiguousarray(COLOUR.transpose(2, 0, 1)) if planar else COLOUR
    made = files.dataset(COLOUR, "RGB", PlanarConfiguration=planar)
    made.PixelData = stored.tobytes()
    write_png(tmp_path / "a.png", COLOUR)
    gray = read_gray(files.save(tmp_path / "a", made, syntax))
    np.testing.assert_array_equal(gray, read_png(tmp_path / "a.png"))
    np.testing.assert_array_equal(gray, luma(COLOUR))


def test_an_odd_number_of_bytes_in_big_endian_words(tmp_path):
    pixels = files.drawn(5, 7, frames=3)
    made = files.dataset(pixels, frames=3)
    made.PixelData = np.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()
    made["PixelData"].VR = "OW"
    path = files.save(tmp_path / "a", made, uid.ExplicitVRBigEndian)
    for frame in range(3):
        np.testing.assert_array_equal(read_gray(path, frame), pixels[frame])


def test_monochrome1_is_inverted(tmp_path):
    np.testing.assert_array_equal(read_gray(files.still(tmp_path / "a", GRAY, "MONOCHROME1")), 255 - GRAY)


def test_luma_and_chroma_give_luma(tmp_path):
    stored = np.array(Image.fromarray(COLOUR).convert("YCbCr"))
    gray = read_gray(files.still(tmp_path / "a", stored, "YBR_FULL"))
    np.testing.assert_array_equal(gray, stored[..., 0])
    assert np.abs(gray.astype(int) - luma(COLOUR)).max() <= 1


def test_halved_chroma(tmp_path):
    pairs = files.drawn(40, 24, samples=4)  # of two pixels: Y, Y, Cb, Cr (PS3.3 C.7.6.3.1.2)
    made = files.dataset(np.zeros((40, 48, 3), np.uint8), "YBR_FULL_422")
    made.PixelData = pairs.tobytes()
    np.testing.assert_array_equal(read_gray(files.save(tmp_path / "a", made)), pairs[..., :2].reshape(40, 48))


def palette(depth, colours, first=0):
    """Elements of a palette; `colours` is `(n, 3)`, as stored."""
    elements = {}
    for number, colour in enumerate(("Red", "Green", "Blue")):
        entries = colours[:, number]
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [len(colours) % 65536, first, depth]
        elements[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    return elements


COLOURS = files.drawn(256, 3, seed=9)


@pytest.mark.parametrize(
    ("depth", "stored"),
    [(8, COLOURS), (16, COLOURS.astype("<u2") * 257), (16, COLOURS.astype("<u2") << 8), (16, COLOURS.astype("<u2"))],
)
def test_palettes_of_all_depths(tmp_path, depth, stored):
    path = files.still(tmp_path / "a", GRAY, "PALETTE COLOR", **palette(depth, stored))
    np.testing.assert_array_equal(read_gray(path), luma(COLOURS[GRAY]))


def test_a_palette_that_begins_late_and_ends_early(tmp_path):
    path = files.still(tmp_path / "a", GRAY, "PALETTE COLOR", **palette(8, COLOURS[:100], first=50))
    np.testing.assert_array_equal(read_gray(path), luma(COLOURS[np.clip(GRAY.astype(int) - 50, 0, 99)]))


def test_a_segmented_palette(tmp_path):
    elements = palette(16, COLOURS.astype("<u2"))
    for colour in ("Red", "Green", "Blue"):
        del elements[f"{colour}PaletteColorLookupTableData"]
        # One value, and 255 on a straight line (PS3.3 C.7.9.2): a gray ramp.
        ramp = np.array([0, 1, 0, 1, 255, 65535], "<u2").tobytes()
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = ramp
    gray = read_gray(files.still(tmp_path / "a", GRAY, "PALETTE COLOR", **elements))
    np.testing.assert_array_equal(gray, GRAY)


def test_a_palette_in_a_compressed_file(tmp_path):
    made = files.dataset(GRAY, "PALETTE COLOR", **palette(8, COLOURS))
    path = files.save(tmp_path / "a", made, RLE, [files.compressed(GRAY, RLE)])
    np.testing.assert_array_equal(read_gray(path), luma(COLOURS[GRAY]))


# Transfer syntaxes


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (RLE, files.compressed(GRAY, RLE)),
        (J2K, files.compressed(GRAY, J2K)),
        (J2K_LOSSY, files.compressed(GRAY, J2K)),
        (LOSSLESS, files.lossless_jpeg(GRAY)),
        (LOSSLESS_1, files.lossless_jpeg(GRAY)),
        (uid.JPEGLSLossless, JPEG_LS),
        (uid.JPEGLSNearLossless, JPEG_LS),
        (uid.HTJ2KLossless, HTJ2K),
        (uid.HTJ2K, HTJ2K),
    ],
)
def test_lossless_gray_is_exact(tmp_path, syntax, stream):
    expected = PATTERN if stream in (JPEG_LS, HTJ2K) else GRAY
    path = files.save(tmp_path / "a", files.dataset(expected), syntax, [stream])
    np.testing.assert_array_equal(read_gray(path), expected)


@pytest.mark.parametrize(
    ("syntax", "photometric", "options"),
    [
        (RLE, "RGB", {}),
        (J2K, "RGB", {"use_mct": False}),
        (J2K, "YBR_RCT", {"use_mct": True}),
    ],
)
def test_lossless_colour_is_exact(tmp_path, syntax, photometric, options):
    stream = files.compressed(COLOUR, syntax, photometric, **options)
    path = files.save(tmp_path / "a", files.dataset(COLOUR, photometric), syntax, [stream])
    np.testing.assert_array_equal(read_gray(path), luma(COLOUR))


def test_jpeg_ls_colour_is_exact(tmp_path):
    colours = np.dstack([PATTERN, PATTERN[::-1], 255 - PATTERN])
    path = files.save(tmp_path / "a", files.dataset(colours, "RGB"), uid.JPEGLSLossless, [JPEG_LS_COLOUR])
    np.testing.assert_array_equal(read_gray(path), luma(colours))


def test_lossy_jpeg_2000_is_close(tmp_path):
    stream = files.compressed(SMOOTH, J2K_LOSSY, "YBR_ICT", use_mct=True, j2k_cr=[4])
    path = files.save(tmp_path / "a", files.dataset(SMOOTH, "YBR_ICT"), J2K_LOSSY, [stream])
    assert np.abs(read_gray(path).astype(int) - luma(SMOOTH)).mean() < 3


@pytest.mark.parametrize(
    ("photometric", "stream"),
    [
        ("YBR_FULL_422", files.jpeg(Image.fromarray(SMOOTH))),
        ("YBR_FULL", files.jpeg(Image.fromarray(SMOOTH), subsampling=0)),
        ("RGB", files.jpeg(Image.fromarray(SMOOTH))),  # which its JFIF marker belies
        ("RGB", files.jpeg(Image.fromarray(SMOOTH), keep_rgb=True)),
        ("YBR_FULL_422", files.without_markers(files.jpeg(Image.fromarray(SMOOTH)))),
        ("RGB", files.without_markers(files.jpeg(Image.merge("YCbCr", Image.fromarray(SMOOTH).split()), 95))),
    ],
)
def test_a_colour_jpeg_is_read_by_what_its_samples_mean(tmp_path, photometric, stream):
    path = files.save(tmp_path / "a", files.dataset(SMOOTH, photometric), JPEG, [stream])
    assert np.abs(read_gray(path).astype(int) - luma(SMOOTH)).mean() < 3


@pytest.mark.parametrize(("photometric", "transform"), [("RGB", 1), ("YBR_FULL", 0)])
def test_a_marker_in_the_stream_outweighs_the_header(tmp_path, photometric, transform):
    picture = Image.fromarray(SMOOTH)
    stream = files.jpeg(picture) if transform else files.jpeg(Image.merge("YCbCr", picture.split()))
    marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    stream = stream[:2] + marker + files.without_markers(stream)[2:]
    path = files.save(tmp_path / "a", files.dataset(SMOOTH, photometric), JPEG, [stream])
    assert np.abs(read_gray(path).astype(int) - luma(SMOOTH)).mean() < 3


@pytest.mark.parametrize(("photometric", "inverted"), [("MONOCHROME2", False), ("MONOCHROME1", True)])
@pytest.mark.parametrize("syntax", [JPEG, uid.JPEGExtended12Bit])
def test_a_gray_jpeg_is_what_pillow_reads(tmp_path, photometric, inverted, syntax):
    stream = files.jpeg(Image.fromarray(luma(SMOOTH)))
    path = files.save(tmp_path / "a", files.dataset(luma(SMOOTH), photometric), syntax, [stream])
    (tmp_path / "a.jpg").write_bytes(stream)
    expected = read_png(tmp_path / "a.jpg").astype(int)
    assert np.abs(read_gray(path) - (255 - expected if inverted else expected)).max() <= 1  # another inverse DCT


@pytest.mark.parametrize(
    ("file", "reference"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", None),
        ("SC_rgb_rle.dcm", None),
        ("SC_rgb_gdcm_KY.dcm", None),
        ("SC_rgb_dcmtk_+eb+cr.dcm", None),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", None),
        ("SC_rgb_dcmtk_+eb+cy+s4.dcm", None),
        ("SC_rgb_jpeg_lossy_gdcm.dcm", None),
        ("SC_ybr_full_422_uncompressed.dcm", None),
        ("SC_rgb_jls_lossy_sample.dcm", None),
    ],
)
def test_files_of_other_encoders_show_the_same_picture(file, reference):
    gray = read_gray(Path(get_testdata_file(file, download=False)))
    lossless = read_gray(Path(get_testdata_file("SC_rgb_rle.dcm", download=False)))
    assert np.abs(gray.astype(int) - lossless).max() <= 4 and np.ptp(lossless) == 255


# Clips


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, RLE, J2K])
def test_each_frame_is_its_own_picture(tmp_path, syntax, samples):
    pixels, photometric = files.drawn(frames=3, samples=samples), "RGB" if samples == 3 else "MONOCHROME2"
    streams = [files.compressed(frame, syntax, photometric) for frame in pixels] if syntax in (RLE, J2K) else []
    path = files.save(tmp_path / "a", files.dataset(pixels, photometric, frames=3), syntax, streams)
    assert n_frames(path) == 3
    for number, frame in enumerate(pixels):
        np.testing.assert_array_equal(read_gray(path, number), luma(frame) if samples == 3 else frame)


@pytest.mark.parametrize("has_table", [True, False])
def test_frames_in_several_pieces(tmp_path, has_table):
    pixels = files.drawn(frames=3)
    made = files.dataset(pixels, frames=3)
    path = files.save(tmp_path / "a", made, J2K, [files.compressed(frame, J2K) for frame in pixels])
    made.PixelData = encapsulate([files.compressed(frame, J2K) for frame in pixels], 2, has_bot=has_table)
    made["PixelData"].is_undefined_length = True
    files.save(path, made, J2K)
    np.testing.assert_array_equal(read_gray(path, 2), pixels[2])


def test_an_extended_offset_table(tmp_path):
    pixels = files.drawn(frames=3)
    made = files.dataset(pixels, frames=3)
    encapsulated = encapsulate_extended([files.compressed(frame, RLE) for frame in pixels])
    made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulated
    made["PixelData"].is_undefined_length = True
    np.testing.assert_array_equal(read_gray(files.save(tmp_path / "a", made, RLE), 1), pixels[1])


def test_a_clip_takes_the_memory_of_one_frame(tmp_path):
    pixels = files.drawn(256, 256, frames=64)
    path = files.clip(tmp_path / "a", pixels)
    read_gray(path)
    tracemalloc.start()
    np.testing.assert_array_equal(read_gray(path, 63), pixels[63])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * pixels[0].nbytes < pixels.nbytes / 4


def test_the_clip_of_a_real_machine():
    path = Path(get_testdata_file("examples_ybr_color.dcm", download=False))
    with dcmread(path) as original:
        stream = get_frame(original.PixelData, 29, number_of_frames=30)
    with Image.open(io.BytesIO(stream)) as image:
        image.draft("YCbCr", image.size)
        np.testing.assert_array_equal(read_gray(path, 29), np.asarray(image)[..., 0])
    head = header(path)
    assert (head.device, head.n_frames, head.width_px, head.height_px) == ("SonoSite, Inc. Turbo", 30, 320, 240)
    assert region_text(head.regions) == "84,31,320,240"  # the file says y = 413, of 240 rows


def test_real_palette_and_its_regions():
    path = Path(get_testdata_file("examples_palette.dcm", download=False))
    original = dcmread(path)
    tables = [np.frombuffer(original[f"{c}PaletteColorLookupTableData"].value, "<u2") for c in ("Red", "Green", "Blue")]
    colours = (np.stack(tables, axis=-1) >> 8).astype(np.uint8)
    indices = np.frombuffer(original.PixelData, np.uint8).reshape(350, 800)
    np.testing.assert_array_equal(read_gray(path), luma(colours[indices]))
    assert region_text(header(path).regions) == "120,60,800,350"


# More than 8 bits


def test_sixteen_bits_that_hold_eight(tmp_path):
    np.testing.assert_array_equal(read_gray(files.still(tmp_path / "a", GRAY.astype("<u2"))), GRAY)
    wide = files.still(tmp_path / "b", GRAY.astype("<u2") | 0xF00, BitsStored=8, HighBit=7)  # 12 unused bits are set
    np.testing.assert_array_equal(read_gray(wide), GRAY)


def test_sixteen_bits_that_hold_more_are_refused(tmp_path):
    path = files.still(tmp_path / "a", GRAY.astype("<u2") * 16, BitsStored=12, HighBit=11)
    expect_line(path, f"image is not 8-bit (values up to {16 * int(GRAY.max())}); export 8-bit gray or RGB")


def test_inverted_sixteen_bits_count_from_their_own_white(tmp_path):
    path = files.still(tmp_path / "a", GRAY.astype("<u2"), "MONOCHROME1")
    expect_line(path, f"image is not 8-bit (values up to {65535 - int(GRAY.min())}); export 8-bit gray or RGB")
    pixels = 65535 - GRAY.astype("<u2")
    np.testing.assert_array_equal(read_gray(files.still(path, pixels, "MONOCHROME1")), GRAY)


# Damage


NO_IMAGE = "DICOM file without an image; take it out, or export it again if it should hold one"
CUT_OFF = "pixel data are cut off; copy the file again, or export it again"
DAMAGED = "DICOM file is damaged; export it again"
CONTRADICTORY = "image attributes contradict each other; export it again"
TO_8_BIT = "export 8-bit gray or RGB"
CONVERT = "convert it to Explicit VR Little Endian, or export it again"


@pytest.mark.parametrize(
    ("elements", "line"),
    [
        ({"BitsStored": 7, "HighBit": 6}, f"image is not 8-bit (7 of 8 bits); {TO_8_BIT}"),
        ({"HighBit": 6}, f"image is not 8-bit (8 of 8 bits); {TO_8_BIT}"),
        ({"BitsAllocated": 32, "BitsStored": 32}, f"image is not 8-bit (32 of 32 bits); {TO_8_BIT}"),
        ({"PixelRepresentation": 1}, f"image is not 8-bit (signed numbers); {TO_8_BIT}"),
        ({"Rows": None, "BitsStored": None}, "image attributes are missing (Rows, BitsStored); export it again"),
        ({"Rows": 0}, CONTRADICTORY),
        ({"SamplesPerPixel": 3}, "image attributes are missing (PlanarConfiguration); export it again"),
        ({"SamplesPerPixel": 3, "PlanarConfiguration": 0}, CONTRADICTORY),
        ({"PhotometricInterpretation": "HSV"}, f"colours are of a kind that is not read here; {TO_8_BIT}"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, DAMAGED),
        ({"Rows": 41}, CUT_OFF),
        ({"NumberOfFrames": 2}, CUT_OFF),
        ({"NumberOfFrames": 2_000_000_000}, CUT_OFF),
        ({"NumberOfFrames": -1}, CUT_OFF),
        ({"Rows": 9000, "Columns": 9000}, "image has more than 64000000 pixels (9000 x 9000); export a smaller one"),
        ({"PixelData": None}, NO_IMAGE),
    ],
)
def test_what_the_header_gets_wrong(tmp_path, elements, line):
    made = files.dataset(GRAY)
    for keyword, value in elements.items():
        if value is None:
            del made[keyword]
        else:
            setattr(made, keyword, value)
    expect_line(files.save(tmp_path / "a", made), line)


@pytest.mark.parametrize(
    ("syntax", "line"),
    [
        (uid.MPEG4HP41, "DICOM file holds a video (MPEG-4 AVC/H.264 High Profile / Level 4.1); export still pictures"),
        (
            uid.DeflatedExplicitVRLittleEndian,
            "transfer syntax of the DICOM file is not read here (Deflated Explicit VR Little Endian); " + CONVERT,
        ),
        ("1.2.826.0.1.19370213", "transfer syntax of the DICOM file is not read here (unknown); " + CONVERT),
    ],
)
def test_transfer_syntaxes_that_are_not_read(tmp_path, syntax, line):
    path = files.still(tmp_path / "a")
    content = path.read_bytes()
    made = files.dataset(GRAY)
    if uid.UID(syntax).is_private or syntax == uid.DeflatedExplicitVRLittleEndian:
        old = uid.ExplicitVRLittleEndian.encode() + b"\0"
        path.write_bytes(content.replace(b"UI" + len(old).to_bytes(2, "little") + old, _element(syntax), 1))
    else:
        files.save(path, made, syntax, [b"\0\0\1\xb3"])
    expect_line(path, line)


def _element(syntax):
    text = syntax.encode() + b"\0" * (len(syntax) % 2)
    return b"UI" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize("n_bytes", [0, 100, 140])
def test_files_that_are_not_dicom(tmp_path, n_bytes):
    (tmp_path / "a").write_bytes(files.still(tmp_path / "b").read_bytes()[:n_bytes])
    is_cut = n_bytes > 132
    assert is_dicom(tmp_path / "a") == is_cut
    line = "transfer syntax of the DICOM file is not read here (unknown); " + CONVERT
    expect_line(tmp_path / "a", line if is_cut else "not a DICOM file; export it again")
    assert not is_dicom(tmp_path / "none") and not is_dicom(tmp_path)
    expect_line(tmp_path / "none", "image not found; put it back")


STREAMS = {
    "": GRAY,
    RLE: files.compressed(GRAY, RLE),
    J2K: files.compressed(GRAY, J2K),
    JPEG: files.jpeg(Image.fromarray(GRAY)),
    LOSSLESS_1: files.lossless_jpeg(GRAY),
    uid.JPEGLSLossless: JPEG_LS,
}


@pytest.mark.parametrize("syntax", STREAMS)
@pytest.mark.parametrize("n_lost", [20, 100])
def test_truncated_files(tmp_path, syntax, n_lost):
    pixels = PATTERN if syntax == uid.JPEGLSLossless else GRAY
    streams = [STREAMS[syntax]] if syntax else []
    path = files.save(tmp_path / "a", files.dataset(pixels), syntax or uid.ExplicitVRLittleEndian, streams)
    path.write_bytes(path.read_bytes()[:-n_lost])
    expect_line(path, DAMAGED if syntax == RLE else CUT_OFF)


def test_a_clip_with_fewer_frames_than_it_says(tmp_path):
    pixels = files.drawn(frames=3)
    streams = [files.compressed(frame, RLE) for frame in pixels]
    path = files.save(tmp_path / "a", files.dataset(pixels, frames=5), RLE, streams)
    expect_line(path, DAMAGED, frame=4)
    path = files.clip(tmp_path / "b", pixels)
    expect_line(path, "no such frame (3 of 3); frames count from 0", frame=3)
    expect_line(path, "no such frame (-1 of 3); frames count from 0", frame=-1)


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (JPEG, files.jpeg(Image.new("L", (5000, 4000)))),
        (J2K, files.compressed(np.zeros((400, 500), np.uint8), J2K)),
        (LOSSLESS, files.lossless_jpeg(np.zeros((40, 49), np.uint8))),
    ],
)
def test_a_codestream_larger_than_its_header_says_is_not_decoded(tmp_path, syntax, stream):
    path = files.save(tmp_path / "a", files.dataset(GRAY), syntax, [stream])
    expect_line(path, CONTRADICTORY)


def test_chroma_where_it_cannot_be(tmp_path):
    expect_line(files.still(tmp_path / "a", COLOUR, "YBR_ICT"), CONTRADICTORY)


@pytest.mark.parametrize("syntax", [RLE, J2K, JPEG, LOSSLESS])
def test_pixels_that_are_no_codestream(tmp_path, syntax):
    noise = bytes(files.drawn(1, 200)[0]) + b"\xff\xd9"
    expect_line(files.save(tmp_path / "a", files.dataset(GRAY), syntax, [noise]), DAMAGED)


def test_a_value_representation_other_than_the_syntax_says(tmp_path):
    path = files.save(tmp_path / "a", files.dataset(GRAY), uid.ImplicitVRLittleEndian)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"UI\x12\0" + b"1.2.840.10008.1.2\0", _element(uid.ExplicitVRLittleEndian), 1))
    np.testing.assert_array_equal(read_gray(path), GRAY)


# Regions


def test_only_regions_of_tissue_inside_the_image_count(tmp_path):
    items = [
        files.region((10, 5, 19, 24)),
        files.region((25, 5, 34, 24), data_type=2),  # colour flow lies over tissue
        files.region((25, 5, 34, 24)),
        files.region((0, 0, 9, 9), spatial_format=2),  # M-mode
        files.region((0, 0, 9, 9), spatial_format=3, data_type=3),  # spectral
        files.region((0, 0, 9, 9), spatial_format=4),
        files.region((0, 0, 9, 9), spatial_format=5),
        files.region((0, 0, 9, 9), data_type=13),  # gray bar
        files.region((0, 0, 9, 9), data_type=14),  # colour bar
        files.region((30, 30, 400, 300)),  # leaves the image of 48 x 40
        files.region((48, 0, 60, 9)),  # lies beside it
        files.region((20, 20, 10, 10)),  # is empty
    ]
    del items[2].RegionDataType
    broken = files.region((1, 1, 2, 2))
    del broken.RegionLocationMaxX1
    path = files.still(tmp_path / "a", **files.with_regions(*items, broken))
    assert header(path).regions == (Box(10, 5, 20, 25), Box(25, 5, 35, 25), Box(30, 30, 48, 40))
    assert region_text(header(path).regions) == "10,5,20,25|25,5,35,25|30,30,48,40"


@pytest.mark.parametrize(("spatial_format", "data_type", "shown"), [
    (1, 1, ""), (1, 2, ""),  # an image, with colour flow
    (2, 1, "m-mode"), (2, 2, "m-mode"),
    (3, 3, "spectral"), (3, 4, "spectral"), (0, 3, "spectral"), (3, 7, "spectral"),
    (4, 10, ""), (5, 13, ""), (0, 14, ""),  # an ECG, bars
])  # fmt: skip
def test_a_region_over_time_beside_the_image_is_told(tmp_path, spatial_format, data_type, shown):
    beside = files.region((0, 20, 40, 39), spatial_format, data_type)
    path = files.still(tmp_path / "a", **files.with_regions(files.region((10, 5, 19, 19)), beside))
    assert trace(path) == header(path).trace == shown
    assert Box(10, 5, 20, 20) in header(path).regions


def test_a_region_over_time_that_is_not_on_the_image_counts_for_nothing(tmp_path):
    path = files.still(tmp_path / "a", **files.with_regions(files.region((60, 0, 70, 9), 2)))
    assert trace(path) == ""


def test_no_regions(tmp_path):
    assert region_text(header(files.still(tmp_path / "a")).regions) == trace(tmp_path / "a") == ""
    assert header(files.still(tmp_path / "b", **files.with_regions())).regions == ()


# Identities


def test_a_header_holds_what_is_needed_and_shows_no_id(tmp_path):
    path = files.still(
        tmp_path / "a",
        PatientID=" 00\\42 ",
        AccessionNumber="",
        Manufacturer="Tone\r\nwave ",
        ManufacturerModelName=None,
    )
    head = header(path)
    assert dict(head.ids) == {
        "PatientID": "00\\42",
        "AccessionNumber": "",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.2",
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    }
    assert (head.modality, head.device) == ("US", "Tone wave")
    assert not any(text in repr(head) for text in (*files.SECRETS.values(), files.PRIVATE, "42", "1.2.826"))


def test_other_modalities_are_refused_before_anything_else(tmp_path):
    path = files.still(tmp_path / "a", GRAY.astype("<u2") * 16, Modality="MG", BitsStored=12)
    with pytest.raises(DicomError, match=r"^~1f: file of another modality \(MG\); take it out$"):
        header(path, "~1f", modality="US")
    with pytest.raises(DicomError, match=r"^~1f: file of another modality; take it out$"):
        header(files.still(path, Modality="QUARXELBA"), "~1f", modality="US")


def test_pydicom_is_kept_quiet_and_left_as_it_was(tmp_path, capfd, caplog):
    path = files.still(tmp_path / "Quarxelba")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"P001", b"\x1b\xff\xfe1").replace(b"T 5 ", b"T\xff\xfe\xfd"))
    expected_filters, level = list(warnings.filters), logging.getLogger("pydicom").level
    header(path)
    cut = tmp_path / "cut"
    cut.write_bytes(content[:-20])
    broken = files.save(tmp_path / "broken", files.dataset(GRAY), J2K, [STREAMS[J2K][:-200] + b"\xff\xd9"])
    for damaged in (cut, broken):
        with pytest.raises(DicomError):
            read_gray(damaged)
    assert list(warnings.filters) == expected_filters and logging.getLogger("pydicom").level == level
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_no_value_of_a_broken_element_enters_a_message(tmp_path):
    path = files.still(tmp_path / "a")
    content = path.read_bytes()
    for old, new in ((b"US\x02\0\x28\0", b"US\x02\0"), (b"MONOCHROME2 ", b"QUARXELBA   "), (b"IS", b"ZZ")):
        path.write_bytes(content.replace(old, new, 1))
        try:
            read_gray(path, name="~1f")
        except InputError as error:
            assert "QUARXELBA" not in str(error) and str(tmp_path) not in str(error) and "\n" not in str(error)


def test_an_error_survives_the_way_between_processes():
    error = DicomError("image is not 8-bit", "export it again", "7 of 8 bits", "~1f")
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error) == "~1f: image is not 8-bit (7 of 8 bits); export it again"
    assert (back.problem, back.remedy, back.value, back.name) == (*error.args,)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_gives_a_picture_or_one_line(tmp_path, seed):
    rng = np.random.default_rng(seed)
    syntax = list(STREAMS)[seed % len(STREAMS)]
    pixels = PATTERN if syntax == uid.JPEGLSLossless else GRAY
    made = files.dataset(pixels, **files.with_regions(files.region((1, 1, 9, 9))))
    path = files.save(tmp_path / "a", made, syntax or uid.ExplicitVRLittleEndian, [STREAMS[syntax]] if syntax else [])
    content = bytearray(path.read_bytes())
    for place in rng.integers(132, len(content), 3):
        content[place] = rng.integers(256)
    path.write_bytes(content)
    try:
        assert read_gray(path, name="~1f").dtype == np.uint8 and header(path, "~1f").n_frames > 0
    except InputError as error:
        assert str(error).startswith("~1f: ") and "\n" not in str(error)
        assert not any(text in str(error) for text in files.SECRETS.values())
