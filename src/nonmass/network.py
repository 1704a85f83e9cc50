"""The classifier: a timm backbone with one gray input channel and one logit; built, saved, loaded."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Literal

import timm
import torch
from pydantic import Field, field_validator
from safetensors.torch import load_file, save_file

from nonmass.errors import InputError
from nonmass.files import whole_file
from nonmass.params import Section
from nonmass.precision import keep_depthwise_single
from nonmass.weights import NONE, check_source, initial_state, names_of, sha256_of, size_of_input, weights_file


class NetworkParams(Section):
    """Which network a backbone name stands for, and where it starts.

    Attributes:
        timm: Name of an architecture in timm, e.g. `mobilenetv1_100`.
        weights: `none` draws initial weights from the seed of the training; `imagenet` takes timm's; else the
            path of a file in the project, see `weights.initial_state`.
        weights_sha256: Of that file. Where it is given another file is refused, and DVC, which watches
            params, trains again when it changes; "" takes the file as it is.
    """

    timm: str
    weights: str
    weights_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    @field_validator("timm")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if (
            not isinstance(name, str) or name not in timm.list_models()
        ):  # is_model() would let tags of pretrained weights through
            near = ", ".join(difflib.get_close_matches(name, timm.list_models(), n=3))
            raise ValueError(f"timm has no such architecture{f'; near: {near}' if near else ''}")
        return name

    @field_validator("weights")
    @classmethod
    def _is_a_source(cls, weights: str) -> str:
        return check_source(weights)


def build_network(
    architecture: str,
    *,
    head: Literal["zero", "default"] = "zero",
    dropout: float = 0.0,
    weights: str = NONE,
    side_px: int | None = None,
) -> torch.nn.Module:
    """A network from (n, 1, side, side) float images of -1 to 1 to (n, 1) logits, in training mode.

    Args:
        architecture: timm's name of it. What is not read is drawn from torch's global generator.
        head: `zero`: the last layer starts at zero, so that every image starts at probability 0.5. timm's own
            start (`default`) gives MobileNetV1 a focal loss eight times that of chance, and epochs
            pass before it is back.
        dropout: Share of features dropped before the classifier.
        weights: As in `NetworkParams`. A classifier is never taken over.
        side_px: Of the images. Transformers need it; the others are asked whether they can take it.

    Raises:
        InputError: There are no such weights, or the network takes no such dropout, head or images.
    """
    network = _create(architecture, dropout, side_px)
    if weights != NONE:
        network.load_state_dict(initial_state(architecture, weights_file(architecture, weights), side_px))
    if head == "zero":
        for layer in _last_layers(network, architecture):
            torch.nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
    keep_depthwise_single(network)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _create(architecture: str, dropout: float, side_px: int | None) -> torch.nn.Module:
    """The network as timm makes it, tried on an image."""
    arguments = {"drop_rate": dropout or None, **size_of_input(architecture, side_px)}  # timm leaves None out
    try:
        network: torch.nn.Module = timm.create_model(
            architecture, pretrained=False, in_chans=1, num_classes=1, **arguments
        )
        if side_px:
            with torch.no_grad():
                network.eval()(torch.zeros(1, 1, side_px, side_px))
    except Exception as error:  # each architecture has its own way to say that it takes no such images
        fault = shorten(f"{type(error).__name__}: {error}", 200)
        size = f" of {side_px} px" if side_px else ""
        raise InputError(
            f"networks: {architecture} takes no gray images{size}, or no dropout of {dropout:g}: {fault}; "
            "change networks, crop.side_px or train.dropout"
        ) from None
    return network.train()


def _last_layers(network: torch.nn.Module, architecture: str) -> list[torch.nn.Linear | torch.nn.Conv2d]:
    """The layers that give the logit: one, or two in some transformers, which join them."""
    heads = [network.get_submodule(name) for name in names_of(architecture, "classifier")]
    heads = heads or [network.get_classifier()]  # type: ignore[operator]
    parts = [[part for part in head.modules() if isinstance(part, torch.nn.Linear | torch.nn.Conv2d)] for head in heads]
    if not all(parts):
        kinds = ", ".join(type(head).__name__ for head in heads)
        raise InputError(
            f"networks: {architecture} ends in {kinds}, which cannot start at zero; try train.head: default"
        )
    return [inside[-1] for inside in parts]


def weights_record(settings: NetworkParams) -> dict[str, str]:
    """What `model.json` says of the initial weights, and what a fingerprint of the training must hold.

    Returns:
        `weights_sha256`: of the file, "" if there is none.

    Raises:
        InputError: There is no such file, or it is not the one that params name.
    """
    if settings.weights == NONE:
        return {"weights_sha256": ""}
    path = weights_file(settings.timm, settings.weights)
    found = sha256_of(path)
    if settings.weights_sha256 not in ("", found):
        raise InputError(
            f"{path.name}: not the weights that params name: its SHA-256 is {found}, weights_sha256 of the network is "
            f"{settings.weights_sha256}; put the right file there, or correct params"
        )
    return {"weights_sha256": found}


def count_parameters(network: torch.nn.Module) -> int:
    """How many numbers are trained."""
    return sum(weight.numel() for weight in network.parameters())


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write weights as safetensors: no code inside, and bytes that depend on the numbers alone."""
    with whole_file(path) as temporary:
        save_file({name: value.contiguous() for name, value in weights.items()}, temporary)


def load_network(architecture: str, path: Path, side_px: int | None = None) -> torch.nn.Module:
    """A network with the weights of a file that `save_weights` wrote, in evaluation mode.

    Raises:
        InputError: The file is missing, damaged, or of another architecture.
    """
    network = _create(architecture, 0.0, side_px)
    try:
        network.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no weights; run the train stage first") from None
    except Exception as error:  # safetensors raises its own class on damage, torch RuntimeError on other shapes
        summary = shorten(str(error), 200)  # torch lists every weight
        raise InputError(f"{path}: not the weights of {architecture}: {summary}; train it again") from None
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def load_trained(folder: Path) -> torch.nn.Module:
    """The network that a train stage left in a folder; `model.json` names its architecture and the side of its images.

    Raises:
        InputError: A file is missing, damaged, or of another architecture.
    """
    path = folder / "model.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable: {error}; run the train stage first") from None
    name, side_px = (record.get("timm"), record.get("side_px")) if isinstance(record, dict) else (None, None)
    if not isinstance(name, str) or name not in timm.list_models():
        raise InputError(f"{path}: holds no architecture of timm under 'timm'; train the model again")
    if not isinstance(side_px, int | None):
        raise InputError(f"{path}: holds no side of images under 'side_px'; train the model again")
    return load_network(name, folder / "model.safetensors", side_px)


def load_ensemble(folder: Path, seeds: Sequence[int]) -> dict[int, torch.nn.Module]:
    """Seed -> the network that was trained with it, from FOLDER/SEED; see `load_trained`."""
    return {seed: load_trained(folder / str(seed)) for seed in seeds}
