from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from nonmass.errors import InputError
from nonmass.images import write_png
from nonmass.lesions import add_masks, read_lesion, tissue_of

# The field of view is the middle 16 x 8 pixels of a screen of 24 x 16; scaled by a half it fills the upper half.
VIEW = {"x0_px": 4, "y0_px": 4, "x1_px": 20, "y1_px": 12, "polygon": "", "accepted": 1}
SQUARE = {"side_px": 8, "square": "pad_br", "overlays": "keep"}


def row(mask_path):
    return SimpleNamespace(mask_path=mask_path, width_px=24, height_px=16, **VIEW, **SQUARE)


def mask(folder, name, *at, value=255, shape=(16, 24)):
    pixels = np.zeros(shape, np.uint8)
    pixels[at] = value
    write_png(folder / name, pixels)


def lesion_of(folder, row):
    return read_lesion({name: folder / name for name in row.mask_path.split("|")}, row)


def pixels_of(lesion):
    return {(int(y), int(x)) for y, x in np.argwhere(lesion)}


@pytest.mark.parametrize("value", [1, 255])
def test_mask_follows_the_crop(tmp_path, value):
    mask(tmp_path, "m.png", slice(6, 8), slice(8, 12), value=value)
    assert pixels_of(lesion_of(tmp_path, row("m.png"))) == {(1, 2), (1, 3)}


def test_several_masks_are_united(tmp_path):
    mask(tmp_path, "a.png", slice(4, 6), slice(4, 6))
    mask(tmp_path, "b.png", slice(10, 12), slice(18, 20))
    assert pixels_of(lesion_of(tmp_path, row("a.png|b.png"))) == {(0, 0), (3, 7)}


def test_compression_noise_is_not_lesion(tmp_path):
    pixels = np.zeros((16, 24), np.uint8)
    pixels[8:12, 8:16] = 255
    cv2.imwrite(str(tmp_path / "m.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])
    assert pixels_of(lesion_of(tmp_path, row("m.jpg"))) == {(y, x) for y in (2, 3) for x in (2, 3, 4, 5)}


@pytest.mark.parametrize("outside", [True, False])
def test_no_lesion(tmp_path, outside):
    mask(tmp_path, "m.png", slice(0, 3), slice(0, 24))
    lesion = lesion_of(tmp_path, row("m.png" if outside else ""))
    assert lesion.shape == (8, 8) and not lesion.any()


def test_mask_of_another_size_is_refused(tmp_path):
    mask(tmp_path, "m.png", 0, shape=(8, 8))
    with pytest.raises(InputError, match=r"m.png: mask of 8 x 8 px on a screen of 24 x 16 px"):
        lesion_of(tmp_path, row("m.png"))


def test_tissue_is_the_field_without_padding_and_what_is_beside_a_sector():
    whole = row("")
    assert pixels_of(tissue_of(whole)) == {(y, x) for y in range(4) for x in range(8)}
    whole.polygon = "4,4|11,4|11,11|4,11"  # its left half
    assert pixels_of(tissue_of(whole)) == {(y, x) for y in range(4) for x in range(4)}


def test_rows_keep_their_order_and_an_unknown_image_is_named():
    screens = pd.DataFrame({"image_id": ["a", "b"], "mask_path": ["a.png", ""], "width_px": 24, "height_px": 16})
    screens = screens.assign(path="x.png", frame=0)
    views = pd.DataFrame({"image_id": ["a", "b"]}).assign(**VIEW)
    views.loc[0, "accepted"] = 0
    squares = views[["image_id"]].assign(**SQUARE)
    rows = add_masks(pd.DataFrame({"image_id": ["b", "a"]}), screens, views, squares)
    assert rows["mask_path"].tolist() == ["", "a.png"]
    assert rows["accepted"].tolist() == [1, 0]
    with pytest.raises(InputError, match="image c is not in"):
        add_masks(pd.DataFrame({"image_id": ["a", "c"]}), screens, views, squares)
