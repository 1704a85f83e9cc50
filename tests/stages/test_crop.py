"""The stage on a handful of drawn screens: squares, marks, covered text, failures."""

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from screen_project import FIELD, PARAMS, contents, draw, row, run, write_manifest, write_project

from nonmass import tables
from nonmass.errors import InputError
from nonmass.images import read_gray, write_png


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """After the stages fov and text; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("prepared")
    write_project(folder)
    run(folder, "fov", "text")
    return folder


@pytest.fixture
def project(prepared, tmp_path):
    """A copy of it, for one test."""
    return shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)


def square(project, number):
    return read_gray(project / "fov/images" / f"{row(number)['image_id']}.png")


def change_index(project, number, **changes):
    """Another field of view of one image."""
    index = tables.FOV_INDEX.read(project / "fov/index.csv")
    for name, value in changes.items():
        index.loc[number, name] = value
    tables.FOV_INDEX.write(index, project / "fov/index.csv")


def test_fields_are_squared_and_said_how(project):
    run(project, "crop")
    for number in range(8):
        image = square(project, number)
        assert image.shape == (64, 64) and not image[48:].any()
        assert image[:48].all() == (number != 3)
    crops = tables.CROPS.read(project / "fov/crops.csv")
    assert len(crops) == 8
    assert {tuple(entry) for entry in crops.drop(columns="image_id").to_numpy()} == {(64, "pad_br", "area", "keep", 0)}


def test_a_second_run_gives_the_same_bytes_and_keeps_nothing_old(project):
    run(project, "crop")
    first = contents(project / "fov")
    (project / "fov/images/of_a_row_that_is_gone.png").write_bytes(b"")
    run(project, "crop")
    assert contents(project / "fov") == first


def test_doubtful_fields_are_cropped_and_refused_ones_are_not(project):
    change_index(project, 3, accepted=0, flags="soft-bottom")
    change_index(project, 4, accepted=0, reject="m-mode")
    run(project, "crop")
    names = {path.stem for path in (project / "fov/images").iterdir()}
    assert names == {row(number)["image_id"] for number in range(8) if number != 4}
    assert set(tables.CROPS.read(project / "fov/crops.csv")["image_id"]) == names


def test_outside_the_outline_all_is_black(project):
    """A triangle that leaves the upper right half of the field."""
    corners = (FIELD.x0, FIELD.y0), (FIELD.x1 - 1, FIELD.y0), (FIELD.x1 - 1, FIELD.y1 - 1)
    change_index(project, 0, polygon="|".join(f"{x},{y}" for x, y in corners))
    run(project, "crop")
    image = square(project, 0)
    rows, columns = np.mgrid[:48, :64]
    distance = columns / 64 - rows / 48
    assert not image[:48][distance < -0.03].any() and image[:48][distance > 0.03].all()


def test_text_of_the_chosen_kinds_is_covered(project):
    lines = [("phi-suspect", 150, 100, 250, 120), ("annotation", 150, 200, 250, 220)]
    frame = pd.DataFrame(
        [
            {"image_id": row(1)["image_id"], "line": number, "kind": kind, "n_characters": 8, "confidence": 0.9}
            | dict(zip(tables.BOX_COLUMNS, box, strict=True))
            for number, (kind, *box) in enumerate(lines, 1)
        ]
    )
    tables.TEXT_LINES.write(frame, project / "fov/text.csv")
    scale = 64 / FIELD.width

    def seen(line):
        x0, y0, x1, y1 = (
            (line[1] - 90) * scale,
            (line[2] - 60) * scale,
            (line[3] - 90) * scale,
            (line[4] - 60) * scale,
        )
        return square(project, 1)[int(y0) + 1 : int(y1), int(x0) + 1 : int(x1)].any()

    run(project, "crop")
    assert [seen(line) for line in lines] == [False, True]
    assert list(tables.CROPS.read(project / "fov/crops.csv")["masked_lines"]) == [0, 1, 0, 0, 0, 0, 0, 0]
    (project / "params.yaml").write_text(PARAMS.replace("[phi-suspect]", "[]"))
    run(project, "crop")
    assert [seen(line) for line in lines] == [True, True]


def test_words_beside_a_sector_are_no_marks_of_the_field(project):
    image = draw("sector")
    image[FIELD.y0 : FIELD.y0 + 60, FIELD.x0 : FIELD.x0 + 140] = 0
    cv2.putText(image, "ACME 12", (FIELD.x0 + 6, FIELD.y0 + 40), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 230, 2)
    cv2.imwrite(str(project / "raw/drawn/2.png"), image)
    run(project, "crop")
    assert (marks_of(project, 2)["y1_px"] < FIELD.y0 + 60).any()
    corners = (FIELD.x0, FIELD.y0 + 60), (FIELD.x1 - 1, FIELD.y0 + 60), (FIELD.x1 - 1, FIELD.y1 - 1)
    change_index(project, 2, polygon="|".join(f"{x},{y}" for x, y in corners))
    run(project, "crop")
    assert not (marks_of(project, 2)["y1_px"] < FIELD.y0 + 60).any()


def marks_of(project, number):
    marks = tables.MARKS.read(project / "fov/marks.csv")
    return marks[marks["image_id"] == row(number)["image_id"]]


@pytest.mark.parametrize("overlays", ["keep", "mask", "inpaint"])
def test_marks_are_kept_or_removed(project, overlays):
    """A white caliper on smooth tissue."""
    image = draw("marked")
    image[FIELD.slices] = cv2.GaussianBlur(image[FIELD.slices], (0, 0), 4)
    x, y = 290, 210
    cv2.line(image, (x - 8, y), (x + 8, y), 255, 1)
    cv2.line(image, (x, y - 8), (x, y + 8), 255, 1)
    cv2.imwrite(str(project / "raw/drawn/2.png"), image)
    (project / "params.yaml").write_text(PARAMS.replace("keep", overlays).replace("side_px: 64", "side_px: 400"))
    run(project, "crop")
    mine = marks_of(project, 2)
    assert list(mine["kind"]) == ["caliper"]
    assert abs(mine["x0_px"].iloc[0] - (x - 8)) <= 3 and abs(mine["y1_px"].iloc[0] - (y + 9)) <= 3
    centre = int(square(project, 2)[y - FIELD.y0, x - FIELD.x0])
    expected = {"keep": 255, "mask": 0, "inpaint": int(image[y - 20, x - 20])}[overlays]
    assert abs(centre - expected) <= (30 if overlays == "inpaint" else 0)


def truncate(project):
    path = project / "raw/drawn/5.png"
    path.write_bytes(path.read_bytes()[:2000])


def refuse_all(project):
    for number in range(8):
        change_index(project, number, reject="spectral", accepted=0)


def misname(project):
    write_manifest(project, [row(0, image_id="../../a")])
    index = tables.FOV_INDEX.read(project / "fov/index.csv")[:1].assign(image_id="../../a")
    tables.FOV_INDEX.write(index, project / "fov/index.csv")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (truncate, "drawn/5.png: image is truncated"),
        (misname, "cannot name a file"),
        (refuse_all, "no field of view is left to crop"),
        (lambda project: (project / "params.yaml").write_text(PARAMS.replace("64", "4")), "crop.side_px"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_nothing(project, spoil, named):
    before = set(contents(project / "fov"))
    spoil(project)
    with pytest.raises(InputError) as caught:
        run(project, "crop")
    assert named in str(caught.value)
    # What was finished waits under names that neither Git nor DVC looks at.
    assert all(".part" in str(path) for path in set(contents(project / "fov")) - before)


def test_a_failed_run_leaves_the_images_of_the_last_one(project):
    run(project, "crop")
    before = contents(project / "fov")
    truncate(project)
    with pytest.raises(InputError, match=r"5\.png"):
        run(project, "crop")
    assert {name: data for name, data in contents(project / "fov").items() if ".part" not in str(name)} == before


def test_an_interrupted_run_goes_on_where_it_was(project, monkeypatch):
    """The same bytes as without the interruption, no finished image done twice, nothing left over."""
    before = contents(project / "fov")
    run(project, "crop")
    undisturbed = contents(project / "fov")
    shutil.rmtree(project / "fov/images")
    done = []

    def write(path, image):
        done.append(path.stem if len(done) != 5 else "")
        if not done[-1]:
            raise KeyboardInterrupt
        write_png(path, image)

    monkeypatch.setattr("nonmass.cropping.write_png", write)
    with pytest.raises(KeyboardInterrupt):
        run(project, "crop")
    assert len(list((project / "fov/.images.part").glob("*.png"))) == 5
    run(project, "crop")
    assert len(done) == len(set(done)) == 8 + 1
    assert contents(project / "fov") == undisturbed and set(before) < set(undisturbed)


def test_another_crop_takes_nothing_from_an_interrupted_one(project):
    whole = (project / "raw/drawn/5.png").read_bytes()
    truncate(project)
    with pytest.raises(InputError):
        run(project, "crop")
    (project / "raw/drawn/5.png").write_bytes(whole)
    (project / "params.yaml").write_text(PARAMS.replace("64", "32"))
    run(project, "crop")
    assert {read_gray(path).shape for path in (project / "fov/images").iterdir()} == {(32, 32)}
    assert len(list((project / "fov/images").iterdir())) == 8
