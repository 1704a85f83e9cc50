"""Scores of a trained network, or of several that differ in their seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from nonmass.batches import Images, to_input
from nonmass.ensemble import probabilities

# A constant, because the size of a batch can change the last bits of a logit.
BATCH_SIZE = 32


def predict_logits(network: torch.nn.Module, images: Images) -> NDArray[np.float64]:
    """Logits of images, (n, side, side) uint8 -> (n,) float64, higher is more positive.

    Every batch is full, so that an image's logit does not depend on what else is scored.
    """
    starts = range(0, len(images), BATCH_SIZE)
    logits = [
        batch_logits(network, images[start : start + BATCH_SIZE], BATCH_SIZE)
        for start in tqdm(starts, desc="predict", unit="batch", leave=False)
    ]
    return np.concatenate(logits)


def batch_logits(network: torch.nn.Module, images: Images, size: int) -> NDArray[np.float64]:
    """Logits of at most `size` images, computed in one batch of just that size: black images fill it."""
    missing = size - len(images)
    full = np.concatenate([images, np.zeros((missing, *images.shape[1:]), np.uint8)]) if missing else images
    with torch.inference_mode():
        logits: NDArray[np.float64] = network(to_input(full)).double().squeeze(1).numpy()
    return logits[: len(images)]


def seed_rows(image_ids: Sequence[str], logits: Mapping[int, NDArray[np.float64]]) -> pd.DataFrame:
    """Rows of `tables.SEED_PREDICTIONS`.

    Args:
        image_ids: (n,) which images.
        logits: Seed -> (n,) logits in that order.
    """
    frames = [pd.DataFrame({"image_id": image_ids, "seed": seed, "logit": values}) for seed, values in logits.items()]
    return pd.concat(frames, ignore_index=True)


def prediction_rows(split: pd.DataFrame, logits: NDArray[np.float64], assignment: str) -> pd.DataFrame:
    """Rows of `tables.PREDICTIONS`: the split's rows with logit, probability and where they come from.

    Args:
        split: Rows of `tables.SPLIT`, in the order of `logits`.
        logits: (n,) float64.
        assignment: Hash of the whole split, training images included; see `assignment.assignment_hash`.
    """
    return split.assign(logit=logits, score=probabilities(logits), assignment=assignment)
