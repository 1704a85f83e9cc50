"""An ensemble as ONNX files and a description, checked against torch before anybody relies on it."""

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nonmass import tables
from nonmass.batches import to_input
from nonmass.determinism import generator
from nonmass.errors import InputError
from nonmass.files import whole_file
from nonmass.images import read_gray
from nonmass.prediction import BATCH_SIZE
from nonmass.serving.describe import Project, describe, noticed
from nonmass.serving.onnx_scorer import CELLS, INPUT, OUTPUT, OnnxScorer, open_onnx
from nonmass.serving.release import RELEASE_FILE, ExportCheck, Graph, Release, Task, write_release
from nonmass.serving.torch_scorer import TorchScorer, open_torch

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
    checked = compare(scorer, open_onnx(exported, out), squares, release.cutoff_logit)
    furthest = max(checked.max_logit_difference, checked.max_map_difference or 0.0)
    if not furthest <= TOLERANCE:
        raise InputError(
            f"{out}: logits or heat maps of {release.backbone} differ by {furthest:.2g} from torch's, more than "
            f"{TOLERANCE:g}; choose another --backbone"
        )
    judged = noticed(project, task, release.novelty) if release.novelty else {}
    finished = exported.model_copy(update={"export_check": checked, "noticed": judged})
    write_release(finished, out)
    return finished


def onnx_bytes(network: torch.nn.Module, side_px: int, architecture: str) -> bytes:
    """A network as an ONNX file: any number of images, `(n, 1, side_px, side_px)` float32 -> `(n, 1)` logits.

    Where the head is a mean over places and a linear layer, a second output, `(n, h, w)`, says what each place adds.

    By torch's TorchScript exporter: the newer one needs onnxscript and writes stack traces with paths into the file.

    Raises:
        InputError: It has no form in ONNX.
    """
    buffer: Any = io.BytesIO()  # torch's own annotations know of paths alone
    image = to_input(np.zeros((1, side_px, side_px), np.uint8))
    outputs = [OUTPUT]
    if has_mean_head(network, side_px):
        network, outputs = _WithCells(network), [OUTPUT, CELLS]
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
                output_names=outputs,
                dynamic_axes={name: {0: "n"} for name in (INPUT, *outputs)},
            )
    except Exception as error:  # each operator has its own way to say that it has no ONNX form
        fault = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"export: {architecture} has no form in ONNX: {fault}; choose another --backbone") from None
    content: bytes = buffer.getvalue()
    return content


class _WithCells(torch.nn.Module):
    """A network that says beside its logit what each cell of its last feature map adds to it, the bias left out."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.eval()  # the exporter gives all members the mode of the whole when it ends

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.network.forward_features(images)
        weights = self.network.get_classifier().weight[:, :, None, None]
        cells = torch.nn.functional.conv2d(features, weights) / (features.shape[2] * features.shape[3])
        return self.network.forward_head(features), cells[:, 0]


def has_mean_head(network: torch.nn.Module, side_px: int) -> bool:
    """Whether the cells of `_WithCells` and the bias sum to the logit, so that its sum is Grad-CAM; tried on noise."""
    noise = generator("export", side_px).integers(0, 256, (2, side_px, side_px), np.uint8)
    try:
        with torch.inference_mode():
            logits, cells = _WithCells(network)(to_input(noise))
            bias = network.get_classifier().bias  # type: ignore[operator]
            return bool(torch.allclose(cells.sum(dim=(1, 2)) + bias, logits[:, 0], rtol=1e-4, atol=1e-4))
    except (AttributeError, RuntimeError, TypeError, IndexError):  # other heads have no such weights, or other shapes
        return False


def compare(
    by_torch: TorchScorer, by_onnx: OnnxScorer, squares: NDArray[np.uint8], cutoff_logit: float | None
) -> ExportCheck:
    """How far the logits, and the heat maps, of two ways to compute them lie apart."""
    batches = [squares[start : start + BATCH_SIZE] for start in range(0, len(squares), BATCH_SIZE)]
    first, second = (np.concatenate([score(batch) for batch in batches]) for score in (by_torch, by_onnx))
    cutoff = 0.0 if cutoff_logit is None else cutoff_logit
    return ExportCheck(
        images=len(squares),
        max_logit_difference=float(np.abs(first - second).max()),
        max_map_difference=_map_difference(by_torch, by_onnx, batches),
        calls_that_differ=int(((first >= cutoff) != (second >= cutoff)).sum()),
        opset=OPSET,
    )


def _map_difference(by_torch: TorchScorer, by_onnx: OnnxScorer, batches: list[NDArray[np.uint8]]) -> float | None:
    differences = []
    for batch in batches:
        positive = np.arange(len(batch)) % 2 == 0  # both classes
        theirs = by_onnx.maps(batch, positive)
        if theirs is None:
            return None
        differences.append(float(np.abs(by_torch.maps(batch, positive) - theirs).max()))
    return max(differences)


def _squares(project: Project, task: str) -> NDArray[np.uint8]:
    """The first `CHECKED_IMAGES` finished crops of the task that it was not trained on."""
    split = tables.SPLIT.read(project.splits / f"{task}.csv")
    image_ids = split.loc[split["part"] != "train", "image_id"].head(CHECKED_IMAGES).tolist()
    return np.stack([read_gray(project.fields / "images" / f"{image_id}.png") for image_id in image_ids])
