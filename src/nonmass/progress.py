"""What a person sees of a training: how far it is, what went wrong; and how she stops it."""

import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Literal

import torch
from tqdm import tqdm

from nonmass.errors import InputError

# Between two looks at the loss: each waits for the device.
REFRESH_S = 0.5
LESS_MEMORY = {
    "train": "train.batch_size or crop.side_px; the state after the last good epoch is kept",
    "pretrain": "pretrain.batch_size or pretrain.side_px",
}


class StopRequest:
    """Ctrl-C and SIGTERM, put off: while it is open, the first is only noted; the next acts as it always did.

    Attributes:
        number: Of the signal that came, or None.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


class Progress:
    """A bar over all epochs: loss, validation AUC, images a second, time left; and the end of it on request.

    Args:
        n_images: Of the training part.
        epochs: The most of them.
        done: How many are behind a resumed training.
        is_shown: In one of several processes only.
    """

    def __init__(self, n_images: int, epochs: int, done: int, *, is_shown: bool) -> None:
        self.n_images, self.epochs, self.done, self.is_shown = n_images, epochs, done, is_shown
        self.stop, self.val_auc = StopRequest(), ""

    def __enter__(self) -> "Progress":
        total, initial = self.n_images * self.epochs, self.n_images * self.done
        if self.done and self.is_shown:
            sys.stderr.write(f"going on after epoch {self.done}, which was saved\n")
        self.bar = tqdm(
            desc=self._epoch_now(),
            total=total,
            initial=initial,
            unit="image",
            mininterval=REFRESH_S,
            disable=not self.is_shown,
        )
        self.stop.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop.__exit__(kind, error, at)
        self.bar.close()
        if isinstance(error, RuntimeError):  # another process was stopped first, and this one waited for it
            self.stop_if_asked()

    def batch(self, n_images: int, losses: torch.Tensor) -> bool:
        """Count a batch; tells whether the loss, where it was looked at, is a number.

        Raises:
            SystemExit: Somebody has asked for it; the code is 128 + the signal's number.
        """
        self.stop_if_asked()
        if not self.bar.update(n_images):
            return True
        loss = float(losses.mean())
        self.bar.set_postfix_str(f"loss {loss:.4f}{self.val_auc}", refresh=False)
        return math.isfinite(loss)

    def epoch(self, val_auc: float) -> None:
        """Count an epoch."""
        self.done += 1
        self.val_auc = f", validation AUC {val_auc:.3f}"
        self.bar.set_description_str(self._epoch_now(), refresh=False)

    def _epoch_now(self) -> str:
        return f"epoch {min(self.done + 1, self.epochs)}/{self.epochs}"

    def stop_if_asked(self) -> None:
        """Leave, and say how to go on."""
        if self.stop.number is None:
            return
        self.bar.close()
        if self.is_shown:
            sys.stderr.write(f"stopped: {self._kept()}\n")
        raise SystemExit(128 + self.stop.number)

    def _kept(self) -> str:
        kept = f"{self.done} of at most {self.epochs} epochs are saved" if self.done else "no epoch was done"
        return f"{kept}; run the same command again, and the training goes on from there"


class PretrainingProgress(Progress):
    """The same before the training, where nothing is saved between epochs."""

    def _epoch_now(self) -> str:
        return "pretraining"

    def _kept(self) -> str:
        return "nothing of the pretraining is saved; run the same command again, and the pretraining starts anew"


def check_finite(losses: torch.Tensor, batches: Sequence[Sequence[int]], ids: Sequence[str], where: str) -> None:
    """Name the first batch in which a loss is no number; after it, all of them are wrong.

    Args:
        losses: (n, 1).
        batches: Rows of each batch, in the order they came.
        ids: Of the images, a row each.
        where: What the message calls the place.

    Raises:
        InputError: There is one.
    """
    finite = torch.isfinite(losses).squeeze(1).tolist()
    for number, rows in enumerate(batches):
        if not all(finite[row] for row in rows):
            named = ", ".join(ids[row] for row in rows)
            raise InputError(
                f"train: the loss is not finite in {where}, batch {number} ({named}); "
                "lower train.lr or look at these images; the state after the last good epoch is kept"
            )


@contextmanager
def memory_in_one_line(
    section: Literal["train", "pretrain"], batch_size: int, side_px: int, device: torch.device
) -> Iterator[None]:
    """Tell what was too large, and which params of a section make it smaller.

    Raises:
        InputError: In place of an error of any allocator.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch says it in words on the CPU
        says_so = "allocate memory" in str(error) or "not enough memory" in str(error)
        if not (says_so or isinstance(error, MemoryError | torch.OutOfMemoryError)):
            raise
        raise InputError(
            f"{section}: out of memory on {device.type} with batches of {batch_size} images of {side_px} px; "
            f"lower {LESS_MEMORY[section]}"
        ) from None
