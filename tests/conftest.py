"""What tests share: a world of a few drawn images, stages called as functions, torch left as it was."""

import importlib.util
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from PIL import Image
from ruamel.yaml import YAML

from nonmass import tables

PROJECT = Path(__file__).parents[1]

# Workers share the cores: no thread may spin while it waits, here or in what a test starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, and no verdict that depends on how busy the machine is.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")


def overlay(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        merged[key] = overlay(base[key], value) if both else value
    return merged


@pytest.fixture
def project() -> Path:
    """The folder that holds params.yaml."""
    return PROJECT


@pytest.fixture
def write_params(tmp_path: Path) -> Callable[..., Path]:
    """Writes the project's params.yaml, with the given sections changed, to the test's folder."""

    def write(**changes: Any) -> Path:
        base = YAML(typ="safe", pure=True).load((PROJECT / "params.yaml").read_text(encoding="utf-8"))
        path = tmp_path / "params.yaml"
        YAML(typ="safe", pure=True).dump(overlay(base, changes), path)
        return path

    return write


@pytest.fixture
def run_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_params) -> Callable[..., None]:
    """Calls `main` of stages/NAME.py in the test's folder: run_stage("split", *arguments, params={...}).

    `params` changes sections of the project's params.yaml; errors reach the test as exceptions.
    """

    def run(name: str, *arguments: Any, params: Mapping[str, Any] | None = None) -> None:
        write_params(**(params or {}))
        monkeypatch.chdir(tmp_path)
        spec = importlib.util.spec_from_file_location(f"stage_{name}", PROJECT / "stages" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        stage = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(stage)
        stage.main(*arguments)

    return run


@pytest.fixture
def run_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs stages/NAME.py as the command line would, in the test's folder; gives its exit code."""

    def run(name: str, *arguments: str) -> int:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(PROJECT / "stages" / f"{name}.py"), run_name="__main__")
        assert isinstance(stop.value.code, int)
        return stop.value.code

    return run


@dataclass(frozen=True)
class TinyWorld:
    """Cropped images with a split: truth 1 is bright on the right, truth 0 on the left.

    Attributes:
        images_dir: `<image_id>.png`, 32 x 32 px, 8-bit gray.
        split_csv: Rows of `tables.SPLIT`.
        split: The same, sorted by image id.
        images: (n, 32, 32) uint8 in the order of `split`.
    """

    images_dir: Path
    split_csv: Path
    split: pd.DataFrame
    images: np.ndarray

    def rows(self, part: str) -> tuple[pd.DataFrame, np.ndarray]:
        chosen = self.split["part"] == part
        return self.split[chosen].reset_index(drop=True), self.images[chosen.to_numpy()]


def draw_half_bright(truth: int, rng: np.random.Generator, side_px: int = 32) -> np.ndarray:
    """Noise that is brighter in its right half (truth 1) or left half (truth 0)."""
    image = rng.integers(60, 120, (side_px, side_px))
    half = side_px // 2
    image[:, half:] += 80 * truth
    image[:, :half] += 80 * (1 - truth)
    return image.astype(np.uint8)


@pytest.fixture
def tiny_world(tmp_path: Path) -> TinyWorld:
    """40 train, 16 val, 8 test and 4 external images of patients with two images each."""
    rng = np.random.default_rng(5)
    parts = ["train"] * 40 + ["val"] * 16 + ["test"] * 8 + ["external"] * 4
    split = pd.DataFrame(
        {
            "image_id": [f"tiny-{number:016x}" for number in range(len(parts))],
            "patient_id": [f"p{number // 2:02d}" for number in range(len(parts))],
            "part": parts,
            "truth": [number // 2 % 2 for number in range(len(parts))],
        }
    )
    images = np.stack([draw_half_bright(truth, rng) for truth in split["truth"]])
    images_dir, split_csv = tmp_path / "images", tmp_path / "split.csv"
    images_dir.mkdir()
    for image_id, image in zip(split["image_id"], images, strict=True):
        Image.fromarray(image).save(images_dir / f"{image_id}.png")
    tables.SPLIT.write(split, split_csv)
    return TinyWorld(images_dir, split_csv, tables.SPLIT.read(split_csv), images)


@pytest.fixture
def no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn as they stand, for tests that look at words and files and not at where things stand."""
    monkeypatch.setattr("matplotlib.figure.Figure.get_layout_engine", lambda figure: None)


@contextmanager
def torch_as_it_was() -> Iterator[None]:
    """Gives torch's threads, flags and generator back at the end of the block."""
    import torch

    threads, is_strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    state = torch.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(is_strict)
    torch.backends.cudnn.benchmark = benchmark
    torch.utils.deterministic.fill_uninitialized_memory = fills
    torch.set_rng_state(state)
    if workspace is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
    else:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = workspace


@pytest.fixture
def torch_globals() -> Iterator[None]:
    """Gives torch's threads, flags and generator back as they were."""
    with torch_as_it_was():
        yield


@dataclass(frozen=True)
class Finished:
    """A project of drawn screens whose graph has run, see `serving_project`; tests leave it as it is.

    Attributes:
        folder: Holds params.yaml and, in `release`, both tasks as ONNX.
        image_ids: Of each screen, by its number.
        said: What `nonmass export` printed.
    """

    folder: Path
    image_ids: Mapping[int, str]
    said: str


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One for all tests of a run, as it takes a while to make."""
    from serving_project import write_project
    from typer.testing import CliRunner

    from nonmass.cli import app

    folder, before = tmp_path_factory.mktemp("finished"), Path.cwd()
    with torch_as_it_was():
        image_ids = write_project(folder)
        os.chdir(folder)
        try:
            exported = CliRunner().invoke(app, ["export"], catch_exceptions=False)
        finally:
            os.chdir(before)
    assert exported.exit_code == 0
    return Finished(folder, image_ids, exported.stdout)


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Any]:
    """Runs a Python program in its own process, in the test's folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    return run
