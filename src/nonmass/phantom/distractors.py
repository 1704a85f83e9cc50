"""What is dark in any breast, yet no lesion: fat in the gland, shadows of ligaments, poor contact."""

from dataclasses import dataclass, replace

import numpy as np

from nonmass.phantom.acoustics import CELL_MM, Floats
from nonmass.phantom.patients import Anatomy
from nonmass.phantom.tissue import Tissue, ellipse, lobules_of, smooth_noise


@dataclass(frozen=True)
class Distractors:
    """What is dark in any breast, yet no lesion.

    Attributes:
        n_islands: Small fat islands in the gland.
        n_lobes: Large ones, about as large as a lesion, with lobules and walls of their own.
        n_shadows: Narrow shadows of ligaments.
        n_broad_shadows: Shadows as wide as a lesion's.
        contact_db: Two-way loss where one end of the probe lifts off the skin.
    """

    n_islands: int
    n_lobes: int
    n_shadows: int
    n_broad_shadows: int
    contact_db: float


def draw_distractors(rng: np.random.Generator, has_dark_area: bool, has_shadow: bool) -> Distractors:
    """What a lesion adds to the darkness of one image is in the others, too, but elsewhere and of another form."""
    return Distractors(
        n_islands=int(rng.integers(1, 5)),
        n_lobes=int(rng.random() < (0.05 if has_dark_area else 0.7)),
        n_shadows=int(rng.integers(0, 4)),
        n_broad_shadows=int(rng.random() < (0.10 if has_shadow else 0.85)),
        contact_db=rng.uniform(0, 11),
    )


def with_distractors(rng: np.random.Generator, tissue: Tissue, anatomy: Anatomy, distractors: Distractors) -> Tissue:
    """Add fat in the gland, shadows, and poor contact at one end of the probe."""
    echo_db = tissue.echo_db
    for _ in range(distractors.n_islands):
        echo_db = _with_island(rng, tissue, echo_db, anatomy)
    for _ in range(distractors.n_lobes):
        echo_db = _with_lobe(rng, tissue, echo_db, anatomy)
    excess = _with_shadows(rng, tissue, distractors) + _poor_contact(rng, tissue, distractors.contact_db)
    return replace(tissue, echo_db=echo_db, excess_db_per_mm=tissue.excess_db_per_mm + excess)


def _with_island(rng: np.random.Generator, tissue: Tissue, echo_db: Floats, anatomy: Anatomy) -> Floats:
    """A flat drop of fat with a thin wall."""
    half_width = rng.uniform(1.2, 3.5)
    distance = _around(rng, tissue, half_width, max(half_width * rng.uniform(0.3, 0.5), 0.8))
    distance += 0.05 * smooth_noise(rng, distance.shape, (2, 3))
    wall = 5 * np.exp(-(((distance - 1.05) / 0.06) ** 2))
    changed: Floats = echo_db + _fat_db(rng, anatomy) * np.clip((1 - distance) / 0.1 + 0.5, 0, 1) + wall
    return changed


def _with_lobe(rng: np.random.Generator, tissue: Tissue, echo_db: Floats, anatomy: Anatomy) -> Floats:
    """Interspersed fat, angular and flat, with lobules and septa of its own, where the gland has gone."""
    half_width = rng.uniform(8, 13)
    distance = _around(rng, tissue, half_width, half_width * rng.uniform(0.22, 0.38))
    distance += 0.35 * smooth_noise(rng, distance.shape, (2.5, 6))
    lobules, walls = lobules_of(rng, distance.shape, 0.7 * anatomy.lobule_mm)
    level_db = _fat_db(rng, anatomy) + rng.uniform(2, 5) + lobules + anatomy.ligament_db * walls
    changed: Floats = echo_db + level_db * np.clip((1 - distance) / 0.15 + 0.5, 0, 1)
    return changed


def _around(rng: np.random.Generator, tissue: Tissue, half_width_mm: float, half_height_mm: float) -> Floats:
    """(rows, columns) distance from somewhere in the gland, 1 on the ellipse."""
    x = rng.uniform(0.12, 0.88) * float(tissue.x_mm[0, -1])
    return ellipse(tissue, x, tissue.gland_mm(x, rng.uniform(0.25, 0.75)), half_width_mm, half_height_mm)


def _fat_db(rng: np.random.Generator, anatomy: Anatomy) -> np.float32:
    return np.float32(anatomy.fat_db - anatomy.gland_db + rng.uniform(0, 2))


def _with_shadows(rng: np.random.Generator, tissue: Tissue, distractors: Distractors) -> Floats:
    """(rows, columns) excess attenuation, dB/mm, of spots high up, which darken what lies below."""
    excess = np.zeros_like(tissue.echo_db)
    shadows = [(rng.uniform(0.5, 1.2), rng.uniform(2, 6)) for _ in range(distractors.n_shadows)]
    shadows += [(rng.uniform(2.5, 5), rng.uniform(6, 10)) for _ in range(distractors.n_broad_shadows)]
    for half_width, loss_db in shadows:
        x = rng.uniform(0, 1) * float(tissue.x_mm[0, -1])
        spot = ellipse(tissue, x, rng.uniform(3, 16), half_width, 1.0)
        excess += np.float32(loss_db / np.sqrt(np.pi)) * np.exp(-(spot**2))
    return excess


def _poor_contact(rng: np.random.Generator, tissue: Tissue, loss_db: float) -> Floats:
    """(rows, columns) excess attenuation, dB/mm, in the first millimetre under one end of the probe."""
    excess = np.zeros_like(tissue.echo_db)
    outwards = rng.choice((-1, 1)) * (tissue.x_mm[0] / tissue.x_mm[0, -1] - 0.5)
    n_rows = round(1 / CELL_MM[0])
    excess[:n_rows] = loss_db * np.clip((outwards - rng.uniform(0, 0.3)) / 0.35, 0, 1)
    return excess
