"""All that a finished model needs beside its weights, in one file that describes itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from nonmass.assignment import Seal
from nonmass.cropping import CropParams
from nonmass.errors import InputError
from nonmass.files import write_text
from nonmass.fov.finder import FindParams
from nonmass.geometry import Box
from nonmass.params import Section, validate
from nonmass.serving.evidence import Evidence
from nonmass.serving.novelty import Novelty
from nonmass.text.listing import TextParams

RELEASE_FILE = "release.json"
Task = Literal["detect", "classify"]
TASKS: tuple[Task, ...] = ("detect", "classify")
RESEARCH_USE: Final = "research use only"
OWN_IMAGES: Final = "the study's own images"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Corners = tuple[int, int, int, int]


class Layout(Section):
    """Where the field lies on screens of one device and size, the most common box first; none known: no box."""

    device: str
    width_px: int
    height_px: int
    boxes: tuple[Corners, ...]


class Decision(Section):
    """A person's word on one file (the first 16 hex digits of its SHA-256) or on a layout; no box: refused."""

    target: str
    box: Corners | None
    is_own: bool


class View(Section):
    """How a screen becomes a square: what stages `fov`, `text` and `crop` went by, and what they learnt."""

    fov: FindParams
    text: TextParams
    crop: CropParams
    layouts: tuple[Layout, ...]
    decisions: tuple[Decision, ...]


class Graph(Section):
    """An ONNX file beside the description."""

    file: str = Field(pattern=r"^[0-9]+\.onnx$")
    sha256: Sha256


class ExportCheck(Section):
    """The exported graphs against torch.

    Attributes:
        images: How many were compared.
        max_logit_difference: The largest, of the ensemble's logits.
        max_map_difference: The largest of a cell of a heat map, in units of the logit. None: no graph gives maps.
        calls_that_differ: Images on different sides of the cut-off.
        opset: ONNX operator set.
    """

    images: int
    max_logit_difference: float
    max_map_difference: float | None
    calls_that_differ: int
    opset: int


class Noticed(Section):
    """How many images of a part that no limit was set on are noticed as unlike the training images."""

    images: int
    patients: int
    noticed_images: int


class Release(Section):
    """A task's ensemble.

    Attributes:
        learnt_from: What kind of images it was trained and set on, a phrase; may be `OWN_IMAGES`.
        negative: What a call below the cut-off means; `positive` likewise.
        class_words: A class, or what a part shows -> what people call it.
        architecture: timm's name.
        seeds: Members; the ensemble's logit is the mean of theirs.
        weights_sha256: Seed -> hash of its `model.safetensors`.
        graphs: Seed -> its ONNX graph; empty in a description that was not exported.
        side_px: Of the square. A network takes (n, 1, side_px, side_px) float32, gray / 127.5 - 1.
        cutoff_logit: Positive at or above it; fixed on validation. None: validation gave none.
        temperature: Calibrated probability is the logistic function of logit / temperature. None: not fitted.
        certificate: Of the split that the ensemble was trained and judged on.
        novelty: See `novelty.Novelty`. None: too few validation images.
        evidence: Part -> how images like a new one were judged there.
        noticed: Part -> what the notice says there; only in an export.
        export_check: Only in an export.
    """

    format: Literal[3]
    use: Literal["research use only"]
    learnt_from: Annotated[str, Field(min_length=1)]
    task: Task
    negative: str
    positive: str
    class_words: dict[str, str]
    backbone: str
    architecture: str
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    weights_sha256: dict[str, Sha256]
    graphs: dict[str, Graph]
    side_px: int
    cutoff_logit: float | None
    temperature: Annotated[float, Field(gt=0)] | None
    certificate: Seal
    view: View
    novelty: Novelty | None
    evidence: dict[str, Evidence]
    noticed: dict[str, Noticed]
    export_check: ExportCheck | None


def write_release(release: Release, folder: Path) -> Path:
    """Write `release.json`: sorted keys, floats with all their digits.

    Returns:
        Where it lies.
    """
    path = folder / RELEASE_FILE
    content = release.model_dump(mode="json")
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")
    return path


def read_release(folder: Path) -> Release:
    """Read and check what `write_release` wrote.

    Raises:
        InputError: It is missing, damaged, of another version, or of another task than its folder says.
    """
    path = folder / RELEASE_FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no release; make one with `nonmass export`, or correct --release") from None
    except (ValueError, OSError):
        raise InputError(f"{path}: not readable as JSON; export it again") from None
    release = validate(content, Release, str(path))
    if release.task != folder.name:
        raise InputError(f"{path}: is a release of {release.task}; put it into a folder of that name")
    return release


def learnt_from(releases: Mapping[str, Release]) -> str:
    """What kind of images all of them learnt from, one phrase."""
    kinds = sorted({release.learnt_from for release in releases.values()})
    return "; ".join([kind for kind in kinds if kind != OWN_IMAGES] or kinds)


def box_of(corners: Corners) -> Box:
    """Corners as a box."""
    return Box(*corners)


def one_view(releases: dict[str, Release]) -> View:
    """How the screens of all tasks are made into squares; one way, or each would have to be looked at twice.

    Raises:
        InputError: The tasks were exported from different params or data.
    """
    first, *others = releases.values()
    if any(other.view != first.view for other in others):
        raise InputError("release: tasks were exported from different params or fields of view; export both again")
    return first.view
