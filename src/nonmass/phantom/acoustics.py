"""From scatterers to gray levels: point-spread function, envelope, attenuation, gain, log compression.

A B-mode image is the logarithm of the envelope of echoes from scatterers too fine to resolve; their
interference is the speckle (Wagner et al., IEEE Trans Sonics Ultrason 1983;30:156). Echoes are held in baseband:
a scatterer's depth within a cell, far longer than half a wavelength, makes its phase uniform.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

CELL_MM = (0.10, 0.16)  # depth, width: finer than the point-spread function
PULSE_SIGMA_MM = 0.11  # two cycles, at 10 MHz
BEAM_SIGMA_MM = 0.20  # where the aperture still grows with depth
BEAM_SPREAD = 0.010  # mm of further width per mm of depth, once the aperture is full
LOSS_DB_PER_MM = 1.0  # both ways, at 10 MHz: 0.5 dB/cm/MHz
USUAL_SPREAD_DB = 9.5  # standard deviation of levels in an average image
BEAM_ZONES = 24
LOOKS = 2  # images from two angles that devices average to calm the speckle (compounding)


@dataclass(frozen=True)
class Settings:
    """What the operator and the machine set for one image.

    Attributes:
        width_mm: Width of the field.
        depth_mm: Depth of the field.
        frequency_mhz: Centre of the pulse; a higher one resolves more and reaches less deep.
        focus_mm: Depth of the transmit focus, as the screen shows it.
        level: Mean gray level, 0 to 255, that automatic gain aims at.
        contrast: Standard deviation of gray levels that the automatic dynamic range leans to.
        noise_db: Electronic noise at the surface, against average gland.
        tgc_error_db: (8,) what the time-gain sliders leave uncorrected, top to bottom.
    """

    width_mm: float
    depth_mm: float
    frequency_mhz: float
    focus_mm: float
    level: float
    contrast: float
    noise_db: float
    tgc_error_db: Floats

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the simulated grid."""
        return round(self.depth_mm / CELL_MM[0]), round(self.width_mm / CELL_MM[1])


def draw_settings(rng: np.random.Generator, width_mm: float) -> Settings:
    """Draw an image's settings. They know nothing of the finding, so they cannot betray it."""
    return Settings(
        width_mm=width_mm,
        depth_mm=rng.uniform(32, 44),
        frequency_mhz=rng.uniform(9, 12.5),
        focus_mm=rng.uniform(10, 25),
        level=rng.normal(84, 11),
        contrast=rng.uniform(31, 49),
        noise_db=rng.uniform(-74, -66),
        tgc_error_db=rng.normal(0, 1.5, 8).astype(np.float32) + np.linspace(0, rng.normal(-2, 3), 8, dtype=np.float32),
    )


def image_of(echo_db: Floats, excess_db_per_mm: Floats, settings: Settings, rng: np.random.Generator) -> Floats:
    """Gray levels, 0 to 255, of a tissue.

    Args:
        echo_db: (rows, columns) backscatter level.
        excess_db_per_mm: (rows, columns) two-way attenuation above (below) the average tissue's.
        settings: The image's settings.
        rng: Source of scatterers and noise.
    """
    arriving_db = echo_db - shadow_db(excess_db_per_mm)
    looks = [envelope_of(arriving_db, settings.noise_db, settings.frequency_mhz, rng) for _ in range(LOOKS)]
    envelope = np.mean(looks, axis=0)
    rows = np.linspace(0, 7, envelope.shape[0])
    tgc_db = np.interp(rows, np.arange(8), settings.tgc_error_db).astype(np.float32)
    return compress(envelope, tgc_db[:, None], settings)


def shadow_db(excess_db_per_mm: Floats) -> Floats:
    """Level lost on the way down and back, blurred as wide as the beam that carries it."""
    lost: Floats = np.cumsum(excess_db_per_mm, axis=0, dtype=np.float32) * np.float32(CELL_MM[0])
    blurred: Floats = cv2.GaussianBlur(lost, (0, 0), sigmaX=3.0, sigmaY=0.1)
    return blurred


def beam_sigma_mm(depth_mm: Floats | float) -> Floats:
    """Lateral width of the point-spread function at 10 MHz: wavelength x depth / aperture once that is full."""
    sigma: Floats = np.hypot(np.float32(BEAM_SIGMA_MM), np.float32(BEAM_SPREAD) * np.asarray(depth_mm, np.float32))
    return sigma


def envelope_of(arriving_db: Floats, noise_db: float, frequency_mhz: float, rng: np.random.Generator) -> Floats:
    """Envelope of the echoes, mean square 1 for a uniform tissue at 0 dB without noise.

    Every cell holds scatterers of random strength and phase. The lateral blur acts within a row, so
    bands of rows, each with its own width, join without seams. Time-gain control lifts the noise with depth.

    Args:
        arriving_db: (rows, columns) level that reaches the transducer after time-gain control.
        noise_db: Level of electronic noise at the surface.
        frequency_mhz: Centre frequency; the point-spread function shrinks in proportion.
        rng: Source of scatterers and noise.
    """
    echoes = rng.standard_normal((*arriving_db.shape, 2), dtype=np.float32)
    echoes *= np.exp(arriving_db * np.float32(np.log(10) / 20))[..., None]
    coarser = 10 / frequency_mhz
    depth_mm = np.arange(len(echoes), dtype=np.float32) * CELL_MM[0]
    for rows in np.array_split(np.arange(len(echoes)), BEAM_ZONES):
        sigma = float(beam_sigma_mm(float(depth_mm[rows].mean()))) * coarser / CELL_MM[1]
        band = slice(rows[0], rows[-1] + 1)
        # A blur keeps the sum; the root keeps the mean square: 2 sqrt(pi) sigma samples share it.
        echoes[band] = cv2.GaussianBlur(echoes[band], (0, 0), sigmaX=sigma, sigmaY=1e-3) * _norm(sigma)
    noise_level = np.exp((noise_db + LOSS_DB_PER_MM / coarser * depth_mm) * np.float32(np.log(10) / 20))
    echoes += noise_level[:, None, None] * rng.standard_normal(echoes.shape, dtype=np.float32)
    sigma = PULSE_SIGMA_MM * coarser / CELL_MM[0]
    echoes = cv2.GaussianBlur(echoes, (0, 0), sigmaX=1e-3, sigmaY=sigma) * _norm(sigma)
    envelope: Floats = cv2.magnitude(echoes[..., 0], echoes[..., 1]) * np.float32(np.sqrt(0.5))
    return envelope


def _norm(sigma: float) -> np.float32:
    return np.float32(np.sqrt(2 * np.sqrt(np.pi) * sigma))


def compress(envelope: Floats, tgc_db: Floats, settings: Settings) -> Floats:
    """Log compression to 0-255, as the "optimise" key of a device sets it.

    The level fits the image; the dynamic range goes half way from the usual one to the one that gives
    every image the same contrast.

    Args:
        envelope: (rows, columns) 0 or above.
        tgc_db: (rows, 1) what time-gain control leaves uncorrected.
        settings: Gives the mean of the gray levels before clipping, and the contrast aimed at.
    """
    level_db = np.float32(20 / np.log(10)) * cv2.log(envelope + np.float32(1e-6)) + tgc_db
    spread_db = np.sqrt(USUAL_SPREAD_DB * level_db.std())
    gray: Floats = (level_db - level_db.mean()) * np.float32(settings.contrast / spread_db) + settings.level
    return gray.clip(0, 255).astype(np.float32)
