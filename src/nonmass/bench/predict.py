"""What a folder of screens costs beside the networks alone: in how far the rest hides behind them."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.cropping import CropParams
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.fov.finder import FindParams
from nonmass.network import NetworkParams, build_network
from nonmass.params import read_section
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import PatientCounts, PhantomParams, draw_cohort
from nonmass.phantom.screen import LAYOUTS
from nonmass.serving.prepare import prepare, sources_of
from nonmass.serving.release import TASKS, View
from nonmass.serving.stream import predict, workers_for
from nonmass.serving.torch_scorer import TorchScorer
from nonmass.text.listing import TextParams

DISTINCT = 50  # screens that are drawn; the folder holds copies of them
SEED = 1


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        screens: In the folder.
        batch: Squares at once.
        side_px: Of the squares.
    """

    screens: int
    batch: int
    side_px: int


def bench_predict(folder: Path, plan: Plan) -> pd.DataFrame:
    """A folder of phantom screens through both tasks' networks, one seed each, for every backbone of params.

    Args:
        folder: Gets the screens.
        plan: How many, and how large.

    Returns:
        One row a backbone: `networks_ms` (a screen, both tasks, squares in memory), `screens_ms` (a screen from its
        file to its answers), `times_networks` (their ratio), and `preparing_ms` (a screen's file to its square on
        one core, on which the ratio depends).
    """
    runtime = read_section("runtime", RuntimeParams)
    make_torch_deterministic(runtime)
    _draw(folder, plan.screens)
    crop = read_section("crop", CropParams).model_copy(update={"side_px": plan.side_px})
    view = View(
        fov=read_section("fov", FindParams), text=TextParams(engine="none"), crop=crop, layouts=(), decisions=()
    )
    sources = sources_of(folder)
    start = time.perf_counter()
    some = [prepare(source, view) for source in sources[:DISTINCT]]
    preparing_ms = 1000 * (time.perf_counter() - start) / len(some)
    squares = np.stack([screen.square for screen in some if screen.square is not None])
    rows = []
    for backbone in read_section("backbones", tuple[str, ...]):
        architecture = read_section(f"networks.{backbone}", NetworkParams).timm
        scorers = {
            task: TorchScorer({1: build_network(architecture, side_px=plan.side_px).eval()}, plan.batch)
            for task in TASKS
        }
        for _ in _batches(squares, plan.batch, plan.batch):  # the first call of a kernel costs more
            for score in scorers.values():
                score(squares[: plan.batch])
        start = time.perf_counter()
        for batch in _batches(squares, plan.screens, plan.batch):
            for score in scorers.values():
                score(batch)
        networks = time.perf_counter() - start
        start = time.perf_counter()
        workers = workers_for(len(sources), joblib.cpu_count())
        answered = sum(1 for _ in predict(sources, view, scorers, plan.batch, workers))
        whole = time.perf_counter() - start
        rows.append((backbone, plan.side_px, answered, 1000 * networks / answered, 1000 * whole / answered))
    table = pd.DataFrame(rows, columns=["backbone", "side_px", "screens", "networks_ms", "screens_ms"])
    ratio = table["screens_ms"] / table["networks_ms"]
    return table.assign(times_networks=ratio, preparing_ms=preparing_ms)


def _batches(squares: NDArray[np.uint8], n: int, batch: int) -> Iterator[NDArray[np.uint8]]:
    """As many squares as the folder has screens, in its batches."""
    for start in range(0, n, batch):
        yield squares[np.arange(start, min(start + batch, n)) % len(squares)]


def _draw(folder: Path, n_screens: int) -> None:
    """Screens of all devices, each of another patient, and copies of them."""
    n = min(n_screens, DISTINCT)
    counts = PatientCounts(normal=n, mass=n, non_mass=n)
    patients = draw_cohort(PhantomParams(seed=SEED, patients=counts, ineligible=0))[:n]
    for number in range(n_screens):
        path = folder / f"{number:06d}.jpg"
        if number < n:
            patient = patients[number]
            quality = [cv2.IMWRITE_JPEG_QUALITY, LAYOUTS[patient.device_number].jpeg_quality]
            cv2.imwrite(str(path), draw_export(SEED, patient, 1).screen, quality)
        else:
            shutil.copyfile(folder / f"{number % n:06d}.jpg", path)
