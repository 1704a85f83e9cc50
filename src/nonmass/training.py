"""Training of one network: epochs, validation, and a state between them from which a killed run goes on."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric

from nonmass.augment import augment, draw
from nonmass.batches import BatchOrder, ImageBank, Images, share, to_input
from nonmass.determinism import seed_torch
from nonmass.errors import InputError
from nonmass.pretraining import pretrain
from nonmass.processes import in_order, on_device
from nonmass.progress import PretrainingProgress, Progress, check_finite, memory_in_one_line
from nonmass.recipe import (
    LearningRate,
    Recipe,
    average_of,
    focal_losses,
    follow,
    is_over,
    kept_of,
    make_optimiser,
    restore_optimiser,
)
from nonmass.recipe import TrainParams as TrainParams
from nonmass.resume import State, StateFile, parse


@dataclass(frozen=True)
class Part:
    """One part of a split, decoded.

    Attributes:
        rows: Of the split table; image ids and truth.
        images: (n, side, side) uint8, in the order of `rows`.
    """

    rows: pd.DataFrame
    images: Images


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes:
        weights: Of the epoch that `train.kept_epoch` names.
        history: One row an epoch; columns of `tables.HISTORY`.
        kept_epoch: Which epoch that was, from 0.
    """

    weights: dict[str, torch.Tensor]
    history: pd.DataFrame
    kept_epoch: int


def train(
    network: torch.nn.Module,
    train_part: Part,
    val_part: Part,
    recipe: Recipe,
    fabric: Fabric,
    *,
    saved: StateFile,
    on_epoch: Callable[[pd.DataFrame], None],
) -> Trained:
    """Train a network and keep the epoch that the recipe names.

    Args:
        network: Fresh, with a single logit; trained in place.
        train_part: What the weights learn from.
        val_part: What decay, stopping and the choice of the epoch look at.
        recipe: All that decides.
        fabric: Device, precision and processes, from `processes.launch`.
        saved: Where the state is kept. If it holds one, the training goes on from there.
        on_epoch: Called with the history so far after every epoch and after a state was found, in
            the first process only.

    Raises:
        InputError: A part lacks a class, a loss is no longer finite, memory or disk are full.
        SystemExit: After Ctrl-C or SIGTERM, with 128 + the signal's number.
    """
    learner = _begin(network, train_part, val_part, recipe, fabric, saved)
    if learner.history or recipe.pretrain.epochs:
        learner.keep(saved, on_epoch)
    epochs, done = recipe.train.epochs, len(learner.history)
    with Progress(len(train_part.rows), epochs, done, is_shown=fabric.is_global_zero) as progress:
        while not is_over(learner.val_losses, recipe.train):
            with memory_in_one_line("train", recipe.train.batch_size, train_part.images.shape[1], fabric.device):
                learner.run_epoch(progress)
            learner.keep(saved, on_epoch)
    return Trained(learner.kept, pd.DataFrame(learner.history), kept_of(learner.val_losses, recipe.train))


def _begin(
    network: torch.nn.Module, train_part: Part, val_part: Part, recipe: Recipe, fabric: Fabric, saved: StateFile
) -> "_Learner":
    """All before the next epoch: the state that was saved, or else the pretraining."""
    for name, part in (("train", train_part), ("val", val_part)):
        if part.rows["truth"].nunique() != 2:
            raise InputError(f"train: part '{name}' holds one class only; more patients or another ratio are needed")
    state = _found(saved, fabric)
    if state is None and recipe.pretrain.epochs:
        _pretrain(network, train_part, recipe, fabric)
    with memory_in_one_line("train", recipe.train.batch_size, train_part.images.shape[1], fabric.device):
        return _Learner(network, train_part, val_part, recipe, fabric, state)


def _pretrain(network: torch.nn.Module, part: Part, recipe: Recipe, fabric: Fabric) -> None:
    """Prepare the weights; each process does the same."""
    params, side_px = recipe.pretrain, min(recipe.pretrain.side_px, part.images.shape[1])
    with (
        PretrainingProgress(len(part.rows), params.epochs, 0, is_shown=fabric.is_global_zero) as progress,
        memory_in_one_line("pretrain", params.batch_size, side_px, fabric.device),
    ):
        pretrain(
            network,
            part.images,
            part.rows["image_id"].tolist(),
            params,
            recipe.seed,
            device=fabric.device,
            bf16=fabric.strategy.precision.precision == "bf16-mixed",
            on_batch=progress.batch,
        )
        progress.stop_if_asked()


def _found(saved: StateFile, fabric: Fabric) -> State | None:
    """The state that the first process finds, for all of them."""
    content = fabric.broadcast(saved.read() if fabric.is_global_zero else None)
    state = parse(content) if content else None
    if content is not None and state is None and fabric.is_global_zero:
        sys.stderr.write(f"{saved.path}: damaged; the training starts anew\n")
    return state


class _Learner:
    """Network, optimiser and history, which change together."""

    def __init__(
        self,
        network: torch.nn.Module,
        train_part: Part,
        val_part: Part,
        recipe: Recipe,
        fabric: Fabric,
        state: State | None,
    ) -> None:
        params = recipe.train
        self.recipe, self.fabric, self.network = recipe, fabric, on_device(network, fabric)
        self.history: list[dict[str, Any]] = []
        self.kept: dict[str, torch.Tensor] = {}
        self.train = _Loaded(train_part, params.batch_size, recipe.seed, fabric.device)
        self.val = _Loaded(val_part, params.batch_size, None, fabric.device)
        if len(self.train.order.batches(0)[-1]) < fabric.world_size:
            raise InputError("train: a batch has fewer images than there are processes; lower runtime.devices")
        self.averaged = average_of(self.network) if params.weight_averaging else None
        self.raw_optimiser = make_optimiser(self.network, params)
        self.rate = LearningRate(self.raw_optimiser, params, recipe.decay, len(self.train.order))
        if state:
            self._restore(state)
        self.forward, self.optimiser = fabric.setup(self.network, self.raw_optimiser)

    @property
    def val_losses(self) -> list[float]:
        """One an epoch."""
        return [row["val_loss"] for row in self.history]

    def run_epoch(self, progress: Progress) -> None:
        """One pass over the training images, a validation, a row more, and perhaps new weights to keep."""
        epoch = len(self.history)
        train_loss = self._pass(epoch, progress)
        logits = self._validate(progress)
        losses = focal_losses(logits, self.val.truth, self.recipe.train)
        check_finite(losses, self.val.order.batches(0), self.val.ids, f"epoch {epoch}, validation")
        row = {
            "epoch": epoch,
            "learning_rate": self.rate.now,
            "train_loss": train_loss,
            "val_loss": float(losses.double().mean()),
            "val_auc": _auc(self.val.truth, logits),
        }
        self.rate.after_epoch(epoch, row["val_loss"])
        self.history.append(row)
        progress.epoch(row["val_auc"])
        if kept_of(self.val_losses, self.recipe.train) == epoch:
            self.kept = _copied(self.validated.state_dict())

    @property
    def validated(self) -> torch.nn.Module:
        """What is judged and kept: the network, or the average of its weights."""
        return self.averaged.module if self.averaged else self.network

    def _pass(self, epoch: int, progress: Progress) -> float:
        rank, world_size = self.fabric.global_rank, self.fabric.world_size
        # Dropout is the one draw from torch's own generator; this way it depends on nothing before.
        seed_torch(self.recipe.seed, "dropout", epoch, rank)
        self.network.train()
        batches = self.train.order.batches(epoch)
        done: list[tuple[list[int], torch.Tensor]] = []
        for number, batch in enumerate(batches):
            rows = share(batch, rank, world_size)
            done.append((rows, self._step(epoch, number, rows, len(batch))))
            if not progress.batch(len(batch), done[-1][1]) and world_size == 1:
                break  # the check below says which batch it was
        losses = in_order(self.train.truth, done, self.fabric)
        check_finite(losses, batches, self.train.ids, f"epoch {epoch}")
        return float(losses.double().mean())

    def _step(self, epoch: int, number: int, rows: list[int], batch_size: int) -> torch.Tensor:
        """Losses (b, 1) of this process's rows of a batch, after which the weights have moved."""
        step = epoch * len(self.train.order) + number
        self.rate.before_step(step)
        images = self.train.bank.take(rows)
        if not self.recipe.augment.is_off:
            ids = [self.train.ids[row] for row in rows]
            draws = draw(self.recipe.augment, images.shape[-1], self.recipe.seed, epoch, ids)
            images = augment(images, draws, self.recipe.augment)
        truth = self.train.truth[torch.tensor(rows, device=images.device)]
        losses = focal_losses(self.forward(to_input(images)), truth, self.recipe.train)
        # Processes average their gradients, so this is the gradient of the mean over the whole batch.
        self.optimiser.zero_grad()
        self.fabric.backward(losses.sum() * (self.fabric.world_size / batch_size))
        self.optimiser.step()
        if self.averaged:
            follow(self.averaged, self.network, self.recipe.train.weight_averaging, step)
        return losses.detach()

    def _validate(self, progress: Progress) -> torch.Tensor:
        """Logits (n, 1); every process takes whole batches, so that their number changes no bit."""
        rank, world_size = self.fabric.global_rank, self.fabric.world_size
        if world_size > 1:
            for buffer in self.validated.buffers():  # statistics of norms that each process has gathered alone
                torch.distributed.broadcast(buffer, 0)
        self.validated.eval()
        done = []
        with torch.inference_mode(), self.fabric.autocast():
            for rows in self.val.order.batches(0)[rank::world_size]:
                done.append((rows, self.validated(to_input(self.val.bank.take(rows))).float()))
                progress.stop_if_asked()
        return in_order(self.val.truth, done, self.fabric)

    def keep(self, saved: StateFile, on_epoch: Callable[[pd.DataFrame], None]) -> None:
        """Write the state, and then the history: a row that is seen is never lost."""
        if not self.fabric.is_global_zero:
            return
        saved.write(self.state())
        if self.history:
            on_epoch(pd.DataFrame(self.history))

    def state(self) -> State:
        """Everything that the next epoch depends on."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        if self.averaged:
            tensors |= {f"averaged.{name}": value for name, value in self.averaged.state_dict().items()}
        for index, memory in self.raw_optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": value for name, value in memory.items()}
        return State(_copied(tensors) | {f"kept.{name}": value for name, value in self.kept.items()}, self.history)

    def _restore(self, state: State) -> None:
        def part(name: str) -> dict[str, torch.Tensor]:
            start = f"{name}."
            return {key.removeprefix(start): value for key, value in state.tensors.items() if key.startswith(start)}

        self.network.load_state_dict(part("network"))
        if self.averaged:
            self.averaged.load_state_dict(part("averaged"))
        restore_optimiser(self.raw_optimiser, part("optimiser"))
        self.kept, self.history = part("kept"), state.history
        for row in self.history:
            self.rate.after_epoch(row["epoch"], row["val_loss"])


class _Loaded:
    """A part as the device needs it."""

    def __init__(self, part: Part, batch_size: int, seed: int | None, device: torch.device) -> None:
        self.ids: list[str] = part.rows["image_id"].tolist()
        self.bank = ImageBank(part.images, device)
        self.order = BatchOrder(self.ids, batch_size, seed)
        self.truth = torch.tensor(part.rows["truth"].to_numpy(), dtype=torch.float32, device=device).unsqueeze(1)


def _copied(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def _auc(truth: torch.Tensor, logits: torch.Tensor) -> float:
    from sklearn.metrics import roc_auc_score  # a second, which the first step need not wait for

    return float(roc_auc_score(truth.cpu().numpy(), logits.cpu().numpy()))
