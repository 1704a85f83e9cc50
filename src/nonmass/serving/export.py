"""An ensemble as ONNX files and a description, checked against torch before anybody relies on it."""

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nonmass import tables
from nonmass.batches import read_images, to_input
from nonmass.errors import InputError
from nonmass.files import whole_file
from nonmass.prediction import BATCH_SIZE
from nonmass.serving.describe import Project, describe, noticed
from nonmass.serving.onnx_scorer import INPUT, OUTPUT, open_onnx
from nonmass.serving.release import RELEASE_FILE, ExportCheck, Graph, Release, Task, write_release
from nonmass.serving.stream import Scorer
from nonmass.serving.torch_scorer import open_torch

OPSET = 17  # of 2022, so that old runtimes read it; nothing newer is needed for convolutions
CHECKED_IMAGES = 100
TOLERANCE = 1e-3  # of a logit: a probability then differs by at most 0.00025


def export(project: Project, task: Task, backbone: str | None, out: Path) -> Release:
    """Write `out/<seed>.onnx` for each member, compare them with torch, and describe them in `out/release.json`.

    Args:
        project: A finished graph.
        task: `detect` or `classify`.
        backbone: Default: the one that validated best.
        out: Folder of this task; graphs of seeds that are gone are removed.

    Raises:
        InputError: Something is missing, an architecture has no form in ONNX, or its logits are off by more than
            `TOLERANCE`; then no description is left, so that nobody can use the graphs.
    """
    release = describe(project, task, backbone)
    scorer = open_torch(release, project.models, BATCH_SIZE)
    out.mkdir(parents=True, exist_ok=True)
    (out / RELEASE_FILE).unlink(missing_ok=True)
    graphs = {}
    for seed, network in scorer.networks.items():
        content = onnx_bytes(network, release.side_px, release.architecture)
        graphs[str(seed)] = Graph(file=f"{seed}.onnx", sha256=hashlib.sha256(content).hexdigest())
        with whole_file(out / f"{seed}.onnx") as temporary:
            temporary.write_bytes(content)
    for path in out.glob("*.onnx"):
        if path.name not in {graph.file for graph in graphs.values()}:
            path.unlink()
    exported = release.model_copy(update={"graphs": graphs})
    squares = _squares(project, task)
    checked = compare({"torch": scorer, "onnx": open_onnx(exported, out)}, squares, release.cutoff_logit)
    if not checked.max_logit_difference <= TOLERANCE:
        raise InputError(
            f"{out}: logits of {release.backbone} differ by {checked.max_logit_difference:.2g} from torch's, more than "
            f"{TOLERANCE:g}; choose another --backbone"
        )
    judged = noticed(project, task, release.novelty) if release.novelty else {}
    finished = exported.model_copy(update={"export_check": checked, "noticed": judged})
    write_release(finished, out)
    return finished


def onnx_bytes(network: torch.nn.Module, side_px: int, architecture: str) -> bytes:
    """A network as an ONNX file: any number of images, `(n, 1, side_px, side_px)` float32 -> `(n, 1)`.

    By torch's TorchScript exporter: the newer one needs onnxscript and writes stack traces with paths into the file.

    Raises:
        InputError: It has no form in ONNX.
    """
    buffer: Any = io.BytesIO()  # torch's own annotations know of paths alone
    image = to_input(np.zeros((1, side_px, side_px), np.uint8))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (image,),
                buffer,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
            )
    except Exception as error:  # each operator has its own way to say that it has no ONNX form
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"export: {architecture} has no form in ONNX: {fault}; choose another --backbone") from None
    content: bytes = buffer.getvalue()
    return content


def compare(scorers: Mapping[str, Scorer], squares: NDArray[np.uint8], cutoff_logit: float | None) -> ExportCheck:
    """How far the logits of two ways to compute them lie apart."""
    starts = range(0, len(squares), BATCH_SIZE)
    first, second = (
        np.concatenate([score(squares[start : start + BATCH_SIZE]) for start in starts]) for score in scorers.values()
    )
    cutoff = 0.0 if cutoff_logit is None else cutoff_logit
    return ExportCheck(
        images=len(squares),
        max_logit_difference=float(np.abs(first - second).max()),
        calls_that_differ=int(((first >= cutoff) != (second >= cutoff)).sum()),
        opset=OPSET,
    )


def _squares(project: Project, task: str) -> NDArray[np.uint8]:
    """The first `CHECKED_IMAGES` finished crops of the task that it was not trained on."""
    split = tables.SPLIT.read(project.splits / f"{task}.csv")
    image_ids = split.loc[split["part"] != "train", "image_id"].head(CHECKED_IMAGES).tolist()
    return read_images(project.fields / "images", image_ids)
