"""Identity and size of files, compared with hashlib's and Pillow's own answers."""

import hashlib
import struct
import zlib

import pandas as pd
import pytest
from PIL import Image

from nonmass.cohorts.cohort import Cohort
from nonmass.cohorts.inventory import list_files, list_patients
from nonmass.errors import InputError


def cohort(*files, masks=None, patients=None):
    images = pd.DataFrame({"file": files, "finding": "mass", "pathology": "benign", "device": "X"}, dtype="string")
    images["patient"] = patients or [""] * len(files)
    images["mask"] = masks or [""] * len(files)
    known = sorted(set(images["patient"]) - {""})
    extra = pd.DataFrame({"patient": known, "age_years": [str(40 + n) for n in range(len(known))]}, dtype="string")
    return Cohort(images, extra)


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "c").mkdir()
    for number, size in enumerate([(5, 3), (7, 2)]):
        Image.new("L", size, number).save(tmp_path / "c" / f"{number}.png")
    return tmp_path


def test_identity_and_size(raw):
    Image.new("1", (7, 2)).save(raw / "c" / "m.png")
    rows = list_files(raw, "c", cohort("1.png", "0.png", masks=["m.png|1.png", ""]))
    digests = [hashlib.sha256((raw / "c" / name).read_bytes()).hexdigest()[:16] for name in ("0.png", "1.png")]
    assert list(rows["image_id"]) == [f"c-{digest}" for digest in digests]
    assert list(rows["path"]) == ["c/0.png", "c/1.png"]
    assert list(rows["mask_path"]) == ["", "c/m.png|c/1.png"]
    joined = (raw / "c" / "m.png").read_bytes() + (raw / "c" / "1.png").read_bytes()
    assert list(rows["mask_id"]) == ["", hashlib.sha256(joined).hexdigest()[:16]]
    assert rows[["width_px", "height_px"]].to_numpy().tolist() == [[5, 3], [7, 2]]


def test_patients_carry_the_cohort_and_an_image_without_one_stands_for_itself(raw):
    content = cohort("0.png", "1.png", patients=["p", ""])
    rows = list_files(raw, "c", content)
    assert list(rows["patient_id"]) == ["c-p", rows["image_id"][1]]
    patients = list_patients(rows, "c", content).set_index("patient_id")
    assert dict(patients["age_years"]) == {"c-p": "40", rows["image_id"][1]: ""}


def test_a_linked_cohort_is_read(raw, tmp_path):
    (raw / "linked").symlink_to(raw / "c", target_is_directory=True)
    assert len(list_files(raw, "linked", cohort("0.png"))) == 1


@pytest.mark.parametrize("file", ["../secret.png", "link.png"])
def test_no_path_leads_out_of_the_cohort(raw, file):
    Image.new("L", (2, 2)).save(raw / "secret.png")
    (raw / "c" / "link.png").symlink_to(raw / "secret.png")
    with pytest.raises(InputError, match=r"1 file\(s\) lead out of this folder"):
        list_files(raw, "c", cohort(file))
    with pytest.raises(InputError, match=r"1 file\(s\) lead out of this folder"):
        list_files(raw, "c", cohort("0.png", masks=[file]))


def test_a_missing_mask_is_named(raw):
    with pytest.raises(InputError, match=r"1 file\(s\) not found: m.png"):
        list_files(raw, "c", cohort("0.png", masks=["m.png"]))


def test_a_mask_of_another_size_is_named(raw):
    with pytest.raises(InputError, match=r"1 mask\(s\) .*: 1.png \(7 x 2 px, its image 5 x 3 px\); export them again"):
        list_files(raw, "c", cohort("0.png", masks=["0.png|1.png"]))


def test_a_mask_that_is_no_image_is_named(raw):
    (raw / "c" / "m.png").write_text("<html>not found</html>")
    with pytest.raises(InputError, match=r"1 file\(s\) are no readable image: m.png;"):
        list_files(raw, "c", cohort("0.png", masks=["m.png"]))


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_hostile_png(path, side_px, text_bytes):
    """A header that claims so many pixels, and a compressed text of so many bytes; the checksums fit."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    text = b"Comment\0\0" + zlib.compress(bytes(text_bytes))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"zTXt", text))


def test_files_that_are_no_images_are_counted_and_named(raw):
    (raw / "c" / "2.png").write_bytes(b"")
    (raw / "c" / "3.png").write_text("<html>not found</html>")
    write_hostile_png(raw / "c" / "4.png", 100_000, 1)
    with pytest.raises(InputError, match=r"3 file\(s\) are no readable image: 2.png, 3.png, 4.png;"):
        list_files(raw, "c", cohort("0.png", "2.png", "3.png", "4.png"))


def test_a_text_that_swells_beyond_reason_is_one_line(raw):
    write_hostile_png(raw / "c" / "2.png", 8, 2_000_000)
    with pytest.raises(InputError, match=r"1 file\(s\) are no readable image: 2.png;.*Decompressed data too large"):
        list_files(raw, "c", cohort("2.png"))
