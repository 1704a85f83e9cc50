"""Logits of an ensemble by torch, as the pipeline computes them."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nonmass.ensemble import ensemble_logits
from nonmass.errors import InputError
from nonmass.gradcam import ensemble_maps
from nonmass.network import load_ensemble
from nonmass.prediction import batch_logits
from nonmass.serving.release import Release
from nonmass.weights import sha256_of


class TorchScorer:
    """The networks of one task.

    Attributes:
        networks: Seed -> network, in evaluation mode.
    """

    def __init__(self, networks: dict[int, torch.nn.Module], batch: int) -> None:
        self.networks, self._batch = networks, batch

    def __call__(self, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(n, side, side) uint8 -> (n,) logits; n is at most the size of a batch."""
        return ensemble_logits({seed: batch_logits(one, squares, self._batch) for seed, one in self.networks.items()})

    def maps(self, squares: NDArray[np.uint8], positive: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(n, side, side) uint8 -> (n, h, w) Grad-CAM of what is called, see `gradcam.ensemble_maps`."""
        return ensemble_maps(self.networks, squares, positive)


def open_torch(release: Release, models: Path, batch: int) -> TorchScorer:
    """The networks that a description speaks of.

    Raises:
        InputError: Weights are missing, damaged, or others than described.
    """
    folder = models / release.task / release.backbone
    for seed, expected in release.weights_sha256.items():
        path = folder / seed / "model.safetensors"
        if not path.is_file() or sha256_of(path) != expected:
            raise InputError(f"{path}: not the weights that were described; run `dvc repro`")
    return TorchScorer(load_ensemble(folder, release.seeds), batch)
