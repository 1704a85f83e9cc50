"""Pretraining without labels: two changed views of one image shall look alike, those of two images shall not."""

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from nonmass.augment import AugmentParams, augment, draw
from nonmass.batches import BatchOrder, ImageBank, to_input
from nonmass.determinism import seed_of
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
) -> None:
    """Train all weights of a network but its classifier's, in place.

    Args:
        network: Of timm: `forward_features` and `forward_head`.
        images: (n, side, side) uint8, those of the training alone.
        image_ids: Of the images; what is drawn depends on them.
        params: How.
        seed: Of order and views.
        device: Where.
        bf16: Whether in mixed precision.

    Source: Chen et al. 2020 (SimCLR), with the batch for its negatives.
    """
    seed = seed_of(seed, "pretrain")
    images = _shrunk(images, params.side_px)
    bank = ImageBank(images, device)
    order = BatchOrder(image_ids, params.batch_size, seed)
    network.to(device).train()
    projection = _projection(network, bank.take([0, 0]), seed).to(device)
    weights = [*network.parameters(), *projection.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=params.lr, weight_decay=WEIGHT_DECAY)
    steps = params.epochs * len(order.batches(0))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.lr, steps, pct_start=WARMUP_SHARE, cycle_momentum=False
    )
    for epoch in tqdm(range(params.epochs), desc="pretrain", unit="epoch"):
        for rows in order.batches(epoch):
            ids = [image_ids[row] for row in rows]
            views = [
                to_input(augment(bank.take(rows), draw(VIEWS, images.shape[1], seed, draws, ids), VIEWS))
                for draws in (2 * epoch, 2 * epoch + 1)
            ]
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                seen = projection(_features(network, torch.cat(views)))
            loss = contrast(seen.float(), params.temperature)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()


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


def _projection(network: torch.nn.Module, batch: torch.Tensor, seed: int) -> torch.nn.Module:
    """Two layers between the features and what is compared; dropped after the pretraining."""
    with torch.no_grad():
        width = _features(network, to_input(batch)).shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "projection") % 2**63)
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
