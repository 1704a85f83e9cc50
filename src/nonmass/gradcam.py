"""Grad-CAM of a classifier: where in an image the evidence for its answer lies (Selvaraju et al. 2017).

A map has the cells of the last feature map, 14 x 14 for an image of 448 px and 4 x 4 for one of 128 px. What a cell
sees reaches far beyond it, in a small image over all of it, so that evidence may stand beside what caused it.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM

from nonmass.batches import Images, to_input
from nonmass.errors import InputError

BATCH_SIZE = 32

Maps = NDArray[np.float32]


def gradcam_maps(network: torch.nn.Module, images: Images, positive: NDArray[np.bool_]) -> Maps:
    """Grad-CAM of every image, in units of the logit.

    What is explained is the logit where the positive class is asked for, and the logit with its sign
    turned round, which is the logit of the negative class, elsewhere. A value is what a cell of the
    last feature map adds to that logit, and 0 where it adds nothing or takes something away. Nothing
    is scaled to its own range, so maps of two images can be compared; behind average pooling and a
    linear layer the values before clipping sum to the logit less its bias.

    Args:
        network: A timm classifier with one logit, in evaluation mode.
        images: (n, side, side) uint8.
        positive: (n,) whether the positive class is explained.

    Returns:
        (n, h, w) float32, 0 or more; h and w are those of the network's last feature map.

    Raises:
        InputError: The network has no feature map with rows and columns before its pooling.
    """
    split = _SplitNetwork(network)
    camera = _UnscaledGradCam(split, [split.feature_map])
    starts = range(0, len(images), BATCH_SIZE)
    try:  # not `with camera`: its exit prints and swallows an IndexError
        maps = [
            camera(to_input(images[start : start + BATCH_SIZE]), _targets(positive[start : start + BATCH_SIZE]))
            for start in starts
        ]
    finally:
        camera.activations_and_grads.release()
        network.zero_grad()
    return np.concatenate(maps)


def ensemble_maps(networks: Mapping[int, torch.nn.Module], images: Images, positive: NDArray[np.bool_]) -> Maps:
    """The mean of the maps of several networks of one architecture; all explain what the ensemble calls.

    The ensemble's logit is the mean of theirs, so a value is still in units of the logit. It is clipped in each
    member before the mean: what one member holds against the call takes nothing from what another holds for it.

    Args:
        networks: Seed -> network, as for `gradcam_maps`.
        images: (n, side, side) uint8.
        positive: (n,) whether the positive class is explained.

    Returns:
        (n, h, w) float32, 0 or more.
    """
    members = [gradcam_maps(networks[seed], images, positive) for seed in sorted(networks)]
    maps: Maps = np.mean(members, axis=0, dtype=np.float32)
    return maps


class _SplitNetwork(torch.nn.Module):
    """A network that shows its last feature map as the output of a module, where hooks can see it.

    timm's `forward_features` ends right before the pooling in every family, so no layer is chosen by
    name. The head gets a copy, because an in-place ReLU there would change what the hook has kept.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        if not hasattr(network, "forward_features"):
            name = type(network).__name__
            raise InputError(
                f"explain: {name} has no `forward_features`; Grad-CAM needs a convolutional network of timm"
            )
        self.network = network
        self.feature_map = torch.nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # Grad-CAM asks for the gradient at the feature map; what lies before it needs none.
        with torch.no_grad():
            features = _features(self.network, images)
        logits: torch.Tensor = self.network.forward_head(self.feature_map(features.requires_grad_()).clone())  # type: ignore[operator]
        return logits


def _features(network: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """(n, 1, side, side) -> (n, channels, h, w); refuses tokens, channels-last layouts and single cells."""
    features: torch.Tensor = network.forward_features(images)  # type: ignore[operator]
    name, shape = type(network).__name__, tuple(features.shape[1:])
    if features.ndim != 4 or shape[0] != network.num_features or min(shape[1:]) < 2:
        raise InputError(
            f"explain: the last features of {name} are {shape} for images of {images.shape[-1]} px; Grad-CAM needs "
            "(channels, rows, columns) with 2 or more of each: take a convolutional network, or a larger crop.side_px"
        )
    return features


class _UnscaledGradCam(GradCAM):
    """The package's Grad-CAM without its last step, which scales every map to its own minimum and maximum."""

    def compute_cam_per_layer(self, images: torch.Tensor, targets: list["_SignedLogit"], eigen_smooth: bool) -> Maps:
        activations = self.activations_and_grads.activations[0].numpy()
        gradients = self.activations_and_grads.gradients[0].numpy()
        maps: Maps = self.get_cam_image(images, self.target_layers[0], targets, activations, gradients, eigen_smooth)
        return np.maximum(maps, 0.0)

    def aggregate_multi_layers(self, maps: Maps) -> Maps:
        return maps


class _SignedLogit:
    def __init__(self, sign: float) -> None:
        self.sign = sign

    def __call__(self, logit: torch.Tensor) -> torch.Tensor:
        return self.sign * logit.sum()


def _targets(positive: NDArray[np.bool_]) -> list[_SignedLogit]:
    return [_SignedLogit(1.0 if is_positive else -1.0) for is_positive in positive]
