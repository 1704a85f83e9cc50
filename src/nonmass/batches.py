"""Images as tensors: the cropped set is decoded once, then gathered in an order that the seed fixes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from nonmass.determinism import seed_of
from nonmass.errors import InputError

Images = NDArray[np.uint8]


def read_images(folder: Path, image_ids: Sequence[str]) -> Images:
    """Decode the cropped images into one array.

    Args:
        folder: Holds `<image_id>.png`, 8-bit gray, all of one side.
        image_ids: Which ones, in this order.

    Returns:
        (n, side, side) uint8.

    Raises:
        InputError: A file is missing, damaged or of another size; names it.
    """
    images: Images | None = None
    for row, image_id in enumerate(tqdm(image_ids, desc="decode", unit="image", leave=False)):
        path = folder / f"{image_id}.png"
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if image is None or image.ndim != 2 or image.dtype != np.uint8:
            raise InputError(f"{path}: missing or not an 8-bit gray PNG; run the crop stage again")
        if images is None:
            if image.shape[0] != image.shape[1]:
                raise InputError(f"{path}: {image.shape} px is not square; run the crop stage again")
            images = np.empty((len(image_ids), *image.shape), np.uint8)
        if image.shape != images.shape[1:]:
            raise InputError(f"{path}: {image.shape} px, others are {images.shape[1:]} px; run the crop stage again")
        images[row] = image
    if images is None:
        raise InputError(f"{folder}: no image asked for; is the split empty?")
    return images


def to_input(images: Images) -> torch.Tensor:
    """(n, side, side) uint8 -> (n, 1, side, side) float32, 0..255 mapped to -1..1, channels last."""
    batch = torch.from_numpy(images).unsqueeze(1).to(torch.float32)
    return batch.div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


class ImageBatches(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Gathers whole batches: an index is a list of rows.

    Args:
        images: (n, side, side) uint8.
        truth: (n,) 0 or 1.
    """

    def __init__(self, images: Images, truth: "pd.Series[int]") -> None:
        self.images = images
        self.truth = torch.tensor(truth.to_numpy(), dtype=torch.float32)

    def __getitem__(self, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (b, 1, side, side) and truth (b, 1) of these rows."""
        return to_input(self.images[rows]), self.truth[rows].unsqueeze(1)


class BatchOrder(Sampler[list[int]]):
    """Rows of each batch of one epoch; every row once, batches of nearly equal size.

    The order is a function of (seed, epoch, image id), not of the rows' order or of earlier draws.
    Equal sizes, because a last batch of a single image would give batch normalisation no variance.

    Args:
        image_ids: Id of each row.
        batch_size: The most rows in a batch; of pairs, one batch may have three.
        seed: Of the order; None keeps the rows as they are (validation).
    """

    def __init__(self, image_ids: Sequence[str], batch_size: int, seed: int | None) -> None:
        self.image_ids = list(image_ids)
        n_rows = len(self.image_ids)
        self.n_batches = max(1, min(-(-n_rows // batch_size), n_rows // 2))
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[list[int]]:
        rows = list(range(len(self.image_ids)))
        if self.seed is not None:
            seed = self.seed
            rows.sort(key=lambda row: seed_of(seed, "order", self.epoch, self.image_ids[row]))
        for batch in np.array_split(np.asarray(rows), self.n_batches):
            yield batch.tolist()
