"""Masses and non-mass lesions: how a lesion changes the acoustic maps, and where it lies."""

from dataclasses import replace

import numpy as np

from nonmass.determinism import generator
from nonmass.phantom.acoustics import Floats
from nonmass.phantom.patients import Lesion
from nonmass.phantom.tissue import Mask, Tissue, ellipse, smooth_noise


def with_lesion(
    rng: np.random.Generator, tissue: Tissue, lesion: Lesion, seed: int, is_mass: bool
) -> tuple[Tissue, Mask]:
    """Put a lesion into the gland.

    Args:
        rng: The view's own draws: place, exact section.
        tissue: The slice without it.
        lesion: The patient's lesion.
        seed: Seed of the cohort; with the lesion's key it fixes the shape.
        is_mass: A mass has a contour; a non-mass lesion fades into its surroundings.

    Returns:
        The slice with the lesion, and the (rows, columns) area it takes.
    """
    radius_mm = lesion.size_mm / 2 * rng.uniform(0.92, 1.08)
    aspect = lesion.aspect * rng.uniform(0.93, 1.07)
    half_width, half_height = radius_mm / np.sqrt(aspect), radius_mm * np.sqrt(aspect)
    x, z = _place(rng, tissue, half_width, half_height)
    distance = ellipse(tissue, x, z, half_width, half_height)
    shape = generator(seed, "phantom", lesion.shape_key, "shape")
    if is_mass:
        distance = distance / _contour(shape, rng, tissue, lesion, (x, z), (half_width, half_height))
    else:
        distance = distance + np.float32(0.28) * smooth_noise(rng, distance.shape, (2.0, 2.5))
    inside = np.clip((1 - distance) / lesion.softness + 0.5, 0, 1).astype(np.float32)
    halo = lesion.halo_db * np.exp(-(((distance - 1.2) / 0.15) ** 2))
    # Within, the anatomy of the place is gone: the lesion has its own level and its own grain.
    own_db = lesion.echo_db + lesion.mottle_db * smooth_noise(
        rng, distance.shape, (0.9, 1.2) if is_mass else (1.2, 1.6)
    )
    keep = (1 - inside) if is_mass else (1 - 0.9 * inside)
    echo_db = tissue.echo_db * keep + inside * own_db + (1 - inside) * halo
    if is_mass and lesion.irregularity < 0.3:  # a capsule shines where the beam meets it squarely
        echo_db += 9 * np.exp(-(((distance - 1.03) / 0.05) ** 2)) * np.abs(tissue.z_mm - z) / half_height
    echo_db = _with_ducts(shape, tissue, echo_db, lesion, (x, z), (half_width, half_height))
    echo_db = _with_specks(rng, echo_db, inside, lesion.n_specks)
    excess = tissue.excess_db_per_mm + inside * np.float32(lesion.excess_db / (1.6 * half_height))
    return replace(tissue, echo_db=echo_db.astype(np.float32), excess_db_per_mm=excess), inside >= 0.5


def _place(rng: np.random.Generator, tissue: Tissue, half_width: float, half_height: float) -> tuple[float, float]:
    """Centre (x, z) in mm: in the gland, whole within the field, not in the skin."""
    width_mm, depth_mm = float(tissue.x_mm[0, -1]), float(tissue.z_mm[-1, 0])
    margin = 1.15 * half_width
    x = rng.uniform(margin, width_mm - margin)
    z = tissue.gland_mm(x, rng.uniform(0.3, 0.7))
    return x, float(np.clip(z, 1.2 * half_height + 2.5, depth_mm - 1.2 * half_height - 1))


def _contour(
    shape: np.random.Generator,
    rng: np.random.Generator,
    tissue: Tissue,
    lesion: Lesion,
    centre: tuple[float, float],
    half: tuple[float, float],
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
    theta = np.arctan2((tissue.z_mm - centre[1]) / half[1], (tissue.x_mm - centre[0]) / half[0])
    contour: Floats = np.interp(theta.ravel(), angles, radius).reshape(theta.shape).astype(np.float32)
    return contour


def _with_ducts(
    shape: np.random.Generator,
    tissue: Tissue,
    echo_db: Floats,
    lesion: Lesion,
    centre: tuple[float, float],
    half: tuple[float, float],
) -> Floats:
    """Dark tubes with bright walls that run out of the lesion to the sides."""
    for _ in range(lesion.n_ducts):
        side, slope = shape.choice((-1, 1)), shape.uniform(-0.35, 0.35)
        along = (tissue.x_mm - centre[0]) * side / half[0]
        bend = (
            slope * half[1] * along
            + 0.5 * np.sin(2.5 * along + shape.uniform(0, 6))
            + shape.uniform(-0.4, 0.4) * half[1]
        )
        across = (tissue.z_mm - centre[1] - bend) / 0.55
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
