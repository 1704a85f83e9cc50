"""Is dvc.lock true? What DVC finds stale, in words; and whether a stage gives the same bytes again."""

import filecmp
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nonmass.environment import read_records
from nonmass.errors import InputError
from nonmass.roc import bridge

NOT_IN_CACHE = "not in cache"  # DVC's word for a result that is here and right, but could not be restored
WATCHED = ("src", "stages", "params.yaml")  # beside its deps, what a stage may need


def stale_stages(root: Path) -> dict[str, list[str]]:
    """Stage -> why its results are not those of what it reads, in the order of the graph; empty if all is up to date.

    DVC hashes what changed since it last looked; nothing is run.

    Raises:
        InputError: The folder is no project of DVC's, or its dvc.yaml or dvc.lock is broken.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            status: dict[str, list[Any]] = repo.status()
            order = _order(repo)
    except DvcException as error:
        raise InputError(f"DVC: {error}") from None
    first_causes_first = sorted(status.items(), key=lambda item: (order.get(item[0], len(order)), item[0]))
    found = {stage: list(_reasons(changes)) for stage, changes in first_causes_first}
    return {stage: reasons for stage, reasons in found.items() if reasons}


def _order(repo: Any) -> dict[str, int]:
    """Place of each stage in the graph, after all that it needs."""
    from networkx import lexicographical_topological_sort

    needed_first = repo.index.graph.reverse()
    stages = lexicographical_topological_sort(needed_first, key=lambda stage: stage.addressing)
    return {stage.addressing: place for place, stage in enumerate(stages)}


def _reasons(changes: Iterable[Any]) -> Iterator[str]:
    """DVC's nested answer as lines, such as "params.yaml: train.lr modified"."""
    for change in changes:
        if isinstance(change, str):
            yield change
            continue
        for kind, items in change.items():
            for path, state in items.items():
                if isinstance(state, dict):
                    yield from (f"{path}: {key} {what}" for key, what in state.items())
                elif state != NOT_IN_CACHE:
                    yield f"{kind.removeprefix('changed ')}: {path} {state}"


def other_versions(root: Path) -> list[str]:
    """What is installed here in another version than computed the results, which may then come out otherwise.

    Raises:
        InputError: R is missing.
    """
    path = root / "metrics" / "environment.json"
    if not path.is_file():
        return []
    (recorded,) = read_records([path])
    training, statistics = (recorded.get(name, {}) for name in ("training", "statistics"))
    made_with = {"torch": training.get("torch_version"), "timm": training.get("timm_version"), **statistics}
    here = {**bridge.call("software"), "python": platform.python_version()}
    here |= {name: version(name) for name in ("torch", "timm", "numpy", "pandas", "rpy2")}
    return [
        f"{name} {made_with[name]} computed the results, {here[name]} is installed"
        for name in sorted(here.keys() & made_with.keys())
        if made_with[name] not in {here[name], None}
    ]


def differing_outs(root: Path, address: str) -> list[str]:
    """Run a stage again in a scratch folder; files of its outputs that come out otherwise, or not at all.

    Raises:
        InputError: There is no such stage, it ends with an error, or an output to compare with is missing.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            members = sorted(one.addressing for one in repo.index.stages if one.addressing.startswith(f"{address}@"))
            if members:
                raise InputError(f"{address}: is several stages; name one of {', '.join(members)}")
            stage: Any = repo.stage.load_one(name=address)
            command = str(stage.cmd)
            deps = [dep.def_path for dep in stage.deps if not hasattr(dep, "params")]
            outs = [out.def_path for out in stage.outs]
    except DvcException as error:
        raise InputError(f"{address}: {error}") from None
    missing = [path for path in (*deps, *outs) if not (root / path).exists()]
    if missing:
        raise InputError(f"{missing[0]}: not here; run `dvc repro` or `dvc checkout` first")
    with TemporaryDirectory(prefix="nonmass-verify-") as name:
        scratch = Path(name)
        for path in {*deps, *(path for path in WATCHED if (root / path).exists())}:
            _copy(root / path, scratch / path)
        _run(command, scratch, address)
        return [path for out in outs for path in _differing(root, scratch, out)]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def _run(command: str, folder: Path, address: str) -> None:
    """As DVC would, with the programs of this environment and the code of `folder`."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=environment, shell=True, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{address}: ends with code {done.returncode} when it is run again: {done.stderr[-300:]}")


def _differing(root: Path, scratch: Path, out: str) -> list[str]:
    names = {
        path.relative_to(folder).as_posix()
        for folder in (root, scratch)
        for path in ((folder / out).rglob("*") if (folder / out).is_dir() else [folder / out])
        if not path.is_dir()
    }
    return [
        name
        for name in sorted(names)
        if not all((folder / name).is_file() for folder in (root, scratch))
        or not filecmp.cmp(root / name, scratch / name, shallow=False)
    ]
