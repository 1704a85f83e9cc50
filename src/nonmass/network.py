"""The classifier: a timm backbone with one gray input channel and one logit; built, saved, loaded."""

import difflib
import json
from pathlib import Path
from textwrap import shorten
from typing import Literal

import timm
import torch
from pydantic import field_validator
from safetensors.torch import load_file, save_file

from nonmass.errors import InputError
from nonmass.files import whole_file
from nonmass.params import Section


class NetworkParams(Section):
    """Which network a backbone name stands for.

    Attributes:
        timm: Name of an architecture in timm, e.g. `mobilenetv1_100`.
        weights: Initial weights; `none` draws them from the seed of the training.
    """

    timm: str
    weights: Literal["none"]

    @field_validator("timm")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if (
            not isinstance(name, str) or name not in timm.list_models()
        ):  # is_model() would let tags of pretrained weights through
            near = ", ".join(difflib.get_close_matches(name, timm.list_models(), n=3))
            raise ValueError(f"timm has no such architecture{f'; near: {near}' if near else ''}")
        return name


def build_network(architecture: str) -> torch.nn.Module:
    """A network from (n, 1, side, side) float images to (n, 1) logits, with fresh weights.

    The last layer starts at zero, so that every image starts at probability 0.5. timm's own start
    gives MobileNetV1 a focal loss eight times that of chance, and epochs pass before it is back.

    Args:
        architecture: timm's name of it. Its weights come from torch's global generator.
    """
    network: torch.nn.Module = timm.create_model(architecture, pretrained=False, in_chans=1, num_classes=1)
    head = network.get_classifier()  # type: ignore[operator]
    if not isinstance(head, torch.nn.Linear):
        raise InputError(f"networks: {architecture} ends in {type(head).__name__}; it needs a linear classifier")
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def count_parameters(network: torch.nn.Module) -> int:
    """How many numbers are trained."""
    return sum(weight.numel() for weight in network.parameters())


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write weights as safetensors: no code inside, and bytes that depend on the numbers alone."""
    with whole_file(path) as temporary:
        save_file({name: value.contiguous() for name, value in weights.items()}, temporary)


def load_network(architecture: str, path: Path) -> torch.nn.Module:
    """A network with the weights of a file, in evaluation mode.

    Raises:
        InputError: The file is missing, damaged, or of another architecture.
    """
    network = build_network(architecture)
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no weights; run the train stage first") from None
    except Exception as error:  # safetensors raises its own class on damage, torch RuntimeError on other shapes
        summary = shorten(str(error), 200)  # torch lists every weight
        raise InputError(f"{path}: not the weights of {architecture}: {summary}; train it again") from None
    return network.eval()


def load_trained(folder: Path) -> torch.nn.Module:
    """The network that a train stage left in a folder; `model.json` names its architecture.

    Raises:
        InputError: A file is missing, damaged, or of another architecture.
    """
    path = folder / "model.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable: {error}; run the train stage first") from None
    name = record.get("timm") if isinstance(record, dict) else None
    if not isinstance(name, str) or name not in timm.list_models():
        raise InputError(f"{path}: holds no architecture of timm under 'timm'; train the model again")
    return load_network(name, folder / "model.safetensors")
