"""Identity and size of files, compared with hashlib's and Pillow's own answers."""

import csv
import hashlib
import os
import struct
import zlib

import pandas as pd
import pytest
from PIL import Image

from nonmass.cohorts.cohort import Cohort, Problem, image_rows
from nonmass.cohorts.inventory import ODD_NAME, take_stock
from nonmass.errors import InputError
from nonmass.parallel import ParallelParams
from nonmass.pseudonyms import hidden_file, pseudonym
from nonmass.tables import INVENTORY, PROBLEMS

HERE = ParallelParams(dask_scheduler="")
SALT = "a secret of this test"


def cohort(*files, masks=None, patients=None, **more):
    images = pd.DataFrame({"file": files, "finding": "mass", "pathology": "benign", "device": "X"}, dtype="string")
    images["row"] = range(2, len(files) + 2)
    images["patient"] = patients or [""] * len(files)
    images["mask"] = masks or [""] * len(files)
    known = sorted(set(images["patient"]) - {""})
    extra = pd.DataFrame({"patient": known, "age_years": [str(40 + n) for n in range(len(known))]}, dtype="string")
    return Cohort(image_rows(images), extra, **more)


def take(raw, content, name="c"):
    """Files, patients and problems; all of them fit their tables, and no journal is left."""
    files, patients, problems = take_stock(raw, name, content, raw / "journal", HERE)
    assert not (raw / "journal").exists()
    return INVENTORY.check(files, "files"), patients, PROBLEMS.check(problems, "problems")


def faults(raw, content):
    problems = take(raw, content)[2]
    assert set(problems["cohort"]) == {"c"} and (problems["remedy"] != "").all()
    return list(problems[["file", "problem", "value"]].itertuples(index=False, name=None))


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "c").mkdir()
    for number, size in enumerate([(5, 3), (7, 2)]):
        Image.new("L", size, number).save(tmp_path / "c" / f"{number}.png")
    return tmp_path


def test_identity_and_size(raw):
    Image.new("1", (7, 2)).save(raw / "c" / "m.png")
    rows, _, problems = take(raw, cohort("1.png", "0.png", masks=["m.png|1.png", ""]))
    digests = [hashlib.sha256((raw / "c" / name).read_bytes()).hexdigest()[:16] for name in ("0.png", "1.png")]
    assert list(rows["image_id"]) == [f"c-{digest}" for digest in digests]
    assert list(rows["path"]) == ["c/0.png", "c/1.png"]
    assert list(rows["mask_path"]) == ["", "c/m.png|c/1.png"]
    each = [hashlib.sha256((raw / "c" / name).read_bytes()).hexdigest()[:16] for name in ("m.png", "1.png")]
    assert list(rows["mask_id"]) == ["", hashlib.sha256("".join(each).encode()).hexdigest()[:16]]
    assert rows[["width_px", "height_px"]].to_numpy().tolist() == [[5, 3], [7, 2]]
    assert problems.empty


def test_patients_carry_the_cohort_and_an_image_without_one_stands_for_itself(raw):
    rows, known, _ = take(raw, cohort("0.png", "1.png", patients=["p", ""]))
    assert list(rows["patient_id"]) == ["c-p", rows["image_id"][1]]
    assert dict(known.set_index("patient_id")["age_years"]) == {"c-p": "40", rows["image_id"][1]: ""}


def test_a_linked_cohort_is_read(raw):
    (raw / "linked").symlink_to(raw / "c", target_is_directory=True)
    assert len(take(raw, cohort("0.png"), "linked")[0]) == 1


@pytest.mark.parametrize("file", ["../secret.png", "link.png"])
def test_no_path_leads_out_of_the_cohort(raw, file):
    Image.new("L", (2, 2)).save(raw / "secret.png")
    (raw / "c" / "link.png").symlink_to(raw / "secret.png")
    expected = [(file, "file leads out of the cohort's folder", "")]
    assert faults(raw, cohort(file)) == expected
    assert faults(raw, cohort("0.png", masks=[file])) == expected
    assert take(raw, cohort("0.png", "1.png", masks=[file, ""]))[0]["path"].tolist() == ["c/1.png"]


def test_links_inside_the_folder_are_followed_and_loops_are_not(raw):
    (raw / "c" / "inner.png").symlink_to(raw / "c" / "0.png")
    (raw / "c" / "loop.png").symlink_to("loop.png")
    rows, _, problems = take(raw, cohort("inner.png", "loop.png"))
    assert list(rows["path"]) == ["c/inner.png"]
    assert problems["value"].tolist() == ["is a link that leads nowhere"]


def test_a_missing_mask_is_named(raw):
    assert faults(raw, cohort("0.png", masks=["m.png"])) == [("m.png", "file is no readable image", "image not found")]


def test_a_mask_of_another_size_is_named(raw):
    problem = "mask is not as large as its image"
    assert faults(raw, cohort("0.png", masks=["0.png|1.png"])) == [("1.png", problem, "7 x 2 px, its image 5 x 3 px")]


def test_a_faulty_mask_takes_its_image_with_it(raw):
    (raw / "c" / "m.png").write_text("<html>not found</html>")
    rows, _, problems = take(raw, cohort("0.png", "1.png", masks=["m.png", ""]))
    assert list(rows["path"]) == ["c/1.png"]
    assert list(problems["file"]) == ["m.png"]


def test_what_the_adapter_blames_is_left_out(raw):
    files, _, problems = take(raw, cohort("0.png", "1.png", problems=(Problem("odd", "mend it", "0.png", 2, "wört"),)))
    assert list(files["path"]) == ["c/1.png"]
    assert problems.to_dict("records") == [
        {"cohort": "c", "file": "0.png", "row": 2, "problem": "odd", "value": "wört", "remedy": "mend it"}
    ]


@pytest.mark.parametrize(
    ("name", "shown"), [(b"caf\xe9.png", "caf\\udce9.png"), (b"a\nb.png", "a\\nb.png"), ("ä.png".encode(), None)]
)
def test_a_name_that_no_table_can_hold_is_named_in_a_way_it_can(raw, name, shown):
    file = os.fsdecode(name)
    (raw / "c" / "0.png").rename(raw / "c" / file)
    rows, _, problems = take(raw, cohort(file))
    if shown is None:
        assert list(rows["path"]) == ["c/ä.png"]
    else:
        assert problems[["file", "problem", "remedy"]].to_numpy().tolist() == [[shown, *ODD_NAME]]


@pytest.fixture
def secret(raw, monkeypatch):
    monkeypatch.setenv("NONMASS_SALT", SALT)
    (raw / "c" / "Jane Roe.png").write_bytes(b"GIF89a Jane Roe")
    told = (
        Problem("unknown finding", "mend it", "1.png", 3, "Jane Roe"),
        Problem("x", "mend it", "Roe/2.png", 0, "Jane"),
    )
    masks = ["", "", "Jane Roe.png"]
    files = ("0.png", "1.png", "1.png")
    return cohort(*files, masks=masks, patients=["Jane Roe", "Jane Roe", ""], problems=told, is_secret=True)


def test_a_secret_cohort_shows_no_name_no_id_and_no_cell(raw, secret):
    content = cohort("0.png", "1.png", patients=["Jane Roe", ""], masks=["", "Jane Roe.png"], is_secret=True)
    content = Cohort(content.images, content.patients, secret.problems[1:], is_secret=True)
    rows, known, problems = take(raw, content)
    salt = SALT.encode()
    assert list(rows["path"]) == [f"c/{hidden_file('0.png', salt)}"]
    assert list(rows["patient_id"]) == ["c-" + pseudonym("Jane Roe", salt)] == list(known["patient_id"])
    assert list(known["age_years"]) == ["40"]
    assert {(row.file, row.problem) for row in problems.itertuples()} == {
        (hidden_file("Jane Roe.png", salt), "file is no readable image"),
        (hidden_file("Roe/2.png", salt), "x"),
    }
    told = take(raw, Cohort(content.images, content.patients, secret.problems, is_secret=True))[2]
    assert (told.loc[told["problem"] != "file is no readable image", "value"] == "").all()
    written = "".join(frame.to_csv() for frame in (rows, known, problems, told))
    assert "Jane" not in written and "Roe" not in written


def test_a_secret_cohort_needs_a_secret(raw, secret, monkeypatch):
    monkeypatch.delenv("NONMASS_SALT")
    with pytest.raises(InputError, match="cohort c: patient_ids is 'hash', but the environment variable NONMASS_SALT"):
        take(raw, secret)


def test_nothing_usable_gives_empty_tables(raw, secret):
    for content in (cohort(problems=(Problem("odd", "mend it"),)), cohort("2.png")):
        rows, known, problems = take(raw, content)
        assert rows.empty and known.empty and len(problems) == 1


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_hostile_png(path, side_px, text_bytes):
    """A header that claims so many pixels, and a compressed text of so many bytes; the checksums fit."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    text = b"Comment\0\0" + zlib.compress(bytes(text_bytes))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"zTXt", text) + png_chunk(b"IDAT", b"")
    )


def test_files_that_are_no_images_are_all_listed(raw):
    (raw / "c" / "2.png").write_bytes(b"")
    (raw / "c" / "3.png").write_text("<html>not found</html>")
    write_hostile_png(raw / "c" / "4.png", 100_000, 1)
    rows, _, problems = take(raw, cohort("0.png", "2.png", "3.png", "4.png"))
    assert list(rows["path"]) == ["c/0.png"]
    assert {row.file: (row.value, row.remedy) for row in problems.itertuples()} == {
        "2.png": ("image file is empty", "export it again"),
        "3.png": (
            "not a readable image, or broken at its start",
            "export it as one of JPEG, PNG, BMP, TIFF, GIF, WEBP",
        ),
        "4.png": ("image has more than 64000000 pixels", "export a smaller one"),
    }


def test_a_text_that_swells_beyond_reason_is_listed(raw):
    write_hostile_png(raw / "c" / "2.png", 8, 2_000_000)
    ((file, problem, value),) = faults(raw, cohort("2.png"))
    assert (file, problem) == ("2.png", "file is no readable image")
    assert "Decompressed data too large" in value


def test_problems_can_be_written_and_read_whatever_they_quote(raw, tmp_path):
    told = Problem("unknown finding", "mend it", "a\r\nb.png", 2, 'x\r"y\udcff')
    problems = take(raw, cohort("0.png", problems=(told,)))[2]
    PROBLEMS.write(problems, tmp_path / "problems.csv")
    with (tmp_path / "problems.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["file"], row["value"]) == ("a\\r\\nb.png", 'x\\r"y\\udcff')
