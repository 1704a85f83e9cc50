"""Scores of a trained network, or of several that differ in their seed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from nonmass.batches import Images, to_input

# A constant, because the size of a batch can change the last bits of a logit.
BATCH_SIZE = 32


def predict_logits(network: torch.nn.Module, images: Images) -> NDArray[np.float64]:
    """Logits of images, (n, side, side) uint8 -> (n,) float64, higher is more positive."""
    starts = range(0, len(images), BATCH_SIZE)
    with torch.inference_mode():
        logits = [
            network(to_input(images[start : start + BATCH_SIZE])).double().squeeze(1)
            for start in tqdm(starts, desc="predict", unit="batch", leave=False)
        ]
    return torch.cat(logits).numpy()


def seed_rows(image_ids: Sequence[str], logits: Mapping[int, NDArray[np.float64]]) -> pd.DataFrame:
    """Rows of `tables.SEED_PREDICTIONS`.

    Args:
        image_ids: (n,) which images.
        logits: Seed -> (n,) logits in that order.
    """
    frames = [pd.DataFrame({"image_id": image_ids, "seed": seed, "logit": values}) for seed, values in logits.items()]
    return pd.concat(frames, ignore_index=True)


def ensemble_logits(logits: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(n,) mean over seeds, added up in the order of the seeds' numbers, as another order may give other last bits."""
    mean: NDArray[np.float64] = np.mean([logits[seed] for seed in sorted(logits)], axis=0, dtype=np.float64)
    return mean


def prediction_rows(split: pd.DataFrame, logits: NDArray[np.float64], assignment: str) -> pd.DataFrame:
    """Rows of `tables.PREDICTIONS`: the split's rows with logit, probability and where they come from.

    Args:
        split: Rows of `tables.SPLIT`, in the order of `logits`.
        logits: (n,) float64.
        assignment: Hash of the whole split, training images included; see `assignment.assignment_hash`.
    """
    # exp of a negative number only, which cannot overflow
    odds = np.exp(-np.abs(logits))
    score = np.where(logits >= 0, 1.0, odds) / (1.0 + odds)
    return split.assign(logit=logits, score=score, assignment=assignment)
