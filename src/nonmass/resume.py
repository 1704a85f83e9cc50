"""The state of a training between two epochs: written whole, found again by a fingerprint, gone when all is done."""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import lightning_fabric
import numpy as np
import pandas as pd
import safetensors
import scipy
import timm
import torch
import torchvision
from numpy.typing import NDArray
from safetensors.torch import load, save

from nonmass.determinism import processor_name
from nonmass.errors import InputError
from nonmass.files import whole_file

# In the project's folder, which Git and DVC ignore; not in the model's, which DVC empties before a stage.
FOLDER = Path(".train")

# The code that decides what a training gives, as DVC watches it for the train stages.
MODULES = (
    *("augment", "batches", "determinism", "entry", "errors", "files", "network", "params", "precision"),
    *("pretraining", "processes", "progress", "recipe", "resume", "tables", "training", "weights"),
)
PACKAGES = (torch, torchvision, timm, np, pd, scipy, cv2, lightning_fabric, safetensors)


def fingerprint(
    settings: Mapping[str, Any], rows: Sequence[pd.DataFrame], images: Sequence[NDArray[np.uint8]], script: Path
) -> str:
    """Tells trainings apart: two of one fingerprint go through the same states, bit by bit.

    Args:
        settings: Every parameter, as JSON knows them; the file of the initial weights by its hash.
        rows: Of the split, a frame a part.
        images: (n, side, side) of each part.
        script: Of the stage; its bytes count, as do those of `MODULES`.

    Returns:
        64 hexadecimal digits. The processor's model counts, too: another one may round otherwise.
    """
    digest = hashlib.sha256()
    versions = {"python": sys.version, **{package.__name__: package.__version__ for package in PACKAGES}}
    told = {
        "settings": dict(settings),
        "versions": versions,
        "processor": processor_name(),
        "kernels": [torch.backends.cpu.get_cpu_capability(), torch.backends.cudnn.version()],  # type: ignore[no-untyped-call]
    }
    digest.update(json.dumps(told, sort_keys=True).encode())
    for path in (script, *(Path(__file__).with_name(f"{name}.py") for name in MODULES)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for frame, array in zip(rows, images, strict=True):
        digest.update(frame[["image_id", "truth"]].to_csv(index=False).encode())
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class State:
    """A training after its last whole epoch; all else follows from the recipe.

    Attributes:
        tensors: Weights, their average, those of the epoch to keep, and what the optimiser remembers.
        history: A row an epoch.
    """

    tensors: dict[str, torch.Tensor]
    history: list[dict[str, Any]]


class StateFile:
    """Where the state of one training lies: `.train/<model>/<fingerprint>.safetensors`.

    One file, so that no kill comes between weights and history; safetensors, which runs no code.

    Args:
        model_dir: The folder that the trained model will lie in; it names the state's folder.
        fingerprint: Of this training; states of others in that folder are not read, and go with it.
    """

    def __init__(self, model_dir: Path, fingerprint: str) -> None:
        name = re.sub(r"\W+", "-", str(model_dir)).strip("-")
        self.path = FOLDER / name / f"{fingerprint}.safetensors"

    def read(self) -> bytes | None:
        """What the file holds, or None where there is none; older states of the same model are removed."""
        for other in self.path.parent.glob("*.safetensors"):
            if other != self.path:
                other.unlink(missing_ok=True)
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(
                f"{self.path}: not readable: {error.strerror}; delete it to train from the start"
            ) from None

    def write(self, state: State) -> None:
        """Replace the state by a later one: it is on the disk before the old one goes.

        Raises:
            InputError: The disk is full, say; the old state stays.
        """
        content = save(state.tensors, {"history": json.dumps(state.history)})
        with saving(self.path), whole_file(self.path) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """The training is done, and its model written."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def parse(content: bytes) -> State | None:
    """The state in the bytes of a file, or None if they are damaged."""
    try:
        size = int.from_bytes(content[:8], "little")
        history = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["history"])
        return State(load(content), history)
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return None


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Tells in one line that a file could not be written, and that nothing is lost by it.

    Raises:
        InputError: In place of an error of the system or of safetensors.
    """
    try:
        yield
    except (OSError, safetensors.SafetensorError) as error:
        fault = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path}: not written: {fault}; make room or mend the folder, then run again: "
            "the training goes on after the last epoch that was saved"
        ) from None
