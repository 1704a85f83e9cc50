"""Whether the results of a revision are those of its graph, params and code, by dvc.yaml, dvc.lock and Git alone."""

from collections.abc import Iterator

from nonmass.errors import InputError
from nonmass.gate.rules import OF_SEEDS, TASKS, read_known
from nonmass.lineage.graph import GRAPH_FILE, Planned, behind, is_inside, read_graph
from nonmass.lineage.hashing import folder_hash, md5_of
from nonmass.lineage.lock import LOCK_FILE, Hashed, Stage, other_params, read_lock, shown
from nonmass.lineage.revisions import Revision
from nonmass.params import PARAMS_FILE

# Which only `check` watches as a whole.
PACKAGE = "src/nonmass"
ENVIRONMENT_STAGE = "environment"


def stale_results(revision: Revision) -> list[str]:
    """Why the predictions and metrics of a side are not those of its params and code; empty if they are.

    Folders and files that are not in Git, because DVC keeps them, are left to `nonmass verify`.

    Raises:
        InputError: Its dvc.lock is missing or lacks a stage of its dvc.yaml, or no stage makes what the gate reads.
    """
    stages, graph = read_lock(revision), read_graph(revision)
    missing = [name for name in graph if name not in stages]
    if missing:
        raise InputError(f"{LOCK_FILE}: knows no stage {missing[0]}; run `dvc repro` and commit it")
    last = [f"eval@{task}" for task in TASKS]
    for name in last:
        if name not in graph:
            raise InputError(f"{GRAPH_FILE}: has no stage {name}, which makes what the gate reads")
    if ENVIRONMENT_STAGE in graph:  # what it writes stands on every page
        last.append(ENVIRONMENT_STAGE)
    # dvc.lock may keep others, which dvc.yaml had once.
    stages = behind({name: stages[name] for name in graph}, last)
    made = {path: out for stage in stages.values() for path, out in stage.outs.items()}
    for path in _read_by_the_gate(revision):
        if path not in made:
            raise InputError(f"{LOCK_FILE}: no stage behind {' and '.join(last)} makes {path}")
    return [
        f"{name}: {reason}"
        for name, stage in stages.items()
        for reason in (
            *_of_graph(stage, graph[name]),
            *_of_params(stage, revision),
            *_of_files(stage, revision, made),
            *_of_chain(stage, made),
        )
    ]


def _read_by_the_gate(revision: Revision) -> Iterator[str]:
    known = read_known(revision)
    is_seeded = known.gate is not None and known.gate.margin == OF_SEEDS
    yield "metrics/split.json"
    for task in TASKS:
        yield f"metrics/{task}.json"
        for folder in ("predictions", "predictions/seeds") if is_seeded else ("predictions",):
            yield from (f"{folder}/{task}/{backbone}.csv" for backbone in known.backbones)


def _of_graph(stage: Stage, planned: Planned) -> Iterator[str]:
    """A stage that dvc.yaml has otherwise than it was run."""
    if stage.cmd != planned.cmd:
        yield f"its command in {GRAPH_FILE} is not the one that ran"
    for what, now, then in (
        ("dep", planned.deps, stage.deps),
        ("parameter", planned.params, stage.params),
        ("output", planned.outs, stage.outs),
    ):
        for key in sorted(now ^ set(then)):
            yield f"{what} {key} is {'new' if key in now else 'gone'} in {GRAPH_FILE}"


def _of_params(stage: Stage, revision: Revision) -> Iterator[str]:
    for key, then, now in other_params(stage, revision.params):
        yield f"{key} was {shown(then)} when it ran and is {shown(now)}"


def _of_files(stage: Stage, revision: Revision, made: dict[str, Hashed]) -> Iterator[str]:
    """What Git holds and dvc.lock has otherwise; params.yaml is looked at key by key, the package module by module."""
    for path, known in {**stage.deps, **stage.outs}.items():
        file = revision.folder / path
        if path in {str(PARAMS_FILE), PACKAGE}:
            continue
        if known.is_folder:
            is_made = any(path == out or is_inside(path, out) or is_inside(out, path) for out in made)
            files = [] if is_made else revision.kept_by_git(path)
            if not is_made and not file.exists() and not (revision.folder / f"{path}.dvc").is_file():
                yield f"{path} is gone"
            elif files and folder_hash({name: md5_of(file / name) for name in files}) != known.md5:
                yield f"{path} is not the folder that {LOCK_FILE} names"
        elif not file.is_file():
            if not any(path == out or is_inside(path, out) for out in made):
                yield f"{path} is gone"
        elif md5_of(file) != known.md5:
            yield f"{path} is not the file that {LOCK_FILE} names"


def _of_chain(stage: Stage, made: dict[str, Hashed]) -> Iterator[str]:
    """What a stage read and another has made anew since.

    A folder of which stages make the files has the hash of these files, unless one of them is itself a folder: then
    nobody can tell without the data, but for their number.
    """
    for path, read in stage.deps.items():
        inner = {out.removeprefix(f"{path}/"): hashed for out, hashed in made.items() if is_inside(out, path)}
        n_made = sum(hashed.nfiles or 1 for hashed in inner.values())
        if inner and (read.nfiles or 0) > n_made:
            yield f"{path} held {read.nfiles} files, of which stages make {n_made}; remove the others"
            continue
        if path in made:
            is_other = made[path].md5 != read.md5
        elif inner and not any(hashed.is_folder for hashed in inner.values()):
            is_other = folder_hash({name: hashed.md5 for name, hashed in inner.items()}) != read.md5
        else:
            continue
        if is_other:
            yield f"ran on another {path} than the graph makes now"
