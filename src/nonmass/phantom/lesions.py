"""Masses and non-mass lesions: how a lesion changes the acoustic maps, and where it lies."""

from dataclasses import dataclass, replace

import numpy as np

from nonmass.determinism import generator
from nonmass.phantom.acoustics import Floats
from nonmass.phantom.patients import Lesion
from nonmass.phantom.tissue import Mask, Tissue, ellipse, smooth_noise


@dataclass(frozen=True)
class Pose:
    """The ellipse that a view's section of the lesion fills, mm from the left end of the probe and from the skin."""

    x_mm: float
    z_mm: float
    half_width_mm: float
    half_height_mm: float


def with_lesion(
    rng: np.random.Generator, tissue: Tissue, lesion: Lesion, seed: int, is_mass: bool
) -> tuple[Tissue, Mask]:
    """Put a lesion into the gland.

    Args:
        rng: The view's own draws: place, exact section.
        tissue: The slice without it.
        lesion: The patient's lesion.
        seed: Seed of the cohort; with the lesion's key it fixes contour and ducts.
        is_mass: A mass has a contour; a non-mass lesion fades into its surroundings.

    Returns:
        The slice with the lesion, and the (rows, columns) area it takes.
    """
    pose = _draw_pose(rng, tissue, lesion)
    distance = ellipse(tissue, pose.x_mm, pose.z_mm, pose.half_width_mm, pose.half_height_mm)
    shape = generator(seed, "phantom", lesion.shape_key, "shape")
    if is_mass:
        distance = distance / _contour(shape, rng, tissue, lesion, pose)
    else:
        distance = distance + np.float32(0.28) * smooth_noise(rng, distance.shape, (2.0, 2.5))
    inside = np.clip((1 - distance) / lesion.softness + 0.5, 0, 1).astype(np.float32)
    halo = lesion.halo_db * np.exp(-(((distance - 1.2) / 0.15) ** 2))
    # Within, the anatomy of the place is gone: the lesion has its own level and its own grain.
    grain_mm, kept = ((0.9, 1.2), 0.0) if is_mass else ((1.2, 1.6), 0.1)
    own_db = lesion.echo_db + lesion.mottle_db * smooth_noise(rng, distance.shape, grain_mm)
    echo_db = tissue.echo_db * (1 - (1 - kept) * inside) + inside * own_db + (1 - inside) * halo
    if is_mass and lesion.irregularity < 0.3:
        echo_db += _capsule_db(tissue, pose, distance)
    echo_db = _with_ducts(shape, tissue, echo_db, lesion, pose)
    echo_db = _with_specks(rng, echo_db, inside, lesion.n_specks)
    excess = tissue.excess_db_per_mm + inside * np.float32(lesion.excess_db / (1.6 * pose.half_height_mm))
    return replace(tissue, echo_db=echo_db.astype(np.float32), excess_db_per_mm=excess), inside >= 0.5


def _draw_pose(rng: np.random.Generator, tissue: Tissue, lesion: Lesion) -> Pose:
    """In the gland, whole within the field, not in the skin; a little different in every view."""
    radius_mm = lesion.size_mm / 2 * rng.uniform(0.92, 1.08)
    aspect = lesion.aspect * rng.uniform(0.93, 1.07)
    half_width, half_height = radius_mm / np.sqrt(aspect), radius_mm * np.sqrt(aspect)
    width_mm, depth_mm = float(tissue.x_mm[0, -1]), float(tissue.z_mm[-1, 0])
    margin = 1.15 * half_width
    x = rng.uniform(margin, width_mm - margin)
    z = tissue.gland_mm(x, rng.uniform(0.3, 0.7))
    z = float(np.clip(z, 1.2 * half_height + 2.5, depth_mm - 1.2 * half_height - 1))
    return Pose(x, z, half_width, half_height)


def _contour(
    shape: np.random.Generator, rng: np.random.Generator, tissue: Tissue, lesion: Lesion, pose: Pose
) -> Floats:
    """(rows, columns) radius of the contour at each pixel's angle, about 1: lobes and spicules."""
    harmonics = np.arange(2, 8)
    lobes = shape.normal(0, 1, (2, len(harmonics))) * (0.03 + 0.13 * lesion.irregularity) / np.sqrt(harmonics - 1)
    n_spicules = round(9 * lesion.irregularity)
    angles = np.linspace(-np.pi, np.pi, 361)
    turned = angles + rng.normal(0, 0.15)  # another section of the same lesion
    radius = 1 + lobes[0] @ np.cos(np.outer(harmonics, turned)) + lobes[1] @ np.sin(np.outer(harmonics, turned))
    for at, length in zip(shape.uniform(-np.pi, np.pi, n_spicules), shape.uniform(0.12, 0.4, n_spicules), strict=True):
        radius += length * np.exp(-(((np.angle(np.exp(1j * (turned - at)))) / 0.12) ** 2))
    radius = np.maximum(radius, 0.45)
    theta = np.arctan2((tissue.z_mm - pose.z_mm) / pose.half_height_mm, (tissue.x_mm - pose.x_mm) / pose.half_width_mm)
    contour: Floats = np.interp(theta.ravel(), angles, radius).reshape(theta.shape).astype(np.float32)
    return contour


def _capsule_db(tissue: Tissue, pose: Pose, distance: Floats) -> Floats:
    """A thin bright line on the contour, where the beam meets it squarely."""
    squarely = np.abs(tissue.z_mm - pose.z_mm) / pose.half_height_mm
    capsule_db: Floats = 9 * np.exp(-(((distance - 1.03) / 0.05) ** 2)) * squarely
    return capsule_db


def _with_ducts(shape: np.random.Generator, tissue: Tissue, echo_db: Floats, lesion: Lesion, pose: Pose) -> Floats:
    """Dark tubes with bright walls that run out of the lesion to the sides."""
    half_height = pose.half_height_mm
    for _ in range(lesion.n_ducts):
        side, slope = shape.choice((-1, 1)), shape.uniform(-0.35, 0.35)
        along = (tissue.x_mm - pose.x_mm) * side / pose.half_width_mm
        wave = 0.5 * np.sin(2.5 * along + shape.uniform(0, 6))
        bend = slope * half_height * along + wave + shape.uniform(-0.4, 0.4) * half_height
        across = (tissue.z_mm - pose.z_mm - bend) / 0.55
        reach = np.clip((along - 0.1) / 0.2, 0, 1) * np.clip((1.9 - along) / 0.4, 0, 1)
        echo_db = echo_db - reach * (11 * np.exp(-(across**4)) - 6 * np.exp(-(((np.abs(across) - 1.5) / 0.4) ** 2)))
    return echo_db.astype(np.float32)


def _with_specks(rng: np.random.Generator, echo_db: Floats, inside: Floats, n_specks: int) -> Floats:
    """Microcalcifications: single cells that outshine everything around."""
    rows, columns = np.nonzero(inside > 0.6)
    if n_specks and len(rows):
        chosen = rng.integers(len(rows), size=n_specks)
        echo_db = echo_db.copy()
        echo_db[rows[chosen], columns[chosen]] = rng.uniform(22, 30, n_specks)
    return echo_db
