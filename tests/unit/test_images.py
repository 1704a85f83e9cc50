import io
import os

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nonmass.errors import InputError
from nonmass.images import FORMATS, SUFFIXES, doubled, read_gray, read_picture, write_png

GRAY = np.random.default_rng(3).integers(0, 256, (40, 60), dtype=np.uint8)


def test_suffixes_are_those_that_pillow_knows_for_the_formats():
    known = Image.registered_extensions()
    assert {suffix for suffix, name in known.items() if name in FORMATS} == SUFFIXES


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_gray_is_the_same_however_it_is_stored(tmp_path, mode, suffix):
    Image.fromarray(GRAY).convert(mode).save(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read_gray(tmp_path / f"a{suffix}"), GRAY)


def test_one_bit_images_are_black_and_white(tmp_path):
    Image.fromarray(GRAY > 127).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_gray(tmp_path / "a.png"), 255 * (GRAY > 127))


def test_a_colour_jpeg_gives_the_luma_that_pillow_gives(tmp_path):
    colour = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    Image.fromarray(colour).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        luma = np.array(image.convert("L"), int)
    assert np.abs(read_gray(tmp_path / "a.jpg") - luma).mean() < 2


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


PICTURE = Image.fromarray(GRAY)
PNG, JPEG = encoded(PICTURE, format="PNG"), encoded(PICTURE, format="JPEG")
WIDE = Image.fromarray(GRAY.astype(np.uint16) * 256)
FRAMES = encoded(PICTURE, format="GIF", save_all=True, append_images=[Image.fromarray(255 - GRAY)])
BROKEN = bytearray(PNG)
BROKEN[len(PNG) // 2] ^= 0xFF


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"not an image at all", "not a readable image"),
        (PNG[: len(PNG) // 2], "truncated or corrupt"),
        (JPEG[: len(JPEG) // 2], "truncated or corrupt"),
        (bytes(BROKEN), "truncated or corrupt"),
        (encoded(WIDE, format="PNG"), "more than 8 bits"),
        (encoded(WIDE, format="TIFF"), "more than 8 bits"),
        (encoded(Image.fromarray(GRAY.astype(np.float32)), format="TIFF"), "more than 8 bits"),
        (encoded(PICTURE.convert("CMYK"), format="JPEG"), "CMYK"),
        (encoded(Image.merge("LA", (PICTURE, PICTURE)), format="PNG"), "transparent"),
        (encoded(PICTURE, format="PNG", transparency=int(GRAY[0, 0])), "transparent"),
        (FRAMES, "2 frames"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "screen.img"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_gray(path)
    assert str(path) in str(caught.value)


def test_sixteen_bit_colour_is_refused_and_not_cut(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), 40000, np.uint16))
    with pytest.raises(InputError, match="more than 8 bits"):
        read_gray(tmp_path / "a.png")


def test_what_is_no_file_is_refused_without_opening_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # who opens it waits for ever
    (tmp_path / "away.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "folder.png").mkdir()
    for name, message in (
        ("none.png", "image not found"),
        ("pipe.png", "is a pipe, socket or device"),
        ("away.png", "is a link that leads nowhere"),
        ("loop.png", "is a link that leads nowhere"),
        ("folder.png", "is a folder"),
    ):
        with pytest.raises(InputError, match=f"{name}: {message}"):
            read_gray(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"no image", PNG[: len(PNG) // 2], FRAMES])
def test_a_message_calls_the_file_as_it_is_told_to(tmp_path, content):
    path = tmp_path / "Jane Roe.png"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_gray(path, name="~1")
    assert str(caught.value).startswith("~1: ") and "Roe" not in str(caught.value)


def test_an_error_of_the_system_does_not_quote_the_path(tmp_path, monkeypatch):
    path = tmp_path / "Jane O'Roe.png"  # which the system's message quotes in another way
    path.write_bytes(PNG)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(InputError, match=r"^~1: image is truncated or corrupt \(Permission denied\)") as caught:
        read_gray(path, name="~1")
    assert "Roe" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", np.zeros((300, 300), np.uint8))
    with pytest.raises(InputError, match="more than 80000 pixels"):
        read_gray(tmp_path / "a.png", max_pixels=80_000)
    for limit in (50_000, 10_000):  # Pillow warns from its limit on, and refuses from twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(InputError, match="more than"):
            read_gray(tmp_path / "a.png")


def test_png_comes_back_with_stable_bytes_and_no_metadata(tmp_path):
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, GRAY)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    np.testing.assert_array_equal(read_gray(tmp_path / "a.png"), GRAY)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "L" and not image.info
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_colour_png_keeps_the_order_of_channels(tmp_path):
    colour = np.zeros((4, 5, 3), np.uint8)
    colour[..., 0] = 250
    write_png(tmp_path / "a.png", colour)
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpixel((0, 0)) == (250, 0, 0)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8)])
def test_other_arrays_are_refused(tmp_path, image):
    with pytest.raises(ValueError, match="no 8-bit"):
        write_png(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


def test_a_jpeg_of_red_green_and_blue_is_a_picture_too(tmp_path):
    small = np.random.default_rng(3).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(small).resize((64, 48)).save(tmp_path / "a.jpg", keep_rgb=True)
    picture = read_picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(picture.gray, read_gray(tmp_path / "a.jpg"))
    assert picture.chroma.max() > 30


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_picture_has_the_gray_of_read_gray_and_pillows_chroma(tmp_path, mode, suffix):
    if (mode, suffix) == ("P", "jpg"):
        mode = "RGB"
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((64, 48)).convert(mode)
    path = tmp_path / f"a.{suffix}"
    small.save(path, **({"subsampling": 0} if suffix == "jpg" else {}))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.gray, read_gray(path))
    with Image.open(path) as image:
        planes = np.asarray(image.convert("RGB").convert("YCbCr"), int)[..., 1:]
    off = np.abs(planes - 128).max(axis=2)
    assert np.abs(picture.chroma - off).max() <= (8 if suffix == "jpg" else 0)  # a JPEG has its own, and RGB is clipped
    assert (picture.chroma.max() > 30) == (mode != "L")


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_picture_without_loss_knows_what_its_jpeg_shows(tmp_path, mode, suffix):
    small = np.random.default_rng(5).integers(0, 256, (9, 7, 3), np.uint8)
    Image.fromarray(small).resize((75, 61)).convert(mode).save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        image.convert("L" if mode == "L" else "RGB").save(tmp_path / "a.jpg", quality=85)
    shown, jpeg = read_picture(tmp_path / f"a.{suffix}").exported, read_picture(tmp_path / "a.jpg")
    assert jpeg.exported is jpeg
    np.testing.assert_array_equal(shown.gray, jpeg.gray)
    np.testing.assert_array_equal(shown.chroma, jpeg.chroma)


def test_a_picture_that_is_too_long_for_a_jpeg_is_looked_at_as_it_is(tmp_path):
    write_png(tmp_path / "a.png", np.zeros((1, 65_501), np.uint8))
    picture = read_picture(tmp_path / "a.png")
    assert picture.exported is picture


def test_a_comment_that_is_too_long_for_a_jpeg_is_left_out(tmp_path):
    told = PngInfo()
    told.add_text("comment", "word " * 20_000)
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "a.png", pnginfo=told)
    assert read_picture(tmp_path / "a.png").exported.gray.shape == (60, 80)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(96, 64), (95, 63), (190, 71), (2, 9), (1, 1), (1, 8), (8, 1)])
def test_a_jpegs_chroma_is_that_of_libjpeg(tmp_path, size, subsampling):
    """Where it is halved, and between two colours, nearer to the stronger of them."""
    small = np.random.default_rng(4).integers(0, 256, (7, 9, 3), np.uint8)
    Image.fromarray(small).resize(size).save(tmp_path / "a.jpg", quality=95, subsampling=subsampling)
    picture = read_picture(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        image.draft("YCbCr", image.size)
        luma, *colours = np.moveaxis(np.asarray(image, int), 2, 0)
    off = np.abs(np.array(colours) - 128).max(axis=0)
    np.testing.assert_array_equal(picture.gray, luma)
    assert picture.chroma.shape == off.shape
    if subsampling != "4:2:0":
        np.testing.assert_array_equal(picture.chroma, off)
    elif min(size) > 2:  # narrower, and libjpeg only repeats what it has
        near = np.lib.stride_tricks.sliding_window_view(np.pad(off, 2, mode="edge"), (5, 5)).max(axis=(2, 3))
        assert ((picture.chroma >= off - 1) & (picture.chroma <= near + 1)).all()


@settings(max_examples=40)
@given(arrays(np.uint8, st.tuples(st.integers(1, 80), st.integers(1, 20)), elements=st.sampled_from((0, 0, 0, 3, 128))))
def test_doubling_where_there_is_chroma_is_doubling_all(half):
    whole = cv2.resize(half, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(doubled(half), whole)
