"""batches: every image once, in an order that only seed, epoch and ids decide."""

import errno
from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nonmass import batches
from nonmass.batches import BatchOrder, ImageBank, read_images, share, to_input
from nonmass.errors import InputError

CPU = torch.device("cpu")


def order_of(ids, batch_size, seed, epoch=0):
    order = BatchOrder(ids, batch_size, seed)
    found = order.batches(epoch)
    assert len(order) == len(found)
    return found


ids = st.lists(st.text(max_size=5), min_size=1, max_size=60, unique=True)
sizes = st.integers(2, 20)
seeds = st.none() | st.integers(0, 9)


@given(ids, sizes, seeds, st.integers(0, 300))
def test_every_row_once_in_batches_of_nearly_equal_size(image_ids, batch_size, seed, epoch):
    found = order_of(image_ids, batch_size, seed, epoch)
    assert sorted(row for batch in found for row in batch) == list(range(len(image_ids)))
    lengths = [len(batch) for batch in found]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(batch_size, 3)
    if batch_size > 2:
        assert len(found) == -(-len(image_ids) // batch_size)
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
    assert len({str(order.batches(epoch)) for epoch in range(3)}) == 3
    assert order.batches(2) == order_of(order.image_ids, 16, 1, epoch=2)


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


def test_tensors_and_arrays_of_any_type_are_the_same_input():
    images = np.random.default_rng(3).integers(0, 256, (2, 8, 8), np.uint8)
    expected = to_input(images)
    tensor = torch.from_numpy(images).unsqueeze(1)
    assert torch.equal(to_input(tensor), expected)
    floats = tensor.float()
    assert torch.equal(to_input(floats), expected)
    assert torch.equal(floats, tensor.float()), "the input is not changed in place"
    assert torch.equal(to_input(images[::-1]), expected.flip(0))


@pytest.fixture
def three(tmp_path, write):
    """A folder of three images, and their pixels."""
    pixels = np.random.default_rng(4).integers(0, 256, (3, 512, 512), np.uint8)
    for name, image in zip("abc", pixels, strict=True):
        write(name, image)
    return tmp_path, pixels


def test_a_map_holds_what_memory_would(three, tmp_path):
    folder, pixels = three
    scratch = tmp_path / "scratch"
    held = read_images(folder, "abc", limit_mib=1, scratch=scratch)  # 0.75 MiB
    assert not isinstance(held, np.memmap)
    assert not scratch.exists()
    mapped = read_images(folder, "abcab", limit_mib=1, scratch=scratch)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, pixels[[0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(ImageBank(mapped, CPU).take([4, 0]).numpy()[:, 0], pixels[[1, 0]])


def test_a_map_leaves_no_file_even_while_it_is_used(three, tmp_path):
    scratch = tmp_path / "scratch"
    mapped = read_images(three[0], "abcabc", limit_mib=1, scratch=scratch)
    assert list(scratch.iterdir()) == []
    assert mapped[5].any()


def test_a_full_disk_is_one_line(three, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(batches.os, "posix_fallocate", full)
    with pytest.raises(InputError, match=r"no room for a map of 2 MiB.*No space left.*runtime\.images_mib") as error:
        read_images(three[0], "abcabcab", limit_mib=1, scratch=tmp_path / "scratch")
    assert len(str(error.value).splitlines()) == 1


def test_the_first_unusable_image_is_the_one_named(three):
    """Threads decode in any order; the message is the same every time."""
    assert all("x.png" in refused(three[0], [*"abc", "x", *"abc", "y", *"cba", "z"]) for _ in range(5))


def test_a_bank_gives_copies_of_the_rows_asked_for():
    images = np.stack([gray(value) for value in (0, 51, 255)])
    bank = ImageBank(images, CPU)
    batch = bank.take([2, 0, 2])
    assert len(bank) == 3
    assert batch.shape == (3, 1, 8, 8)
    assert batch.dtype == torch.uint8
    assert batch[:, 0, 0, 0].tolist() == [255, 0, 255]
    batch.zero_()
    assert images[2].min() == 255


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("part", [1.0, 0.0], ids=["resident", "copied"])
def test_a_bank_on_a_gpu_gives_the_same_rows(monkeypatch, part):
    monkeypatch.setattr(batches, "SHARE_FOR_IMAGES", part)
    images = np.random.default_rng(5).integers(0, 256, (9, 16, 16), np.uint8)
    bank = ImageBank(images, torch.device("cuda"))
    assert (bank.resident is not None) == (part == 1.0)
    np.testing.assert_array_equal(bank.take([8, 1]).cpu().numpy()[:, 0], images[[8, 1]])


@given(st.lists(st.integers(), max_size=40), st.integers(1, 9))
def test_processes_share_a_batch_without_loss(batch, world_size):
    shares = [share(batch, rank, world_size) for rank in range(world_size)]
    assert sorted(row for rows in shares for row in rows) == sorted(batch)
    lengths = [len(rows) for rows in shares]
    assert max(lengths) - min(lengths) <= 1
    assert share(batch, 0, 1) == batch
