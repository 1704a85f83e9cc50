"""Training of one network: focal loss, Adam, decay and early stopping on the validation loss."""

import logging
import signal
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, TQDMProgressBar
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import SIGTERMException
from pydantic import Field, field_validator
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader
from torchvision.ops import sigmoid_focal_loss

from nonmass.batches import BatchOrder, ImageBatches, Images
from nonmass.errors import InputError
from nonmass.params import Section


class TrainParams(Section):
    """The recipe of both tasks. The paper's: 300 epochs, 15 for early stopping, batch 16, lr 0.001.

    Attributes:
        seed: Of initial weights and image order.
        epochs: The most epochs.
        early_stopping_epochs: Stop after so many epochs without a lower validation loss.
        batch_size: Images a step.
        lr: Learning rate of Adam, about the length of a step in every weight.
        focal_alpha: Weight of positives, 1 - alpha that of negatives; 0.5 weighs both alike.
        focal_gamma: Focusing exponent; 0 is cross-entropy. Not between 0 and 1, where the slope at
            a certain image is infinite.
    """

    seed: int
    epochs: int = Field(ge=1)
    early_stopping_epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: float = Field(gt=0, le=1)
    focal_alpha: float = Field(gt=0, lt=1)
    focal_gamma: float = Field(ge=0, le=10)

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


@dataclass(frozen=True)
class Part:
    """One part of a split, decoded.

    Attributes:
        rows: Of the split table; image ids and truth.
        images: (n, side, side) uint8, in the order of `rows`.
    """

    rows: pd.DataFrame
    images: Images

    def batches(self, batch_size: int, order_seed: int | None) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
        """Batches in an order drawn anew each epoch, or as they stand where the seed is None."""
        order = BatchOrder(self.rows["image_id"].tolist(), batch_size, order_seed)
        return DataLoader(ImageBatches(self.images, self.rows["truth"]), sampler=order, batch_size=None)


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes:
        weights: Of the epoch with the lowest validation loss.
        history: One row an epoch; columns of `tables.HISTORY`.
        best_epoch: Which epoch that was, from 0.
    """

    weights: dict[str, torch.Tensor]
    history: pd.DataFrame
    best_epoch: int


class _Classifier(L.LightningModule):
    def __init__(self, network: torch.nn.Module, params: TrainParams, decay: LrDecayParams) -> None:
        super().__init__()
        self.network, self.params, self.decay = network, params, decay
        self.train_losses: list[torch.Tensor] = []
        self.val_logits: list[torch.Tensor] = []
        self.val_truth: list[torch.Tensor] = []

    def configure_optimizers(self) -> Any:
        adam = torch.optim.Adam(self.parameters(), lr=self.params.lr)
        if self.decay.after_epochs == 0:
            return adam
        # torch's patience counts the epochs that pass before the one that triggers
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            adam, factor=self.decay.factor, patience=self.decay.after_epochs - 1, threshold=0.0
        )
        return {"optimizer": adam, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}

    def _losses(self, logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        alpha, gamma = self.params.focal_alpha, self.params.focal_gamma
        losses: torch.Tensor = sigmoid_focal_loss(logits.float(), truth, alpha=alpha, gamma=gamma)
        return losses

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], step: int) -> torch.Tensor:
        images, truth = batch
        losses = self._losses(self.network(images), truth)
        self.train_losses.append(losses.detach())
        return self._finite(losses.mean(), f"step {step}")

    def _finite(self, loss: torch.Tensor, where: str) -> torch.Tensor:
        if not torch.isfinite(loss):
            raise InputError(f"train: the loss is not finite in epoch {self.current_epoch}, {where}; lower train.lr")
        return loss

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _step: int) -> None:
        images, truth = batch
        self.val_logits.append(self.network(images).float())
        self.val_truth.append(truth)

    def on_validation_epoch_end(self) -> None:
        logits, truth = torch.cat(self.val_logits), torch.cat(self.val_truth)
        self.log("val_loss", self._finite(self._losses(logits, truth).mean(), "validation"), prog_bar=True)
        self.log("val_auc", float(roc_auc_score(truth.cpu().numpy(), logits.cpu().numpy())), prog_bar=True)
        self.val_logits, self.val_truth = [], []


class _Record(Callback):
    """Keeps the weights of the best epoch, and a row an epoch that it shows to `on_epoch`."""

    def __init__(self, on_epoch: Callable[[pd.DataFrame], None]) -> None:
        self.on_epoch = on_epoch
        self.rows: list[dict[str, float]] = []
        self.weights: dict[str, torch.Tensor] = {}
        self.best_epoch = 0

    # Lightning validates inside the training epoch, so here both losses of the epoch are known.
    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, _Classifier)
        row = {
            "epoch": trainer.current_epoch,
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
            "train_loss": float(torch.cat(module.train_losses).mean()),
            "val_loss": float(trainer.callback_metrics["val_loss"]),
            "val_auc": float(trainer.callback_metrics["val_auc"]),
        }
        module.train_losses = []
        if not self.rows or row["val_loss"] < self.rows[self.best_epoch]["val_loss"]:
            self.best_epoch = trainer.current_epoch
            self.weights = {name: value.detach().cpu().clone() for name, value in module.network.state_dict().items()}
        self.rows.append(row)
        self.on_epoch(pd.DataFrame(self.rows))


def train(
    network: torch.nn.Module,
    train_part: Part,
    val_part: Part,
    params: TrainParams,
    decay: LrDecayParams,
    *,
    precision: str,
    on_epoch: Callable[[pd.DataFrame], None],
) -> Trained:
    """Train a network and keep the epoch with the lowest validation loss.

    Args:
        network: Fresh, with a single logit; trained in place.
        train_part: What the weights learn from.
        val_part: What decay, stopping and the choice of the epoch look at.
        params: The recipe.
        decay: The decay of this task.
        precision: Lightning's word for it, e.g. `32-true`.
        on_epoch: Called with the history so far after every epoch.

    Raises:
        InputError: A part lacks a class, or the loss is no longer finite.

    Source: Lin et al. 2017 (focal loss); Kingma & Ba 2015 (Adam).
    """
    for name, part in (("train", train_part), ("val", val_part)):
        if part.rows["truth"].nunique() != 2:
            raise InputError(f"train: part '{name}' holds one class only; more patients or another ratio are needed")
    record = _Record(on_epoch)
    with warnings.catch_warnings():
        # The set lies in memory already: worker processes would only add start-up.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # Lightning 2.6 calls what torch 2.12 has deprecated; nothing of ours.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*", category=FutureWarning)
        try:
            _trainer(params, precision, record).fit(
                _Classifier(network, params, decay),
                train_part.batches(params.batch_size, params.seed),
                val_part.batches(params.batch_size, None),
            )
        except SIGTERMException:  # leaves with code 0, as if all were done
            raise SystemExit(128 + signal.SIGTERM) from None
    return Trained(record.weights, pd.DataFrame(record.rows), record.best_epoch)


def _trainer(params: TrainParams, precision: str, record: _Record) -> L.Trainer:
    """One process on one device, whatever the machine has: more of them would train on other batches."""
    return L.Trainer(
        max_epochs=params.epochs,
        precision=precision,
        devices=1,
        plugins=[LightningEnvironment()],
        callbacks=[
            EarlyStopping("val_loss", patience=params.early_stopping_epochs),
            record,
            TQDMProgressBar(leave=True),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


def quieten() -> None:
    """Leave the progress bar and the warnings of Lightning, not its advertising."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
