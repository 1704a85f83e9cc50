"""Training speed of each backbone in three ways: a plain loop, ours, and the limit, which has one batch and no data.

Figures of one run on one machine: compare the ratios, not the images a second.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import timm
import torch
from lightning_fabric import Fabric
from torch.utils.data import DataLoader, Dataset
from torchvision.ops import sigmoid_focal_loss

from nonmass.batches import read_images, to_input
from nonmass.bench.data import measure
from nonmass.determinism import (
    RuntimeParams,
    choose_precision,
    generator,
    make_torch_deterministic,
    processor_name,
)
from nonmass.images import write_png
from nonmass.network import NetworkParams, build_network
from nonmass.params import validate
from nonmass.processes import launch
from nonmass.recipe import Recipe, focal_losses, make_optimiser
from nonmass.resume import StateFile
from nonmass.tables import SPLIT
from nonmass.training import Part, train

WORKERS = 2  # of the plain loop
WARMUP_STEPS = 2
TASK = "detect"
# Of ours against the limit; of ours against the plain loop where the processor multiplies bfloat16.
LEAST_OF_LIMIT = {"cpu": 0.95, "cuda": 0.90}
LEAST_OF_PLAIN = 3.0

Steps = Callable[[int], None]


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        params: The content of params.yaml; recipe, backbones and machine are taken from it.
        side_px: Of the images.
        batch_size: Images a step.
        steps: In each round of each way.
        rounds: Of all three ways in turns, so that other work on the machine hits them alike; the median counts.
    """

    params: Mapping[str, Any]
    side_px: int
    batch_size: int
    steps: int
    rounds: int

    @property
    def runtime(self) -> RuntimeParams:
        """A single process, as one has it without torchrun."""
        return validate({**self.params["runtime"], "devices": 1, "nodes": 1}, RuntimeParams, "runtime")

    @property
    def recipe(self) -> Recipe:
        """That of params, without pretraining, for a round more than are counted: the first warms up."""
        rounds = {"epochs": self.rounds + 1, "early_stopping_epochs": self.rounds + 1, "warmup_epochs": 0}
        content = {
            "train": {**self.params["train"], "batch_size": self.batch_size, **rounds},
            "decay": self.params["lr_decay"][TASK],
            "augment": self.params["augment"],
            "pretrain": {**self.params["pretrain"], "epochs": 0},
            "seed": self.params["train"]["seeds"][0],
        }
        return validate(content, Recipe, "params")

    def architecture(self, backbone: str) -> str:
        """The name that timm knows it by."""
        return validate(dict(self.params["networks"][backbone]), NetworkParams, f"networks.{backbone}").timm


def bench_train(project: Path, folder: Path, plan: Plan) -> pd.DataFrame:
    """Train every backbone of params.yaml on drawn images.

    Args:
        project: Holds `stages/`.
        folder: Gets images and what the train stage writes.
        plan: What is measured.

    Returns:
        One row a backbone: images a second of `plain` (files decoded one by one in two processes, eager single
        precision, rows of pixels first), `ours` (the train stage's engine, validation of two images and saved states
        included) and `limit` (its step on a batch in memory); `ours_limit` and `ours_plain`, their ratios; `start_s`,
        a whole train stage of one step, start of the process included; `peak_mib`, its memory.
    """
    images = folder / "images"
    rows = _draw_set(images, plan)
    table = []
    for backbone in plan.params["backbones"]:
        cost = measure(_stage_of_one_step(project, folder, plan, backbone, rows), folder)
        speed = _speeds(plan, plan.architecture(backbone), rows, images, folder / "states" / backbone)
        table.append({"backbone": backbone, **speed, "start_s": cost.seconds, "peak_mib": cost.peak_mib})
    frame = pd.DataFrame(table)
    ratios = {"ours_limit": frame["ours"] / frame["limit"], "ours_plain": frame["ours"] / frame["plain"]}
    return frame.assign(**ratios)


def machine(plan: Plan) -> str:
    """What the figures are of, and what ours is to reach, in one line."""
    precision, kind = choose_precision(plan.runtime), "cuda" if torch.cuda.is_available() else "cpu"
    targets = f"ours_limit >= {LEAST_OF_LIMIT[kind]:.2f}"
    if precision == "bf16-mixed":
        targets += f", ours_plain >= {LEAST_OF_PLAIN:.2f}"
    return (
        f"{processor_name()}, {plan.runtime.threads} threads, {precision}, batch {plan.batch_size}, "
        f"side {plan.side_px} px, images/s, medians of {plan.rounds} rounds of {plan.steps} steps; targets: {targets}"
    )


def _draw_set(folder: Path, plan: Plan) -> pd.DataFrame:
    """Speckle that fades with depth, as PNG files; rows of a split, half of them positive, two for validation."""
    folder.mkdir(parents=True)
    depth = np.linspace(150, 30, plan.side_px, dtype=np.float32)[:, None]
    ids = [f"image{number:05}" for number in range(plan.steps * plan.batch_size + 2)]
    for image_id in ids:
        normal = generator("bench", image_id).standard_normal((2, plan.side_px, plan.side_px), np.float32)
        amplitude = np.hypot(*(cv2.GaussianBlur(part, (0, 0), 1.5) for part in normal))
        gray = np.clip(depth * amplitude / amplitude.mean(), 0, 255).astype(np.uint8)
        write_png(folder / f"{image_id}.png", gray)
    rows = pd.DataFrame({"image_id": ids, "patient_id": ids, "part": "train"})
    rows.loc[rows.index[-2:], "part"] = "val"
    return rows.assign(truth=rows.index % 2)


def _stage_of_one_step(project: Path, folder: Path, plan: Plan, backbone: str, rows: pd.DataFrame) -> list[str]:
    """The command of a train stage with one batch and one epoch, whose files it writes."""
    train_params = {**plan.params["train"], "batch_size": plan.batch_size, "epochs": 1, "warmup_epochs": 0}
    networks = {name: {**network, "weights": "none"} for name, network in plan.params["networks"].items()}
    changed = {
        "train": train_params,
        "pretrain": {**plan.params["pretrain"], "epochs": 0},
        "networks": networks,
        "runtime": plan.runtime.model_dump(),
    }
    (folder / "params.yaml").write_text(json.dumps({**plan.params, **changed}), encoding="utf-8")
    SPLIT.write(rows.iloc[-2 - plan.batch_size :], folder / "split.csv")
    seed = str(plan.recipe.seed)
    paths = ["split.csv", "images", f"models/{TASK}/{backbone}/{seed}"]
    return [sys.executable, str(project.resolve() / "stages" / "train.py"), TASK, backbone, seed, *paths]


def _speeds(plan: Plan, architecture: str, rows: pd.DataFrame, images: Path, state: Path) -> dict[str, float]:
    """Images a second of each way, medians over the rounds.

    An epoch of ours is a round. The other two take their turns in between, when it reports.
    """
    make_torch_deterministic(plan.runtime, "bench")
    fabric = launch(plan.runtime, choose_precision(plan.runtime))
    others = {
        "plain": _plain(plan, architecture, rows[rows["part"] == "train"], images, fabric.device),
        "limit": _limit(plan, architecture, fabric),
    }
    seconds: dict[str, list[float]] = {"plain": [], "ours": [], "limit": []}
    clock = _Clock(fabric.device)

    def take_turns(history: pd.DataFrame) -> None:
        seconds["ours"].append(clock.lap())
        for name, steps in others.items():
            steps(WARMUP_STEPS)
            clock.lap()
            steps(plan.steps)
            seconds[name].append(clock.lap())

    saved = StateFile(state, "bench")
    saved.path = state / "state.safetensors"  # not in the project
    train_part, val_part = _part(rows, "train", images), _part(rows, "val", images)
    network = _fresh(plan, architecture)
    clock.lap()
    train(network, train_part, val_part, plan.recipe, fabric, saved=saved, on_epoch=take_turns)
    n_images = plan.steps * plan.batch_size
    return {name: float(n_images / np.median(laps[1:])) for name, laps in seconds.items()}


def _part(rows: pd.DataFrame, name: str, images: Path) -> Part:
    rows = rows[rows["part"] == name].reset_index(drop=True)
    return Part(rows, read_images(images, rows["image_id"].tolist()))


def _fresh(plan: Plan, architecture: str) -> torch.nn.Module:
    """The network as the train stage builds it."""
    params = plan.recipe.train
    return build_network(architecture, head=params.head, dropout=params.dropout, side_px=plan.side_px)


class _Clock:
    """Seconds since the lap before, when the device has done what it was told."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.start = device, time.perf_counter()

    def lap(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        before, self.start = self.start, time.perf_counter()
        return self.start - before


def _limit(plan: Plan, architecture: str, fabric: Fabric) -> Steps:
    """The engine's step on one batch that stays on the device."""
    params = plan.recipe.train
    fresh = _fresh(plan, architecture).to(fabric.device).train()
    network, optimiser = fabric.setup(fresh, make_optimiser(fresh, params))
    noise = generator("bench", "limit").integers(0, 256, (plan.batch_size, plan.side_px, plan.side_px), np.uint8)
    batch = to_input(noise).to(fabric.device)
    truth = (torch.arange(plan.batch_size, device=fabric.device) % 2).float().unsqueeze(1)

    def steps(number: int) -> None:
        for _ in range(number):
            fabric.backward(focal_losses(network(batch), truth, params).mean())
            optimiser.step()
            optimiser.zero_grad()

    return steps


class _Files(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Decodes a file when it is asked for."""

    def __init__(self, rows: pd.DataFrame, folder: Path) -> None:
        self.paths = [str(folder / f"{image_id}.png") for image_id in rows["image_id"]]
        self.truth = rows["truth"].tolist()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = torch.from_numpy(cv2.imread(self.paths[row], cv2.IMREAD_UNCHANGED))
        return image.unsqueeze(0).float() / 127.5 - 1, torch.tensor([float(self.truth[row])])


def _plain(plan: Plan, architecture: str, rows: pd.DataFrame, folder: Path, device: torch.device) -> Steps:
    """What one writes first: torch as it comes."""
    network = timm.create_model(architecture, pretrained=False, in_chans=1, num_classes=1).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=plan.recipe.train.lr)
    loader = DataLoader(
        _Files(rows, folder), plan.batch_size, shuffle=True, num_workers=WORKERS, persistent_workers=True
    )

    def endless() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            yield from loader

    batches = endless()

    def steps(number: int) -> None:
        with _as_torch_comes():
            for _ in range(number):
                images, truth = (part.to(device) for part in next(batches))
                optimiser.zero_grad()
                sigmoid_focal_loss(network(images), truth, alpha=0.5, gamma=2.0, reduction="mean").backward()
                optimiser.step()

    return steps


@contextmanager
def _as_torch_comes() -> Iterator[None]:
    """Without the settings of `make_torch_deterministic`, but the threads, which both share."""
    is_strict, is_tuned = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(is_strict)
        torch.backends.cudnn.benchmark = is_tuned
