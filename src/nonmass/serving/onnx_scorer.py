"""Logits of an ensemble by ONNX Runtime; no torch is needed."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nonmass.ensemble import ensemble_logits
from nonmass.errors import InputError
from nonmass.serving.release import Release

INPUT, OUTPUT, CELLS = "image", "logit", "cells"


class OnnxScorer:
    """The graphs of one task."""

    def __init__(self, sessions: dict[int, Any]) -> None:
        self._sessions = sessions

    def __call__(self, squares: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(n, side, side) uint8 -> (n,) logits."""
        found = {seed: values[:, 0].astype(np.float64) for seed, values in self._run(OUTPUT, squares).items()}
        return ensemble_logits(found)

    def maps(self, squares: NDArray[np.uint8], positive: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        """(n, side, side) uint8 -> (n, h, w) Grad-CAM of what is called, as torch gives it; None without such graphs.

        Where a head takes the mean of the last feature map and weighs its channels, the gradient is these weights, so
        Grad-CAM is a sum that the graph holds itself.
        """
        if any(CELLS not in {one.name for one in session.get_outputs()} for session in self._sessions.values()):
            return None
        sign = np.where(positive, np.float32(1), np.float32(-1))[:, None, None]
        members = [np.maximum(sign * cells, 0) for _, cells in sorted(self._run(CELLS, squares).items())]
        return np.asarray(np.mean(members, axis=0, dtype=np.float32))

    def _run(self, output: str, squares: NDArray[np.uint8]) -> dict[int, Any]:
        values = (squares.astype(np.float32) / np.float32(127.5) - np.float32(1))[:, None]
        return {seed: session.run([output], {INPUT: values})[0] for seed, session in self._sessions.items()}


def open_onnx(release: Release, folder: Path) -> OnnxScorer:
    """The exported graphs, if their bytes are those that the release names.

    Raises:
        InputError: A graph is missing or another one; or ONNX Runtime is not installed or refuses it.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must stand before it is loaded; see text.engines
    try:
        import onnxruntime
    except ImportError:
        raise InputError("--onnx: ONNX Runtime is not installed; pip install 'nonmass[serve]'") from None
    lacking = [str(seed) for seed in release.seeds if str(seed) not in release.graphs]
    if lacking:
        raise InputError(f"{folder}: release without the graph of seed {lacking[0]}; export it again")
    sessions = {}
    for seed in release.seeds:
        graph = release.graphs[str(seed)]
        path = folder / graph.file
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != graph.sha256:
            raise InputError(f"{path}: missing, or not the graph that the release names; export it again")
        try:
            sessions[seed] = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # classes of the runtime's own
            raise InputError(f"{path}: ONNX Runtime refuses it ({type(error).__name__}); export it again") from None
    return OnnxScorer(sessions)
