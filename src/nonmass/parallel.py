"""One function over many images: on all cores or a Dask cluster, with progress, and nothing done twice.

What is finished stands in a journal, so that a run that is killed goes on where it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from nonmass.errors import InputError
from nonmass.files import write_text
from nonmass.params import Section

IMAGES_A_WORKER = 32  # fewer are done before a second process has started
DASK_TIMEOUT = "10s"


class ParallelParams(Section):
    """Where work runs, never what it gives: no result depends on this section, so no stage names it.

    Attributes:
        dask_scheduler: Address of a Dask cluster that sees the same files, such as "tcp://node1:8786"; ""
            for this machine's cores.
    """

    dask_scheduler: str


def map_images(
    function: Callable[..., dict[str, Any]],
    jobs: Iterable[tuple[str, tuple[Any, ...]]],
    n_jobs: int,
    journal: Path,
    fingerprint: str,
    params: ParallelParams,
    label: str,
) -> dict[str, dict[str, Any]]:
    """`function(*arguments)` for every job, in whatever order they end.

    Args:
        function: Gives what JSON can hold; importable by its name.
        jobs: Key and arguments; a key stands for one result, also in a later run.
        n_jobs: How many jobs there are.
        journal: File that remembers results until `forget`; not an output of any stage.
        fingerprint: What results depend on beside the key; a journal with another one is thrown away.
        params: Where to work.
        label: What the progress bar calls it.

    Returns:
        Key -> result, in the order of `jobs`.

    Raises:
        InputError: Dask is not installed or its scheduler does not answer; and whatever `function` raises.
    """
    done = _resume(journal, fingerprint)
    keys: list[str] = []

    def remaining() -> Iterator[Any]:
        for key, arguments in jobs:
            keys.append(key)
            if key not in done:
                yield joblib.delayed(_keyed)(function, key, arguments)

    with _backend(params) as workers, journal.open("a", encoding="utf-8") as file:
        n_workers = workers or min(joblib.cpu_count(), 1 + max(0, n_jobs - len(done)) // IMAGES_A_WORKER)
        results = joblib.Parallel(n_jobs=n_workers, return_as="generator_unordered")(remaining())
        bar = tqdm(results, initial=len(done), total=n_jobs, desc=label, unit="image", disable=None)
        for key, result in bar:
            done[key] = result
            file.write(json.dumps([key, result]) + "\n")
            file.flush()
    return {key: done[key] for key in keys}


def forget(journal: Path) -> None:
    """Remove a journal whose results stand in the stage's outputs."""
    journal.unlink(missing_ok=True)


def _keyed(function: Callable[..., Any], key: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    return key, function(*arguments)


def _resume(journal: Path, fingerprint: str) -> dict[str, dict[str, Any]]:
    """What an earlier run left, if its code and settings were ours; else an empty journal."""
    opening = json.dumps(["nonmass", _code(), fingerprint])
    lines = journal.read_text(encoding="utf-8", errors="replace").split("\n") if journal.exists() else []
    if not lines or lines[0] != opening:
        write_text(journal, opening + "\n")
        return {}
    whole = lines[1:-1]  # the last one is empty, or was cut when the run was killed
    try:
        results = dict(map(json.loads, whole))
    except (ValueError, TypeError):  # a disk that failed
        write_text(journal, opening + "\n")
        return {}
    write_text(journal, "\n".join([opening, *whole, ""]))
    return results


@cache
def _code() -> str:
    """Hash of the package's source: results of other code are not ours."""
    package = Path(__file__).parent
    files = sorted(package.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


@contextmanager
def _backend(params: ParallelParams) -> Iterator[int]:
    """Make joblib work where `params` says; gives the number of workers, or 0 for this machine's own count."""
    if not params.dask_scheduler:
        yield 0
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError("parallel.dask_scheduler: Dask is not installed; pip install 'nonmass[dask]'") from None
    try:
        client = Client(params.dask_scheduler, timeout=DASK_TIMEOUT)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"parallel.dask_scheduler: {params.dask_scheduler} does not answer ({error})") from None
    with client, joblib.parallel_config(backend="dask"):
        yield sum(client.nthreads().values())  # type: ignore[no-untyped-call]
