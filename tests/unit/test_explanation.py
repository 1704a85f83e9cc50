"""A network that is known to look at one cell of the picture, and at nothing else."""

import numpy as np
import pandas as pd
import pytest
import torch

from nonmass import intervention
from nonmass.explanation import BATCH_SIZE, explain, fixed_sample, randomisation_check
from nonmass.images import write_png
from nonmass.intervention import left_out, perturb, perturbed_samples
from nonmass.perturbation import grown
from nonmass.tables import MARKS

pytestmark = pytest.mark.usefixtures("torch_globals")

SIDE, CELL = 64, 8
SEEN = (2, 5)  # row and column of the cell
WEIGHT = 96.0
DARK, BRIGHT = 60, 180
PLACE = np.s_[SEEN[0] * CELL : (SEEN[0] + 1) * CELL, SEEN[1] * CELL : (SEEN[1] + 1) * CELL]
AROUND = np.s_[(SEEN[0] - 1) * CELL : (SEEN[0] + 2) * CELL, (SEEN[1] - 1) * CELL : (SEEN[1] + 2) * CELL]
FAR = np.s_[48:60, 4:20]


class Gate(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.as_tensor(weight, dtype=torch.float32)[None, None])

    def forward(self, cells):
        return cells * self.weight


class Looker(torch.nn.Module):
    """logit = weight * (brightness + 1, of 0 to 2) of the cells that the gate lets through, a mean over 64 cells."""

    num_features = 1

    def __init__(self, gate, weight=WEIGHT):
        super().__init__()
        self.gate = Gate(gate)
        self.head = torch.nn.Linear(1, 1)
        torch.nn.init.constant_(self.head.weight, weight)
        torch.nn.init.zeros_(self.head.bias)

    def forward_features(self, images):
        return self.gate(1 + torch.nn.functional.avg_pool2d(images, CELL))

    def forward_head(self, features):
        return self.head(features.mean(dim=(2, 3)))

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


def looker():
    gate = np.zeros((SIDE // CELL, SIDE // CELL))
    gate[SEEN] = 1
    return {1: Looker(gate).eval()}


def stranger():
    return {1: Looker(np.random.default_rng(1).normal(size=(SIDE // CELL, SIDE // CELL))).eval()}


@pytest.fixture
def world(tmp_path):
    """Writes images that are bright where the network looks, with a mask each; gives rows, folder and places."""

    def write(masks, n_images=None):
        n_images = n_images or len(masks)
        places = {}
        for number in range(n_images):
            image = np.full((SIDE, SIDE), DARK, np.uint8)
            image[PLACE] = BRIGHT
            write_png(tmp_path / "images" / f"i{number:03}.png", image)
        for number, where in enumerate(masks):
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[where] = 255
            places[f"m{number}.png"] = tmp_path / f"m{number}.png"
            write_png(places[f"m{number}.png"], mask)
        ids = [f"i{number:03}" for number in range(n_images)]
        names = [f"m{number}.png" if number < len(masks) else "" for number in range(n_images)]
        rows = pd.DataFrame({"image_id": ids, "patient_id": ids, "mask_path": names, "path": "screen.png"})
        box = {"x0_px": 0, "y0_px": 0, "x1_px": SIDE, "y1_px": SIDE, "polygon": "", "side_px": SIDE, "square": "pad_br"}
        screen = {"width_px": SIDE, "height_px": SIDE, "frame": 0, "overlays": "keep", "accepted": 1}
        return rows.assign(part="test", outcome="TP", called="positive", **box, **screen), tmp_path / "images", places

    return write


def test_the_map_lies_where_the_network_looks(world):
    explanation = explain(looker(), stranger(), *world([AROUND, FAR]))
    matches = explanation.matches.set_index(["image_id", "map"])
    # Enlarged, the cell reaches into its neighbours, all of which the first lesion covers.
    assert matches.loc[("i000", "gradcam"), ["pointing_game", "energy_in_lesion"]].tolist() == [1, 1]
    assert matches.loc[("i001", "gradcam"), ["pointing_game", "energy_in_lesion", "iou"]].tolist() == [0, 0, 0]
    assert 0 < matches.loc[("i000", "random"), "energy_in_lesion"] < 0.5
    share = (3 * CELL) ** 2 / SIDE**2
    assert matches.loc[("i000", "gradcam"), "lesion_share"] == pytest.approx(share)
    # What the cell adds to the logit, over 64 cells.
    seen = 1 + BRIGHT / 127.5 - 1
    assert explanation.top == pytest.approx(WEIGHT * seen / 64, rel=1e-5)
    assert np.unravel_index(explanation.maps[0].argmax(), (8, 8)) == SEEN


def test_images_without_a_lesion_have_a_map_and_no_numbers(world):
    explanation = explain(looker(), stranger(), *world([AROUND], n_images=3))
    assert explanation.maps.shape == (3, 8, 8)
    assert explanation.has_map.all()
    assert explanation.matches["image_id"].unique().tolist() == ["i000"]


def test_batches_change_nothing(world):
    n = BATCH_SIZE + 3
    rows, images, places = world([AROUND] * n)
    together = explain(looker(), stranger(), rows, images, places)
    alone = explain(looker(), stranger(), rows.iloc[[BATCH_SIZE + 1]], images, places)
    np.testing.assert_allclose(together.maps[BATCH_SIZE + 1], alone.maps[0], rtol=1e-6)
    assert together.matches["image_id"].nunique() == n


def test_a_network_that_has_forgotten_where_to_look_has_another_map(world):
    rows, images, _ = world([AROUND, FAR])
    maps = explain(looker(), stranger(), *world([AROUND, FAR])).maps
    found = randomisation_check(looker(), stranger(), rows, maps, images)
    by_depth = found.groupby("layers")[["spearman", "ssim"]].mean()
    assert found["image_id"].tolist()[:2] == ["i000", "i001"]
    # The head has one weight, which is the stranger's own too: the map stays. Without the gate it does not.
    assert by_depth.loc[1].tolist() == pytest.approx([1, 1])
    assert by_depth.loc[2, "spearman"] < 0.5 and by_depth.loc[2, "ssim"] < 0.7


def test_a_score_falls_by_what_the_lesion_gave_it(world):
    rows, images, places = world([PLACE])
    found = perturb(looker(), {"lesion": rows}, images, places)
    bright_less_dark = (BRIGHT - DARK) / 127.5
    assert found.loc[0, "drop"] == pytest.approx(WEIGHT * bright_less_dark / 64, rel=0.02)
    assert found.loc[0, "drop_elsewhere"] == pytest.approx(0, abs=0.02)
    # The logit of the other class rises by as much.
    other = perturb(looker(), {"lesion": rows.assign(called="negative")}, images, places)
    assert other.loc[0, "drop"] == pytest.approx(-found.loc[0, "drop"])


def test_a_score_that_rests_on_something_else_stays(world):
    rows, images, places = world([FAR])
    found = perturb(looker(), {"lesion": rows}, images, places)
    assert found.loc[0, "drop"] == pytest.approx(0, abs=0.02)


def test_a_lesion_as_large_as_the_picture_has_no_room_elsewhere(world):
    rows, images, places = world([np.s_[:, :50], AROUND])
    samples = {"lesion": rows}
    found = perturb(looker(), samples, images, places)
    assert found["image_id"].tolist() == ["i001"]
    assert left_out(samples, found) == {"lesion": 1}


def test_marks_are_taken_out_of_the_square(world, tmp_path):
    """A caliper on the cell that the network looks at: the score falls with it, and not with as much elsewhere."""
    rows, images, places = world([FAR])
    screen = np.full((SIDE, SIDE), DARK, np.uint8)
    middle = (SEEN[0] * CELL + 4, SEEN[1] * CELL + 4)
    screen[middle[0], middle[1] - 4 : middle[1] + 5] = 255
    screen[middle[0] - 4 : middle[0] + 5, middle[1]] = 255
    write_png(images / "i000.png", screen)
    write_png(tmp_path / "screen.png", screen)
    found = perturb(looker(), {"marks": rows}, images, {**places, "screen.png": tmp_path / "screen.png"})
    assert found["target"].tolist() == ["marks"]
    white = screen[PLACE] == 255
    assert found.loc[0, "drop"] == pytest.approx(WEIGHT * white.mean() * (255 - DARK) / 127.5 / 64, rel=0.05)
    assert found.loc[0, "drop_elsewhere"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("lesion", "is_done"), [(np.s_[16:44, 16:44], True), (np.s_[20:27, 20:27], False)])
def test_marks_on_the_lesion_are_compared_with_as_much_on_it(world, tmp_path, monkeypatch, lesion, is_done):
    """One caliper of 9 pixels on the lesion, one far away; the second lesion has no room beside its own."""
    rows, images, places = world([lesion])
    screen = np.full((SIDE, SIDE), DARK, np.uint8)
    for middle in (23, 54):
        screen[middle, middle - 4 : middle + 5] = screen[middle - 4 : middle + 5, middle] = 255
    for file in (images / "i000.png", tmp_path / "screen.png"):
        write_png(file, screen)
    masks = []
    monkeypatch.setattr(intervention, "taken_out", lambda image, mask: masks.append(mask) or image)
    samples = {"marks": rows}
    found = perturb(looker(), samples, images, {**places, "screen.png": tmp_path / "screen.png"})
    assert left_out(samples, found) == {"marks": 0 if is_done else 1}
    assert len(masks) == (3 if is_done else 0)
    on_lesion = np.zeros((SIDE, SIDE), bool)
    on_lesion[lesion] = True
    on_lesion = grown(on_lesion, 2)  # its rim is 3 % of 64
    for moved in masks[1:]:
        assert (moved & on_lesion).sum() == (masks[0] & on_lesion).sum() > 0
        assert (moved & ~on_lesion).sum() == (masks[0] & ~on_lesion).sum() > 0
        assert not (moved & masks[0]).any()


def test_samples_are_fixed_and_of_each_part(world):
    rows, _, _ = world([AROUND] * 6, n_images=8)
    rows["part"] = ["test", "external"] * 4
    marks = pd.DataFrame({"image_id": rows["image_id"][5:]}, columns=list(MARKS.columns))
    samples = perturbed_samples(rows, marks, 2)
    assert samples["lesion"].groupby("part").size().to_dict() == {"external": 2, "test": 2}
    assert samples["marks"].groupby("part").size().to_dict() == {"external": 2, "test": 1}
    shuffled = perturbed_samples(rows[::-1], marks, 2)
    assert set(shuffled["lesion"]["image_id"]) == set(samples["lesion"]["image_id"])
    assert perturbed_samples(rows.assign(overlays="inpaint"), marks, 2)["marks"].empty
    assert perturbed_samples(rows, marks, 0)["lesion"].empty
    assert fixed_sample(rows, 99, "x").equals(rows)
