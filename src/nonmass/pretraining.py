"""Pretraining without labels: two changed views of one image shall look alike, those of two images shall not."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from nonmass.augment import AugmentParams, augment, draw
from nonmass.batches import BatchOrder, ImageBank, to_input
from nonmass.determinism import seed_of, seed_torch
from nonmass.errors import InputError
from nonmass.params import Section

# Stronger than in a training, since a view need only be recognised, not judged.
VIEWS = AugmentParams(mirror=0.5, shift=0.2, scale=0.5, rotation_deg=15, gain=0.4, gamma=0.5, speckle=0.2)
PROJECTED = 128  # numbers that a view is compared by
WEIGHT_DECAY = 1e-4
WARMUP_SHARE = 0.1


class PretrainParams(Section):
    """How the weights are prepared on the training images, without their labels.

    Attributes:
        epochs: 0 is off.
        batch_size: Images a step; each is told from all others of its batch, so the larger the better.
        side_px: The images are shrunk to this side for it.
        lr: The highest learning rate.
        temperature: The lower, the more the most similar of the other images count.
    """

    epochs: int = Field(ge=0)
    batch_size: int = Field(ge=8)
    side_px: int = Field(ge=32)
    lr: float = Field(gt=0, le=1)
    temperature: float = Field(gt=0, le=10)


def pretrain(
    network: torch.nn.Module,
    images: NDArray[np.uint8],
    image_ids: list[str],
    params: PretrainParams,
    seed: int,
    *,
    device: torch.device,
    bf16: bool,
    on_batch: Callable[[int, torch.Tensor], object] | None = None,
) -> None:
    """Train all weights of a network but its classifier's, in place; no gradients are left.

    The others that an image is told from may be of its own patient: patients are not known here.

    Args:
        network: Of timm: `forward_features` and `forward_head`.
        images: (n, side, side) uint8, those of the training alone.
        image_ids: Of the images; what is drawn depends on them.
        params: How.
        seed: Of order, views and dropout.
        device: Where.
        bf16: Whether in mixed precision.
        on_batch: Called after every step with the number of images and their loss.

    Raises:
        InputError: The network takes no images so small, or the loss is no longer finite.

    Source: Chen et al. 2020 (SimCLR), with the batch for its negatives.
    """
    learner = _Learner(network, images, image_ids, params, seed_of(seed, "pretrain"), device, bf16)
    for epoch in range(params.epochs):
        learner.run_epoch(epoch, on_batch or (lambda n_images, loss: None))
    learner.optimiser.zero_grad(set_to_none=True)


class _Learner:
    """Network, projection and optimiser, which change together."""

    def __init__(
        self,
        network: torch.nn.Module,
        images: NDArray[np.uint8],
        image_ids: list[str],
        params: PretrainParams,
        seed: int,
        device: torch.device,
        bf16: bool,
    ) -> None:
        self.network, self.image_ids = network.to(device), image_ids
        self.params, self.seed, self.bf16 = params, seed, bf16
        self.bank = ImageBank(_shrunk(images, params.side_px), device)
        self.order = BatchOrder(image_ids, params.batch_size, seed)
        width = _width(network, self.bank.take([0, 0]), images.shape[1])
        self.projection = _projection(width, seed).to(device)
        weights = [*network.parameters(), *self.projection.parameters()]
        self.optimiser = torch.optim.AdamW(weights, lr=params.lr, weight_decay=WEIGHT_DECAY)

    def run_epoch(self, epoch: int, on_batch: Callable[[int, torch.Tensor], object]) -> None:
        """One pass over the images."""
        seed_torch(self.seed, "dropout", epoch)  # this way it depends on nothing before
        self.network.train()
        losses = []
        for number, rows in enumerate(self.order.batches(epoch)):
            losses.append(self._step(epoch, number, rows))
            on_batch(len(rows), losses[-1])
        numbers = [torch.stack(losses), *self.network.parameters()]  # weights: the last step comes after its loss
        if not all(bool(some.isfinite().all()) for some in numbers):
            raise InputError(f"pretrain: the loss is not finite in epoch {epoch}; lower pretrain.lr")

    def _step(self, epoch: int, number: int, rows: list[int]) -> torch.Tensor:
        """Loss of a batch, after which the weights have moved."""
        n_batches = len(self.order)
        for group in self.optimiser.param_groups:
            group["lr"] = self.params.lr * share_of_rate(epoch * n_batches + number, self.params.epochs * n_batches)
        views = torch.cat([self._view(rows, draws) for draws in (2 * epoch, 2 * epoch + 1)])
        with torch.autocast(views.device.type, torch.bfloat16, enabled=self.bf16):
            seen = self.projection(_features(self.network, views))
        loss = contrast(seen.float(), self.params.temperature)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    def _view(self, rows: list[int], draws: int) -> torch.Tensor:
        images = self.bank.take(rows)
        ids = [self.image_ids[row] for row in rows]
        return to_input(augment(images, draw(VIEWS, images.shape[-1], self.seed, draws, ids), VIEWS))


def share_of_rate(step: int, steps: int) -> float:
    """Share of the highest learning rate that a step, counted from 0, is taken with: warm-up, then half a cosine."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    return (step + 1) / warmup if step < warmup else (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def contrast(seen: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean cross-entropy of picking, for each of (2b, d), its other view: rows i and i + b are views of one image.

    Source: Sohn 2016; Chen et al. 2020, NT-Xent.
    """
    seen = torch.nn.functional.normalize(seen, dim=1)
    likeness = seen @ seen.T / temperature
    itself = torch.eye(len(seen), dtype=torch.bool, device=seen.device)
    half = len(seen) // 2
    other = torch.arange(len(seen), device=seen.device).roll(half)
    return torch.nn.functional.cross_entropy(likeness.masked_fill(itself, -torch.inf), other)


def _features(network: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    features: torch.Tensor = network.forward_head(network.forward_features(batch), pre_logits=True)  # type: ignore[operator]
    return features.flatten(1)


def _width(network: torch.nn.Module, pair: torch.Tensor, side_px: int) -> int:
    """Length of the features, tried on a pair of images; they may be smaller than `side_px`, that of the training."""
    try:
        with torch.no_grad():
            return _features(network.eval(), to_input(pair)).shape[1]
    except Exception as error:  # each architecture has its own way to say that it takes no such images
        tried_px = pair.shape[-1]
        if tried_px == side_px or isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        raise InputError(
            f"pretrain: {type(network).__name__} takes no images of {tried_px} px; "
            f"set pretrain.side_px to {side_px} (crop.side_px)"
        ) from None


def _projection(width: int, seed: int) -> torch.nn.Module:
    """Two layers between the features and what is compared; dropped after the pretraining."""
    seed_torch(seed, "projection")
    return torch.nn.Sequential(
        torch.nn.Linear(width, 2 * PROJECTED, bias=False),
        torch.nn.BatchNorm1d(2 * PROJECTED),
        torch.nn.ReLU(),
        torch.nn.Linear(2 * PROJECTED, PROJECTED),
    )


def _shrunk(images: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    if side_px >= images.shape[1]:
        return images
    import cv2

    return np.stack([cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA) for image in images])
