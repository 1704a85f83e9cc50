"""batches: every image once, in an order that only seed, epoch and ids decide."""

from collections import Counter

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nonmass.batches import BatchOrder, ImageBatches, read_images, to_input
from nonmass.errors import InputError


def order_of(ids, batch_size, seed, epoch=0):
    order = BatchOrder(ids, batch_size, seed)
    order.set_epoch(epoch)
    batches = list(order)
    assert len(order) == len(batches)
    return batches


ids = st.lists(st.text(max_size=5), min_size=1, max_size=60, unique=True)
sizes = st.integers(2, 20)
seeds = st.none() | st.integers(0, 9)


@given(ids, sizes, seeds, st.integers(0, 300))
def test_every_row_once_in_batches_of_nearly_equal_size(image_ids, batch_size, seed, epoch):
    batches = order_of(image_ids, batch_size, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(image_ids)))
    lengths = [len(batch) for batch in batches]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(batch_size, 3)
    if batch_size > 2:
        assert len(batches) == -(-len(image_ids) // batch_size)
    if len(image_ids) > 1:
        assert min(lengths) > 1, "batch normalisation has no variance in one image"


@given(ids, sizes, st.integers(0, 9), st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_leaves_no_trace(image_ids, batch_size, seed, epoch, random):
    shuffled = random.sample(image_ids, len(image_ids))
    one = [[image_ids[row] for row in batch] for batch in order_of(image_ids, batch_size, seed, epoch)]
    other = [[shuffled[row] for row in batch] for batch in order_of(shuffled, batch_size, seed, epoch)]
    assert one == other


def test_epochs_and_seeds_have_orders_of_their_own():
    image_ids = [f"i{row}" for row in range(50)]
    orders = [order_of(image_ids, 16, seed, epoch) for seed in range(4) for epoch in range(4)]
    assert len({str(order) for order in orders}) == 16
    assert order_of(image_ids, 16, 2, 3) == order_of(np.array(image_ids), 16, 2, 3)


def test_an_epoch_does_not_depend_on_those_before_it():
    order = BatchOrder([f"i{row}" for row in range(50)], 16, seed=1)
    for epoch in range(3):
        order.set_epoch(epoch)
        last = list(order)
    assert last == list(order) == order_of(order.image_ids, 16, 1, epoch=2)


def test_an_image_falls_into_each_batch_equally_often():
    image_ids = [f"i{row}" for row in range(40)]
    counts = Counter(
        number for seed in range(800) for number, batch in enumerate(order_of(image_ids, 10, seed)) if 7 in batch
    )
    assert all(150 < counts[number] < 250 for number in range(4))  # 200 expected, standard deviation 12


def test_without_a_seed_rows_stay_as_they_are():
    assert order_of(["c", "a", "b", "d", "e"], 2, None, epoch=4) == [[0, 1, 2], [3, 4]]


@pytest.fixture
def write(tmp_path):
    def write_image(image_id, pixels):
        Image.fromarray(pixels).save(tmp_path / f"{image_id}.png")

    return write_image


def gray(value=0, shape=(8, 8), dtype=np.uint8):
    return np.full(shape, value, dtype)


def test_images_come_in_the_order_asked_for(tmp_path, write):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (3, 8, 8)).astype(np.uint8)
    for name, image in zip("abc", pixels, strict=True):
        write(name, image)
    images = read_images(tmp_path, ["c", "a", "c"])
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, pixels[[2, 0, 2]])


def refused(folder, image_ids):
    with pytest.raises(InputError) as error:
        read_images(folder, image_ids)
    line = str(error.value)
    assert len(line.splitlines()) == 1
    assert str(folder) in line
    return line


@pytest.mark.parametrize("fault", ["missing", "folder", "empty", "cut", "flipped", "text", "rgb", "deep", "alpha"])
def test_an_unusable_image_is_named(tmp_path, write, fault):
    path = tmp_path / "bad.png"
    write("good", gray(3))
    if fault == "folder":
        path.mkdir()
    elif fault == "rgb":
        write("bad", gray(0, (8, 8, 3)))
    elif fault == "alpha":
        write("bad", gray(0, (8, 8, 2)))
    elif fault == "deep":
        cv2.imwrite(str(path), gray(300, dtype=np.uint16))
    elif fault != "missing":
        noise = np.random.default_rng(2).integers(0, 256, (64, 64)).astype(np.uint8)
        content = bytearray(cv2.imencode(".png", noise)[1].tobytes())
        content[500] ^= 255
        whole = cv2.imencode(".png", noise)[1].tobytes()
        path.write_bytes(
            {"empty": b"", "cut": whole[: len(whole) // 2], "flipped": bytes(content), "text": b"PNG"}[fault]
        )
    line = refused(tmp_path, ["good", "bad"])
    assert "bad.png: missing or not an 8-bit gray PNG" in line
    assert "crop" in line


def test_sides_must_agree_and_be_square(tmp_path, write):
    write("a", gray(0, (8, 8)))
    write("b", gray(0, (16, 16)))
    write("c", gray(0, (8, 16)))
    assert "b.png: (16, 16) px, others are (8, 8) px" in refused(tmp_path, ["a", "b"])
    assert "c.png: (8, 16) px is not square" in refused(tmp_path, ["c"])


def test_no_image_at_all_is_one_line(tmp_path):
    assert "is the split empty" in refused(tmp_path, [])


def test_input_runs_from_minus_one_to_one():
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    images.flags.writeable = True
    before = images.copy()
    batch = to_input(images)
    assert batch.shape == (1, 1, 16, 16)
    assert batch.dtype == torch.float32
    assert (batch.min().item(), batch.max().item()) == (-1.0, 1.0)
    np.testing.assert_allclose(batch.numpy().ravel(), np.linspace(-1, 1, 256), atol=1e-6)
    np.testing.assert_array_equal(images, before)
    assert to_input(np.zeros((3, 8, 8), np.uint8)).is_contiguous(memory_format=torch.channels_last)


def test_a_batch_pairs_each_image_with_its_truth():
    images = np.stack([gray(value) for value in (0, 51, 255)])
    batches = ImageBatches(images, pd.Series([0, 1, 1]))
    pixels, truth = batches[[2, 0]]
    assert pixels.shape == (2, 1, 8, 8)
    assert pixels[:, 0, 0, 0].tolist() == [1.0, -1.0]
    assert truth.tolist() == [[1.0], [0.0]]
    assert truth.dtype == torch.float32
