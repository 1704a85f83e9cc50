"""What `nonmass predict` and `nonmass export` do between the command line and the pure functions."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nonmass.errors import InputError
from nonmass.outputs import check_folder
from nonmass.serving.answers import Answer, answer, json_line, record, row
from nonmass.serving.cautions import name_note
from nonmass.serving.prepare import Screen, Source
from nonmass.serving.release import RESEARCH_USE, TASKS, Release, View, learnt_from, one_view, read_release
from nonmass.serving.stream import Scorer, predict, workers_for
from nonmass.tables import ANSWERS


@dataclass(frozen=True)
class Answerers:
    """What answers: a release and a scorer for each task.

    Attributes:
        releases: Task -> release.
        scorers: Task -> ensemble.
        view: How screens are made into squares.
    """

    releases: dict[str, Release]
    scorers: dict[str, Any]
    view: View


def open_project(models: Path, backbone: str | None, batch: int, device: str = "") -> Answerers:
    """The trained networks of the project in whose folder we are, by torch.

    Raises:
        InputError: The graph has not run, or not to its end; or it knows no such device.
    """
    try:
        from nonmass.determinism import RuntimeParams, make_torch_deterministic
        from nonmass.params import read_section
        from nonmass.serving.describe import Project, describe
        from nonmass.serving.torch_scorer import open_torch
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed; use --onnx with an exported release, or pip install 'nonmass[pipeline]'"
        ) from None
    runtime = read_section("runtime", RuntimeParams)
    make_torch_deterministic(runtime)
    releases: dict[str, Release] = {task: describe(Project(models=models), task, backbone) for task in TASKS}
    view = _view_of(releases, device)
    scorers: dict[str, Scorer] = {task: open_torch(release, models, batch) for task, release in releases.items()}
    return Answerers(releases, scorers, view)


def open_release(folder: Path, device: str = "") -> Answerers:
    """Exported networks, by ONNX Runtime: every task in a folder that `nonmass export` wrote.

    Raises:
        InputError: There is none, or one is damaged; or it knows no such device.
    """
    from nonmass.serving.onnx_scorer import open_onnx

    found = [task for task in TASKS if (folder / task).is_dir()]
    if not found:
        raise InputError(f"{folder}: no release; make one with `nonmass export`, or correct --release")
    releases: dict[str, Release] = {task: read_release(folder / task) for task in found}
    view = _view_of(releases, device)
    scorers: dict[str, Scorer] = {task: open_onnx(release, folder / task) for task, release in releases.items()}
    return Answerers(releases, scorers, view)


def _view_of(releases: dict[str, Release], device: str) -> View:
    """How all of them look at screens; a device of which they know no layout is refused."""
    view = one_view(releases)
    known = sorted({layout.device for layout in view.layouts} - {""})
    if device and device not in known:
        names = ", ".join(known) or "none"
        raise InputError(f"--device {device}: not a device of the study, which knows: {names}; or leave --device out")
    return view


def export_all(out: Path, models: Path, backbone: str | None) -> Iterator[str]:
    """Export every task to a folder of its own; says in a line each what came out.

    Raises:
        InputError: The graph has not run, or a network has no form in ONNX.
    """
    from nonmass.determinism import RuntimeParams, make_torch_deterministic
    from nonmass.params import read_section
    from nonmass.serving.describe import Project
    from nonmass.serving.export import export

    check_folder(out, "--out")
    make_torch_deterministic(read_section("runtime", RuntimeParams))
    releases: dict[str, Release] = {}
    for task in TASKS:
        releases[task] = export(Project(models=models), task, backbone, out / task)
        yield summary(releases[task])
    yield f"wrote {out}: {RESEARCH_USE}; learnt from {learnt_from(releases)}"


Explain = Callable[[int, Screen, dict[str, Answer]], None]


def run(
    sources: list[Source],
    answerers: Answerers,
    batch: int,
    device: str,
    say: Callable[[str], None],
    csv: Path | None = None,
    explain: Explain | None = None,
) -> int:
    """Answer for files: a JSON line a screen to stdout through `say`, an error line a file to stderr.

    Returns:
        How many files could not be read.
    """
    faults, rows = 0, []
    for number, (screen, answers) in enumerate(answered(sources, answerers, batch, device), start=1):
        if screen.fault:
            faults += 1
            sys.stderr.write(f"error: {screen.fault}\n")
            continue
        content = record(screen, answers, answerers.releases)
        say(json_line(content))
        if csv:
            rows.append(row(content))
        if explain:
            explain(number, screen, answers)
    if csv:
        ANSWERS.write(pd.DataFrame(rows, columns=list(ANSWERS.columns)), csv)
    return faults


def explainer(answerers: Answerers, folder: Path) -> Explain:
    """Writes the overlays of a screen into a folder, and says where none is drawn."""
    from nonmass.serving.overlay import write_overlays

    for task, release in answerers.releases.items():
        if release.export_check and release.export_check.max_map_difference is None:
            raise InputError(
                f"--overlays: the release of {task} holds no heat maps; leave out --onnx, and torch draws them"
            )
    sys.stderr.write(f"note: overlays: {name_note(answerers.view)}\n")

    def explain(number: int, screen: Screen, answers: dict[str, Answer]) -> None:
        if screen.fov and screen.fov.doubts:
            sys.stderr.write(f"note: {screen.name}: doubtful field of view, no overlay: it may show a name\n")
        write_overlays(folder, number, screen, answers, answerers.releases, answerers.scorers)

    return explain


def answered(
    sources: list[Source], answerers: Answerers, batch: int, device: str = ""
) -> Iterator[tuple[Screen, dict[str, Answer]]]:
    """Every screen with what the ensembles say of it; progress on stderr."""
    import joblib
    from tqdm import tqdm

    scorers: dict[str, Scorer] = answerers.scorers
    workers = workers_for(len(sources), joblib.cpu_count())
    found = predict(sources, answerers.view, scorers, batch, workers, device)
    silent = sys.stdout.isatty() or None  # the lines are progress enough; None: silent where stderr is no terminal
    for screen, logits in tqdm(found, "predict", len(sources), unit="screen", disable=silent):
        yield screen, {task: answer(logit, screen, answerers.releases[task]) for task, logit in logits.items()}


def notices(releases: dict[str, Release]) -> Iterator[str]:
    """What a person should know before reading answers, a line each."""
    yield f"learnt from {learnt_from(releases)}"
    for task, release in releases.items():
        if release.temperature is None:
            yield f"{task}: no temperature was fitted, so there is no calibrated probability"
        if release.cutoff_logit is None:
            yield f"{task}: validation gave no cut-off, so nothing is called"
        if release.novelty is None:
            yield f"{task}: too few images to say which screens are unlike the training images"
        if not release.certificate.disjoint:
            yield f"{task}: NOT DISJOINT: trained and judged on a split whose parts share patients or pictures"


def summary(release: Release) -> str:
    """What an export is, on one line."""
    check = release.export_check
    text = f"{release.task}: {release.backbone}, {len(release.seeds)} seed(s)"
    if check:
        text += (
            f"; {check.images} images by torch and by ONNX Runtime: logits differ by at most "
            f"{check.max_logit_difference:.2g}, calls of {check.calls_that_differ} image(s)"
        )
        text += "; no heat maps" if check.max_map_difference is None else f", maps by {check.max_map_difference:.2g}"
    for part, one in release.noticed.items():
        text += f"; {one.noticed_images} of {one.images} {part} images noticed as unlike the training images"
    return text
