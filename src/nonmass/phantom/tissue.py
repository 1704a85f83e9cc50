"""The breast without a lesion: skin, fat with its ligaments, gland, muscle."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.phantom.acoustics import CELL_MM, Floats
from nonmass.phantom.patients import Anatomy

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tissue:
    """Acoustic maps of one slice, each (rows, columns).

    Attributes:
        echo_db: Backscatter level.
        excess_db_per_mm: Two-way attenuation against the average.
        gland_top_mm: (columns,) depth where the fibroglandular layer begins.
        gland_bottom_mm: (columns,) depth where it ends.
    """

    echo_db: Floats
    excess_db_per_mm: Floats
    gland_top_mm: Floats
    gland_bottom_mm: Floats

    @property
    def z_mm(self) -> Floats:
        """(rows, 1) depth of each row."""
        return (np.arange(self.echo_db.shape[0], dtype=np.float32) * np.float32(CELL_MM[0]))[:, None]

    @property
    def x_mm(self) -> Floats:
        """(1, columns) position across the probe, 0 at the left edge."""
        return (np.arange(self.echo_db.shape[1], dtype=np.float32) * np.float32(CELL_MM[1]))[None, :]

    def gland_mm(self, x_mm: float, share: float) -> float:
        """Depth at a share, 0 (top) to 1 (bottom), of the fibroglandular layer's thickness."""
        column = int(x_mm / CELL_MM[1])
        top, bottom = float(self.gland_top_mm[column]), float(self.gland_bottom_mm[column])
        return top + share * (bottom - top)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], grain_mm: tuple[float, float]) -> Floats:
    """Standard normal values on a coarse lattice of `grain_mm` (depth, width), joined smoothly."""
    counts = [max(2, int(n * cell / grain) + 2) for n, cell, grain in zip(shape, CELL_MM, grain_mm, strict=True)]
    lattice = rng.standard_normal(counts, dtype=np.float32)
    values: Floats = cv2.resize(lattice, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return values


def draw_tissue(rng: np.random.Generator, anatomy: Anatomy, shape: tuple[int, int]) -> Tissue:
    """Draw one slice of a breast: the style is the patient's, the slice is this view's."""
    boundaries_mm = _boundaries(rng, anatomy, shape[1])
    z_mm = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(CELL_MM[0])
    below = [np.clip((z_mm - depth) / 0.3 + 0.5, 0, 1) for depth in boundaries_mm]
    skin, fat, gland, retro, muscle = (
        upper - lower for upper, lower in zip([np.ones(shape, np.float32), *below[:-1]], below, strict=True)
    )
    deep = below[-1]
    lobules, septa = lobules_of(rng, shape, anatomy.lobule_mm)
    lobes, strands = lobules_of(rng, shape, 0.5 * anatomy.lobule_mm)
    streaks = smooth_noise(rng, shape, (0.9, 14))
    echo_db = (
        skin * 4
        + (fat + retro) * (anatomy.fat_db + 1.2 * lobules + anatomy.ligament_db * septa)
        + gland * (anatomy.gland_db + anatomy.mottle_db * lobes + 4 * strands + 1.5 * smooth_noise(rng, shape, (3, 6)))
        + muscle * (anatomy.muscle_db + 5 * np.maximum(streaks, 0))
        + deep * (anatomy.muscle_db - 6)
    )
    for depth, level_db in zip(boundaries_mm, (-6, 5, 5, 14, 14), strict=True):
        patchy = np.clip(1 + 0.7 * smooth_noise(rng, (2, shape[1]), (1, 5))[0], 0, 2)
        echo_db += level_db * patchy * np.exp(-(((z_mm - depth) / 0.25) ** 2))
    return Tissue(echo_db.astype(np.float32), np.zeros(shape, np.float32), boundaries_mm[1], boundaries_mm[2])


def _boundaries(rng: np.random.Generator, anatomy: Anatomy, n_columns: int) -> list[Floats]:
    """Five wavy depths, (columns,) mm each: below skin, fat, gland, retromammary fat, muscle."""
    thickness = (anatomy.skin_mm, anatomy.fat_mm, anatomy.gland_mm, anatomy.retromammary_mm, anatomy.muscle_mm)
    waves_mm = (0.1, 1.1, 1.3, 0.6, 0.5)
    tilt = np.linspace(-1, 1, n_columns, dtype=np.float32) * np.float32(rng.normal(0, 1.2))
    depth = np.zeros(n_columns, np.float32)
    boundaries = []
    for layer, (mm, wave) in enumerate(zip(thickness, waves_mm, strict=True)):
        wavy = wave * smooth_noise(rng, (2, n_columns), (1, 9))[0]
        depth = depth + np.maximum(mm * np.float32(rng.uniform(0.9, 1.1)) + wavy, 0.4) + (tilt if layer == 1 else 0)
        boundaries.append(depth.astype(np.float32))
    return boundaries


def lobules_of(rng: np.random.Generator, shape: tuple[int, int], size_mm: float) -> tuple[Floats, Floats]:
    """Flat Voronoi cells, bent: (level of each cell, standard normal; their walls, 0 to about 1).

    Walls that lie across the beam reflect more than those along it.
    """
    flat = 2.2  # lobules are wider than high
    squeezed = (shape[0], max(8, round(shape[1] * CELL_MM[1] / CELL_MM[0] / flat)))
    n_cells = max(4, int(squeezed[0] * squeezed[1] * (CELL_MM[0] * flat / size_mm) ** 2))
    seeds = np.ones(squeezed, np.uint8)
    seeds[rng.integers(squeezed[0], size=n_cells), rng.integers(squeezed[1], size=n_cells)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    levels = rng.standard_normal(n_cells + 1, dtype=np.float32)[np.minimum(labels, n_cells)]
    walls = np.zeros(squeezed, np.float32)
    walls[1:] = labels[1:] != labels[:-1]
    walls[:, 1:] = np.maximum(walls[:, 1:], 0.4 * (labels[:, 1:] != labels[:, :-1]))
    walls = cv2.GaussianBlur(walls, (0, 0), 1.2) * np.float32(3)
    return _bent(rng, np.dstack([levels, walls]), shape)


def _bent(rng: np.random.Generator, maps: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Stretch two maps to `shape` along smoothly displaced coordinates."""
    rows, columns = np.indices(shape, dtype=np.float32)
    rows += 12 * smooth_noise(rng, shape, (6, 8))
    columns = (columns + 8 * smooth_noise(rng, shape, (5, 8))) * np.float32(maps.shape[1] / shape[1])
    bent = cv2.remap(maps, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(bent[..., 0]), np.ascontiguousarray(bent[..., 1])


def ellipse(tissue: Tissue, x_mm: float, z_mm: float, half_width_mm: float, half_height_mm: float) -> Floats:
    """(rows, columns) distance from a centre, 1 on the ellipse."""
    distance: Floats = np.hypot((tissue.x_mm - x_mm) / half_width_mm, (tissue.z_mm - z_mm) / half_height_mm)
    return distance.astype(np.float32)
