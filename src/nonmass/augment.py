"""Random changes that a breast image survives: mirrored, moved a little, brighter, noisier; drawn without state."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter

from nonmass.determinism import generator
from nonmass.params import Section

# Standard deviation of the speckle's point spread, down and across, as a share of the side: a pulse is shorter than the
# beam is wide.
SPECKLE_GRAIN = (0.004, 0.008)
# Side of the speckle field in sides of an image; an image gets a part of it that is drawn.
FIELD_SIDES = 2


class AugmentParams(Section):
    """How much a training image may be changed; 0 is off. The paper names no augmentation.

    Attributes:
        mirror: Probability of left and right changed places; never up and down, since sound comes from above.
        shift: Moved by up to this share of the side along each axis.
        scale: Enlarged or shrunk by a factor of up to 1 + this, either way.
        rotation_deg: Turned by up to so many degrees.
        gain: Multiplied by a factor of up to 1 + this, either way: the receiver's gain.
        gamma: Raised to a power between exp(-gamma) and exp(gamma): the display's curve.
        speckle: Standard deviation of a factor for every pixel, whose mean is 1; 0.52 is fully developed speckle.
    """

    mirror: float = Field(ge=0, le=1)
    shift: float = Field(ge=0, le=0.5)
    scale: float = Field(ge=0, le=1)
    rotation_deg: float = Field(ge=0, le=45)
    gain: float = Field(ge=0, le=1)
    gamma: float = Field(ge=0, le=1)
    speckle: float = Field(ge=0, le=1)

    @property
    def is_off(self) -> bool:
        """Whether every image stays as it is."""
        return not any(self.model_dump().values())


@dataclass(frozen=True)
class Draws:
    """What happens to each image of a batch.

    Attributes:
        mirrored: (b,) bool.
        placement: (b, 2, 3) float32, mirror and all; from a pixel of the result to its source, (x, y) from -1 to 1.
        curve: (b, 256) float32 from 0 to 255, what each gray value becomes.
        speckle_corner: (b, 2) int64, row and column of the speckle field where the image's part begins.
    """

    mirrored: torch.Tensor
    placement: torch.Tensor
    curve: torch.Tensor
    speckle_corner: torch.Tensor


def draw(params: AugmentParams, side_px: int, seed: int, epoch: int, image_ids: Sequence[str]) -> Draws:
    """Draw for each image alone, so that neither the batch nor what was drawn before matters.

    Every image takes the same numbers from its generator whatever is switched off, so that a
    param more leaves the others' draws as they were.
    """
    unit = np.array([generator(seed, "augment", epoch, image_id).random(9) for image_id in image_ids]).reshape(-1, 9)
    mirrored = unit[:, 0] < params.mirror
    x, y, scale, turn, bright, bend = unit[:, 1:7].T * 2 - 1
    corner = (unit[:, 7:] * FIELD_SIDES * side_px).astype(np.int64)
    placement = _placement(
        np.where(mirrored, -1.0, 1.0),
        (1 + params.scale) ** scale,
        np.deg2rad(turn * params.rotation_deg),
        np.stack([x, y], axis=1) * 2 * params.shift,
    )
    gray = np.arange(256) / 255
    factor, power = (1 + params.gain) ** bright, np.exp(bend * params.gamma)
    curve = 255 * np.minimum(factor[:, None] * gray ** power[:, None], 1)
    return Draws(
        torch.from_numpy(mirrored),
        torch.from_numpy(placement.astype(np.float32)),
        torch.from_numpy(curve.astype(np.float32)),
        torch.from_numpy(corner),
    )


def _placement(
    flip: NDArray[np.float64], factor: NDArray[np.float64], angle: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(b,), (b,), (b,) and (b, 2) as matrices (b, 2, 3): mirrored, then sized, turned and moved."""
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    rows = [[flip * cosine, -flip * sine, shift[:, 0]], [sine, cosine, shift[:, 1]]]
    return np.moveaxis(np.array(rows), 2, 0)


def augment(images: torch.Tensor, draws: Draws, params: AugmentParams) -> torch.Tensor:
    """Change the images of a batch on the device they lie on; black stays black.

    Args:
        images: (b, 1, s, s) uint8.
        draws: One for each image, from `draw` with the same params.
        params: What is switched on; nothing else costs time.

    Returns:
        (b, 1, s, s) from 0 to 255, black where the source has nothing: float32, or uint8 where no
        value had to be computed; `images` itself where all is off.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"gray values from 0 to 255 as uint8 are expected, not {images.dtype}")
    if params.gain or params.gamma:
        images = _look_up(images, draws.curve.to(images.device))
    if params.shift or params.scale or params.rotation_deg:
        images = _place(images.float(), draws.placement.to(images.device))
    elif params.mirror:
        images = torch.where(draws.mirrored.to(images.device).view(-1, 1, 1, 1), images.flip(-1), images)
    if params.speckle:
        images = _speckle(images, draws.speckle_corner.to(images.device), params.speckle)
    return images


def _look_up(images: torch.Tensor, curve: torch.Tensor) -> torch.Tensor:
    """Each image through a curve of its own, (b, 256)."""
    first = 256 * torch.arange(len(images), dtype=torch.int32, device=images.device).view(-1, 1, 1, 1)
    return curve.flatten().index_select(0, (images.int() + first).flatten()).view(images.shape)


def _place(images: torch.Tensor, placement: torch.Tensor) -> torch.Tensor:
    """Linear interpolation at the source of each pixel, which `affine_grid` would take far longer to find."""
    side = images.shape[-1]
    centre = (torch.arange(side, device=images.device) * 2 + 1) / side - 1
    by_column, by_row, constant = placement[..., None, None].unbind(2)  # each (b, 2, 1, 1), x and y of the source
    source = by_column * centre.view(1, 1, 1, -1) + (by_row * centre.view(1, 1, -1, 1) + constant)
    return torch.nn.functional.grid_sample(images, source.movedim(1, -1), align_corners=False)


def _speckle(images: torch.Tensor, corner: torch.Tensor, deviation: float) -> torch.Tensor:
    """Times a factor of mean 1 that varies as the amplitude of an echo does where many scatterers share a cell."""
    parts = _speckle_field(images.shape[-1], images.device)[corner[:, 0], corner[:, 1]].unsqueeze(1)
    images = images.float()
    return torch.addcmul(images, images, parts, value=deviation).clamp_(0, 255)


@lru_cache(maxsize=4)
def _speckle_field(side_px: int, device: torch.device) -> torch.Tensor:
    """(n, n, side, side) view of all parts of one Rayleigh field of mean 0 and standard deviation 1.

    The amplitude of a complex normal field, blurred by the point spread: fully developed speckle
    (Goodman, Speckle Phenomena in Optics, 2007). One field, because drawing one for every image
    would take longer than all else here. It closes on itself, so that parts may begin anywhere.
    """
    n_px = FIELD_SIDES * side_px
    normal = generator("speckle field", side_px).standard_normal((2, n_px, n_px), np.float32)
    spread = [share * side_px for share in SPECKLE_GRAIN]
    field = np.hypot(*(gaussian_filter(part, spread, mode="wrap") for part in normal))
    field = np.pad((field - field.mean()) / field.std(), (0, side_px - 1), mode="wrap").astype(np.float32)
    return torch.from_numpy(field).to(device).unfold(0, side_px, 1).unfold(1, side_px, 1)
