"""Many screens: the next ones are prepared on all cores while the networks look at the last ones."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nonmass.images import Gray
from nonmass.serving.prepare import Screen, Source, prepare
from nonmass.serving.release import View

Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float64]]  # (n, side, side) -> (n,) logits of an ensemble
FEW = 32  # so many are done before a second process has started
AHEAD = 3  # batches that wait at most, so that memory does not grow with the folder


def predict(
    sources: Iterable[Source], view: View, scorers: Mapping[str, Scorer], batch: int, workers: int, device: str = ""
) -> Iterator[tuple[Screen, dict[str, float]]]:
    """Every screen in the order of sources, with the logit of each task; none where there is no square.

    Args:
        sources: What to look at.
        view: How to look.
        scorers: Task -> its ensemble.
        batch: Squares that an ensemble gets at once.
        workers: Processes that prepare; 0: none but this one.
        device: As for `prepare.prepare`.
    """
    with _prepared(sources, partial(prepare, view=view, device=device), batch, workers) as screens:
        waiting: list[Screen] = []
        for screen in screens:
            waiting.append(screen)
            if sum(one.square is not None for one in waiting) == batch:
                yield from _scored(waiting, scorers)
                waiting = []
        yield from _scored(waiting, scorers)


def _scored(screens: list[Screen], scorers: Mapping[str, Scorer]) -> Iterator[tuple[Screen, dict[str, float]]]:
    squares: list[Gray] = [screen.square for screen in screens if screen.square is not None]
    logits = {task: iter(score(np.stack(squares)).tolist()) for task, score in scorers.items()} if squares else {}
    for screen in screens:
        yield screen, {} if screen.square is None else {task: next(values) for task, values in logits.items()}


@contextmanager
def _prepared(
    sources: Iterable[Source], look: Callable[[Source], Screen], batch: int, workers: int
) -> Iterator[Iterator[Screen]]:
    """Screens in order; at most `AHEAD` batches of them exist at a time."""
    if not workers:
        yield map(look, sources)
        return
    # A fork of a process in which torch has started threads may hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _work_alone)
    try:
        yield _ahead(pool, iter(sources), look, AHEAD * batch)
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(
    pool: ProcessPoolExecutor, sources: Iterator[Source], look: Callable[[Source], Screen], most: int
) -> Iterator[Screen]:
    coming: deque[Future[Screen]] = deque(pool.submit(look, source) for source in islice(sources, most))
    while coming:
        yield coming.popleft().result()
        coming.extend(pool.submit(look, source) for source in islice(sources, 1))


def _work_alone() -> None:
    """One thread a process."""
    import cv2

    cv2.setNumThreads(1)


def workers_for(n_sources: int, cores: int) -> int:
    """How many processes pay."""
    return 0 if n_sources <= FEW else max(1, min(cores, n_sources // FEW))
