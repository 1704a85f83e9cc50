"""What a folder of screens costs beside the networks alone: in how far the rest hides behind them."""

import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from nonmass.fov.layout import layout_consensus
from nonmass.images import Gray, read_gray
from nonmass.network import NetworkParams, build_network
from nonmass.params import read_section
from nonmass.phantom.generate import draw_export
from nonmass.phantom.patients import PatientCounts, PhantomParams, draw_cohort
from nonmass.phantom.screen import LAYOUTS
from nonmass.serving.prepare import Source, prepare, sources_of
from nonmass.serving.release import TASKS, Layout, View
from nonmass.serving.stream import Scorer, predict, workers_for
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
        file to its answers), `times_networks` (their ratio); and in time of processors, for what other work on the
        machine does not change, `networks_cpu_ms`, `preparing_cpu_ms` (a file to its square) and `least_times`: the
        ratio where the networks alone keep all cores busy; where they do not, screens are prepared in what is left.
    """
    make_torch_deterministic(read_section("runtime", RuntimeParams))
    _draw(folder, plan.screens)
    sources = sources_of(folder)
    crop = read_section("crop", CropParams).model_copy(update={"side_px": plan.side_px})
    view = _view([source.place for source in sources[:DISTINCT]], read_section("fov", FindParams), crop)
    start = time.process_time()
    some = [prepare(source, view) for source in sources[:DISTINCT]]
    preparing = (time.process_time() - start) / len(some)
    squares = np.stack([screen.square for screen in some if screen.square is not None])
    rows = []
    for backbone in read_section("backbones", tuple[str, ...]):
        architecture = read_section(f"networks.{backbone}", NetworkParams).timm
        networks = [build_network(architecture, side_px=plan.side_px).eval() for _ in TASKS]
        scorers: dict[str, Scorer] = {
            task: TorchScorer({1: one}, plan.batch) for task, one in zip(TASKS, networks, strict=True)
        }
        rows.append((backbone, plan.side_px, *_costs(sources, view, scorers, squares, plan)))
    names = ["backbone", "side_px", "screens", "networks_ms", "screens_ms", "networks_cpu_ms"]
    table = pd.DataFrame(rows, columns=names).assign(preparing_cpu_ms=1000 * preparing)
    return table.assign(
        times_networks=table["screens_ms"] / table["networks_ms"],
        least_times=1 + table["preparing_cpu_ms"] / table["networks_cpu_ms"],
    )


def _costs(
    sources: Sequence[Source], view: View, scorers: Mapping[str, Scorer], squares: NDArray[np.uint8], plan: Plan
) -> tuple[int, float, float, float]:
    """Screens answered; ms a screen of the networks, of the whole way, and of the networks in processor time."""
    for score in scorers.values():  # the first call of a kernel costs more
        score(squares[: plan.batch])

    def seconds_alone(first: int, last: int) -> tuple[float, float]:
        start, start_cpu = time.perf_counter(), time.process_time()
        for begin in range(first, last, plan.batch):
            numbers = np.arange(begin, min(begin + plan.batch, last)) % len(squares)
            for score in scorers.values():
                score(squares[numbers])
        return time.perf_counter() - start, time.process_time() - start_cpu

    # Half of them before the whole way and half after it, so that other work on the machine hits both alike.
    half = plan.screens // (2 * plan.batch) * plan.batch
    before = seconds_alone(0, half)
    start = time.perf_counter()
    workers = workers_for(len(sources), joblib.cpu_count())
    answered = sum(1 for _ in predict(sources, view, scorers, plan.batch, workers))
    whole = time.perf_counter() - start
    after = seconds_alone(half, plan.screens)
    alone, alone_cpu = (first + second for first, second in zip(before, after, strict=True))
    alone, whole, alone_cpu = (1000 * seconds / answered for seconds in (alone, whole, alone_cpu))
    return answered, alone, whole, alone_cpu


def _view(places: Sequence[Path], find: FindParams, crop: CropParams) -> View:
    """Screens of known layouts, as those of the study's own devices are."""
    alike: dict[tuple[int, ...], list[Gray]] = defaultdict(list)
    for place in places:
        gray = read_gray(place)
        alike[gray.shape].append(gray)
    layouts = []
    for (height, width), screens in sorted(alike.items()):
        boxes = layout_consensus(screens[: find.layout_max_images], find.layout_min_images)
        corners = tuple((box.x0, box.y0, box.x1, box.y1) for box in boxes)
        layouts.append(Layout(device=f"{width}x{height}", width_px=width, height_px=height, boxes=corners))
    return View(fov=find, text=TextParams(engine="none"), crop=crop, layouts=tuple(layouts), decisions=())


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
