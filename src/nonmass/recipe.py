"""The recipe of a training: its loss, its optimiser, its learning rate from step to step, its average of weights."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from timm.optim import param_groups_weight_decay
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.ops import sigmoid_focal_loss

from nonmass.augment import AugmentParams
from nonmass.params import Section
from nonmass.pretraining import PretrainParams


class TrainParams(Section):
    """The recipe of both tasks. The paper's: 300 epochs, 15 for early stopping, batch 16, lr 0.001, the rest off.

    Attributes:
        seeds: One training each; of initial weights, image order and augmentation.
        epochs: The most epochs.
        early_stopping_epochs: Stop after so many epochs without a lower validation loss.
        batch_size: Images a step, over all devices together.
        lr: Learning rate of Adam, about the length of a step in every weight.
        warmup_epochs: Over so many epochs the learning rate rises from 0, step by step.
        schedule: `plateau` (section `lr_decay`), or `cosine`, which falls to 0 at the last of `epochs`.
        weight_decay: Of AdamW, apart from the gradient; biases and norms do not decay. 0 is Adam.
        weight_averaging: Decay a step of a moving average of all weights, which is validated and kept; 0 is off.
        kept_epoch: Whose weights are kept: `lowest_loss` (of validation; the paper) or `last`, at rest after a cosine.
        head: The classifier's first weights: `zero` starts at chance, `default` as timm draws them.
        dropout: Share of features dropped before the classifier.
        focal_alpha: Weight of positives, 1 - alpha that of negatives; 0.5 weighs both alike.
        focal_gamma: Focusing exponent; 0 is cross-entropy. Not between 0 and 1, where the slope at
            a certain image is infinite.
    """

    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    epochs: int = Field(ge=1)
    early_stopping_epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: float = Field(gt=0, le=1)
    warmup_epochs: int = Field(ge=0)
    schedule: Literal["plateau", "cosine"]
    weight_decay: float = Field(ge=0, le=1)
    weight_averaging: float = Field(ge=0, lt=1)
    kept_epoch: Literal["lowest_loss", "last"]
    head: Literal["zero", "default"]
    dropout: float = Field(ge=0, lt=1)
    focal_alpha: float = Field(gt=0, lt=1)
    focal_gamma: float = Field(ge=0, le=10)

    @field_validator("seeds")
    @classmethod
    def _is_no_seed_twice(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("names a seed twice")
        return seeds

    @field_validator("focal_gamma")
    @classmethod
    def _has_finite_slope(cls, gamma: float) -> float:
        if 0 < gamma < 1:
            raise ValueError("must be 0 or at least 1")
        return gamma


class LrDecayParams(Section):
    """When the learning rate falls; the paper names it for classification only.

    Attributes:
        after_epochs: Epochs without a lower validation loss before it falls; 0 never.
        factor: What it is multiplied by.
    """

    after_epochs: int = Field(ge=0)
    factor: float = Field(gt=0, lt=1)


class Recipe(Section):
    """All that decides a training beside the network, the images and the machine.

    Attributes:
        train: Of both tasks.
        decay: Of this task.
        augment: What a training image may be changed by.
        pretrain: Before the training.
        seed: Of order, augmentation and dropout, one of `train.seeds`.
    """

    train: TrainParams
    decay: LrDecayParams
    augment: AugmentParams
    pretrain: PretrainParams
    seed: int


def focal_losses(logits: torch.Tensor, truth: torch.Tensor, params: TrainParams) -> torch.Tensor:
    """Focal loss of each image, in single precision whatever the logits are in.

    Source: Lin et al. 2017.
    """
    losses: torch.Tensor = sigmoid_focal_loss(logits.float(), truth, alpha=params.focal_alpha, gamma=params.focal_gamma)
    return losses


def make_optimiser(network: torch.nn.Module, params: TrainParams) -> torch.optim.AdamW:
    """AdamW, in which no bias, no norm and nothing that the network itself exempts decays; without decay it is Adam.

    Source: Kingma & Ba 2015 (Adam); Loshchilov & Hutter 2019 (decay apart from the gradient).
    """
    own: Any = getattr(network, "no_weight_decay", None)
    groups = param_groups_weight_decay(network, params.weight_decay, no_weight_decay_list=own() if own else ())
    return torch.optim.AdamW(groups, lr=params.lr, fused=True)


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give an optimiser its memory back, laid out as the weights are: fused kernels go through both in step."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    memory: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".")
        weight = weights[int(index)]
        is_moment = name != "step"
        memory.setdefault(int(index), {})[name] = torch.empty_like(weight).copy_(value) if is_moment else value
    optimiser.load_state_dict({"state": memory, "param_groups": optimiser.state_dict()["param_groups"]})


class LearningRate:
    """The learning rate of each step. It follows from the step and from the validation losses so far alone.

    Args:
        optimiser: Whose rate is set.
        params: Warm-up and schedule.
        decay: Of schedule `plateau`; counts from the end of the warm-up.
        n_batches: Steps an epoch.
    """

    def __init__(
        self, optimiser: torch.optim.Optimizer, params: TrainParams, decay: LrDecayParams, n_batches: int
    ) -> None:
        self.optimiser, self.params = optimiser, params
        self.warmup_steps, self.steps = params.warmup_epochs * n_batches, params.epochs * n_batches
        self.plateau: ReduceLROnPlateau | None = None
        if params.schedule == "plateau" and decay.after_epochs:
            # torch's patience counts the epochs that pass before the one that triggers
            self.plateau = ReduceLROnPlateau(
                optimiser, factor=decay.factor, patience=decay.after_epochs - 1, threshold=0.0
            )

    def before_step(self, step: int) -> None:
        """Set the rate of this step, counted from 0 over all epochs."""
        if step < self.warmup_steps:
            self._set((step + 1) / self.warmup_steps)
        elif self.params.schedule == "cosine":
            done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
            self._set((1 + math.cos(math.pi * done)) / 2)
        elif step == self.warmup_steps:
            self._set(1.0)

    def after_epoch(self, epoch: int, val_loss: float) -> None:
        """Let the rate fall where the loss has not."""
        if self.plateau and epoch >= self.params.warmup_epochs:
            self.plateau.step(val_loss)

    @property
    def now(self) -> float:
        """The rate of the step before."""
        return float(self.optimiser.param_groups[0]["lr"])

    def _set(self, share: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.params.lr * share


def average_of(network: torch.nn.Module) -> AveragedModel:
    """A copy that can follow a network: its weights, and the statistics of its norms."""
    return AveragedModel(network, use_buffers=True)


def follow(averaged: AveragedModel, network: torch.nn.Module, decay: float, step: int) -> None:
    """Move the average towards the weights after a step, counted from 0.

    At first the average is short, or the initial weights would stay in it for many epochs; from
    about step 9 / (1 - decay) on, the decay is the one asked for.

    Source: Polyak & Juditsky 1992; the first steps as in TensorFlow's ExponentialMovingAverage.
    """
    averaged.multi_avg_fn = get_ema_multi_avg_fn(min(decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
    averaged.update_parameters(network)


def best_of(val_losses: Sequence[float]) -> int:
    """The first epoch with the lowest validation loss."""
    return min(range(len(val_losses)), key=lambda epoch: val_losses[epoch])


def kept_of(val_losses: Sequence[float], params: TrainParams) -> int:
    """The epoch whose weights are kept, of those done so far."""
    return len(val_losses) - 1 if params.kept_epoch == "last" else best_of(val_losses)


def is_over(val_losses: Sequence[float], params: TrainParams) -> bool:
    """Whether the most epochs are done, or too many since the best one."""
    done = len(val_losses)
    return done >= params.epochs or (done > 0 and done - 1 - best_of(val_losses) >= params.early_stopping_epochs)
