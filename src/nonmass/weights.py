"""Initial weights from elsewhere: a file of colour weights becomes the start of a network for gray images."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from textwrap import shorten

import timm
import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from timm.layers import ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame
from timm.models import adapt_input_conv, load_state_dict

from nonmass.errors import InputError

NONE, IMAGENET = "none", "imagenet"
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
HUB_FILE = "model.safetensors"
HUB_TIMEOUT_S = 5.0

# They divide their kernels by their own spread before use, so what a kernel adds up to is not what is stored.
STANDARDISED = (StdConv2d, StdConv2dSame, ScaledStdConv2d, ScaledStdConv2dSame)

State = dict[str, torch.Tensor]


def check_source(weights: str) -> str:
    """`none`, `imagenet`, or the path of a file; a path of this machine alone would make no result of anybody else's.

    Raises:
        ValueError: It is none of them, or leads out of the project.
    """
    path = PurePosixPath(weights)
    if weights in (NONE, IMAGENET):
        return weights
    if path.suffix not in SUFFIXES:
        raise ValueError(f"neither none, imagenet, nor the path of a file that ends in {', '.join(SUFFIXES)}")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("a path that leads out of the project; copy or link the file into it, e.g. to data/weights")
    if path.parts[0] == "models":
        raise ValueError("a model of this graph, which has seen patients that this one may be tested on")
    return weights


def weights_file(architecture: str, weights: str) -> Path:
    """The file of initial weights; that of `imagenet` is fetched once, into the cache of the hub.

    Args:
        architecture: timm's name.
        weights: `imagenet` or a path, relative to the project.

    Raises:
        InputError: There is no such file, or no network to fetch it.
    """
    if weights != IMAGENET:
        if not Path(weights).is_file():
            raise InputError(f"{weights}: no such file of initial weights; put it there, or change `networks`")
        return Path(weights)
    repository = getattr(timm.get_pretrained_cfg(architecture), "hf_hub_id", None)
    if not repository:
        raise InputError(
            f"networks: timm offers no pretrained weights of {architecture}; take `weights: none` or a PATH"
        )
    try:
        return _from_hub(repository)
    except Exception as error:  # the hub's client raises its own classes, its transport's and the system's
        raise InputError(
            f"networks: no ImageNet weights of {architecture} ({type(error).__name__} at the hub): fetch "
            f"https://huggingface.co/{repository}/resolve/main/{HUB_FILE} where there is a network, put it into this "
            f"project as data/weights/{architecture}.safetensors, and say "
            f"`networks.<backbone>.weights: data/weights/{architecture}.safetensors`"
        ) from None


def _from_hub(repository: str) -> Path:
    try:
        return Path(hf_hub_download(repository, HUB_FILE, local_files_only=True))
    except OSError:  # not in the cache
        # One question first: the download asks six times, half a minute long, before it gives up.
        get_hf_file_metadata(hf_hub_url(repository, HUB_FILE), timeout=HUB_TIMEOUT_S)
        return Path(hf_hub_download(repository, HUB_FILE, etag_timeout=HUB_TIMEOUT_S))


def sha256_of(path: Path) -> str:
    """64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def initial_state(architecture: str, path: Path, side_px: int | None) -> State:
    """What a file says, as the state of a network with one gray input channel and one fresh logit.

    The file is first loaded, strictly, into the network that it is of, so that every weight finds its place or is
    complained of; timm's own filters of older formats take part. Files of one input channel, such as a
    `model.safetensors` of this project, pass with their input layer unchanged.

    Args:
        architecture: timm's name.
        path: safetensors, or a state dict of timm or torch, which is read without running code in it.
        side_px: Of the images, for architectures that need it.

    Returns:
        Name -> value. The classifier is as timm draws it from torch's global generator.

    Raises:
        InputError: The file is damaged, or of another architecture.
    """
    state = _read(path)
    config = timm.get_pretrained_cfg(architecture)
    inputs = [name for name in names_of(architecture, "first_conv") if f"{name}.weight" in state]
    channels = 1 if any(state[f"{name}.weight"].shape[1] % 3 for name in inputs) else 3
    original = _original(architecture, path, state, side_px, channels)
    original.reset_classifier(1)  # type: ignore[operator]
    fitted: State = dict(original.state_dict())
    if channels == 3:
        for name in names_of(architecture, "first_conv"):
            fitted |= _for_gray(name, original.get_submodule(name), config.mean, config.std)
    return fitted


def names_of(architecture: str, field: str) -> tuple[str, ...]:
    """Names of modules as timm records them: the `first_conv`, or the `classifier`; some have two."""
    found = getattr(timm.get_pretrained_cfg(architecture), field, None) or ()
    return (found,) if isinstance(found, str) else tuple(found)


def _read(path: Path) -> State:
    try:
        state: State = load_state_dict(str(path), weights_only=True)
        if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise ValueError("it holds no state dict")
    except Exception as error:  # safetensors, pickle, zip and torch raise classes of their own
        raise InputError(
            f"{path}: not readable as weights: {_summary(error)}; take safetensors, or a state dict of timm"
        ) from None
    return state


def _original(architecture: str, path: Path, state: State, side_px: int | None, channels: int) -> torch.nn.Module:
    """The network as the file has it, whatever number of classes, none included."""
    config = timm.get_pretrained_cfg(architecture)
    heads = [state[f"{name}.weight"] for name in names_of(architecture, "classifier") if f"{name}.weight" in state]
    sizes = [heads[0].shape[0]] if heads else [getattr(config, "num_classes", 0), 0]
    faults = []
    for size in sizes:
        overlay = {"state_dict": dict(state), "num_classes": size, "label_offset": 0, "source": None}
        if channels == 1:
            overlay["input_size"] = (1, *config.input_size[1:])
        try:
            network: torch.nn.Module = timm.create_model(
                architecture,
                pretrained=True,
                pretrained_cfg_overlay=overlay,
                in_chans=channels,
                num_classes=size,
                **size_of_input(architecture, side_px),
            )
            return network
        except Exception as error:  # torch: RuntimeError on other names and shapes; filters: KeyError and more
            faults.append(error)
    raise InputError(f"{path}: not weights of {architecture}: {_summary(faults[0])}; correct `networks`") from None


def size_of_input(architecture: str, side_px: int | None) -> dict[str, int]:
    """Arguments for timm: the side of the images where an architecture, such as a vision transformer, needs it."""
    is_fixed = getattr(timm.get_pretrained_cfg(architecture), "fixed_input_size", False)
    return {"img_size": side_px} if is_fixed and side_px else {}


def _for_gray(name: str, layer: torch.nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> State:
    """The first convolution of normalised colour, as one of gray from -1 to 1.

    A gray value g gives each colour (g/2 + 1/2 - mean) / std: the factor goes into the kernel, whose colours timm
    then adds up, the constant into the bias. Without a bias it is dropped: a normalisation follows there, which
    takes a constant out. Beyond the image's edge zeros now mean middle gray instead of ImageNet's mean
    colour; black padding inside the image is exact.
    """
    if not isinstance(layer, torch.nn.Conv2d):
        raise InputError(f"networks: {name} is a {type(layer).__name__}; its colour weights cannot be made gray")
    repeats = layer.weight.shape[1] // len(mean)  # a stem that folds space into channels has several sets of colours
    factor = (0.5 / torch.tensor(std)).repeat(repeats).view(1, -1, 1, 1)
    constant = ((0.5 - torch.tensor(mean)) / torch.tensor(std)).repeat(repeats).view(1, -1, 1, 1)
    kernel = layer.weight.detach()
    gray = {f"{name}.weight": adapt_input_conv(1, kernel * factor)}
    if layer.bias is not None and not isinstance(layer, STANDARDISED):
        gray[f"{name}.bias"] = layer.bias.detach() + (kernel * constant).sum((1, 2, 3))
    return gray


def _summary(error: Exception) -> str:
    """One line; torch lists every weight, and suggests to switch its safety off."""
    text = re.sub(r"\s+", " ", str(error)) or type(error).__name__
    return shorten(text.split(" (1) ")[0], 200)
