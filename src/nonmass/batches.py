"""Images as tensors: the cropped set is decoded once, then gathered in an order that the seed fixes."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from nonmass.determinism import seed_of
from nonmass.errors import InputError

Images = NDArray[np.uint8]

# Of a GPU's free memory; the rest is for weights, gradients and activations.
SHARE_FOR_IMAGES = 0.5


def read_images(
    folder: Path, image_ids: Sequence[str], limit_mib: int | None = None, scratch: Path | None = None
) -> Images:
    """Decode the cropped images into one array, on all cores.

    Args:
        folder: Holds `<image_id>.png`, 8-bit gray, all of one side.
        image_ids: Which ones, in this order.
        limit_mib: A larger array is mapped from a file instead of held in memory; None: never.
        scratch: Where that file lies, outside of what DVC tracks. It has no name, so that it is
            gone with the array, even if the process is killed. None: the system's place for them.

    Returns:
        (n, side, side) uint8.

    Raises:
        InputError: A file is missing, damaged or of another size (names the first such), or the
            disk has no room for the map.
    """
    if not image_ids:
        raise InputError(f"{folder}: no image asked for; is the split empty?")
    paths = [folder / f"{image_id}.png" for image_id in image_ids]
    first = _decode(paths[0])
    if first.shape[0] != first.shape[1]:
        raise InputError(f"{paths[0]}: {first.shape} px is not square; run the crop stage again")
    images = _room((len(paths), *first.shape), limit_mib, scratch)

    def fill(row: int) -> None:
        image = _decode(paths[row])
        if image.shape != first.shape:
            raise InputError(f"{paths[row]}: {image.shape} px, others are {first.shape} px; run the crop stage again")
        images[row] = image

    with ThreadPoolExecutor() as threads:
        try:
            for _ in tqdm(threads.map(fill, range(len(paths))), "decode", len(paths), leave=False, unit="image"):
                pass
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return images


def _decode(path: Path) -> Images:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if image is None or image.ndim != 2 or image.dtype != np.uint8:
        raise InputError(f"{path}: missing or not an 8-bit gray PNG; run the crop stage again")
    return image  # type: ignore[no-any-return]


def _room(shape: tuple[int, ...], limit_mib: int | None, scratch: Path | None) -> Images:
    """An array to fill, in memory or mapped from a nameless file."""
    size = int(np.prod(shape))
    if limit_mib is None or size <= limit_mib * 2**20:
        return np.empty(shape, np.uint8)
    if scratch:
        scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=scratch) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # or a full disk would be a bus error later
        except OSError as error:
            where = scratch or "the folder for temporary files"
            raise InputError(
                f"{where}: no room for a map of {size / 2**20:.0f} MiB of images: {error.strerror}; "
                "free some, or raise runtime.images_mib to hold them in memory"
            ) from None
        return np.memmap(file, np.uint8, "r+", shape=shape)


def to_input(images: torch.Tensor | Images) -> torch.Tensor:
    """Gray values as a network takes them.

    Args:
        images: (b, 1, side, side) tensor or (b, side, side) array; uint8, or float from 0 to 255.

    Returns:
        (b, 1, side, side) float32 on the same device, 0..255 mapped to -1..1, channels last.
    """
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1)
    return images.to(torch.float32).div(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


class ImageBank:
    """The images of one part of a split, from which batches are gathered on the device.

    On a GPU all of them lie in its memory where they fit beside the network; else, and on the CPU,
    they stay in the array, and only a batch at a time is copied.

    Args:
        images: (n, side, side) uint8; may be mapped from a file.
        device: Where the batches are wanted.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        self.images, self.device = images, device
        self.resident: torch.Tensor | None = None
        if device.type == "cuda" and images.nbytes <= SHARE_FOR_IMAGES * torch.cuda.mem_get_info(device)[0]:
            self.resident = torch.from_numpy(images).to(device)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int]) -> torch.Tensor:
        """(b, 1, side, side) uint8 on the device: a copy of these rows, in this order."""
        if self.resident is not None:
            return self.resident[torch.tensor(rows, device=self.device)].unsqueeze(1)
        batch = torch.from_numpy(self.images[np.asarray(rows, int)])
        if self.device.type == "cuda":
            batch = batch.pin_memory().to(self.device, non_blocking=True)
        return batch.unsqueeze(1)


class BatchOrder:
    """Rows of each batch of an epoch; every row once, batches of nearly equal size.

    The order is a function of (seed, epoch, image id), not of the rows' order or of earlier draws.
    Equal sizes, because a last batch of a single image would give batch normalisation no variance.

    Args:
        image_ids: Id of each row.
        batch_size: The most rows in a batch; of pairs, one batch may have three.
        seed: Of the order; None keeps the rows as they are (validation).
    """

    def __init__(self, image_ids: Sequence[str], batch_size: int, seed: int | None) -> None:
        self.image_ids, self.seed = list(image_ids), seed
        n_rows = len(self.image_ids)
        self.n_batches = max(1, min(-(-n_rows // batch_size), n_rows // 2))

    def __len__(self) -> int:
        return self.n_batches

    def batches(self, epoch: int) -> list[list[int]]:
        """All batches of this epoch, of all processes together."""
        rows, seed = list(range(len(self.image_ids))), self.seed
        if seed is not None:
            rows.sort(key=lambda row: seed_of(seed, "order", epoch, self.image_ids[row]))
        return [batch.tolist() for batch in np.array_split(np.asarray(rows, int), self.n_batches)]


def share(batch: Sequence[int], rank: int, world_size: int) -> list[int]:
    """What one of several processes takes of a batch: every row falls to one, and sizes differ by one at most.

    The mean of the processes' gradients is that of the whole batch if each weighs its mean loss by
    `len(share) * world_size / len(batch)`. A batch smaller than `world_size` leaves some with nothing.
    """
    return list(batch[rank::world_size])
