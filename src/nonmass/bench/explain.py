"""What the heat maps of a set of images cost, beside a forward and a backward pass over the same files.

Figures of one run on one machine: compare the ratios, not the seconds. Memory is that of the whole process at its
peak, so each number of images needs a process of its own.
"""

import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nonmass.batches import read_images, to_input
from nonmass.determinism import RuntimeParams, generator, make_torch_deterministic
from nonmass.explanation import batches_of, explain
from nonmass.images import write_png
from nonmass.network import NetworkParams, build_network
from nonmass.params import validate
from nonmass.randomisation import Networks, fresh_networks

MASK = "mask.png"
SCREEN_PX = (768, 1024)  # of which masks have the size


def bench_explain(params: Mapping[str, Any], folder: Path, n_images: int, side_px: int) -> pd.DataFrame:
    """Explain speckle with a lesion mask by an untrained network of every backbone of params.yaml.

    Args:
        params: The content of params.yaml.
        folder: Gets the images.
        n_images: How many.
        side_px: Of the squares.

    Returns:
        One row a backbone: `forward_backward_s` (files decoded, logits and the gradients of all weights), `explain_s`
        (what stage `explain` does with every image: files decoded, masks read, maps of the network and of one without
        training, their numbers), `ratio`, and `peak_mib`, resident memory of the process after `explain`.
    """
    make_torch_deterministic(validate(dict(params["runtime"]), RuntimeParams, "runtime"), "bench")
    rows = _draw_set(folder, n_images, side_px)
    table = []
    for backbone in params["backbones"]:
        settings = validate(dict(params["networks"][backbone]), NetworkParams, f"networks.{backbone}")
        networks = {1: build_network(settings.timm, head="default").eval()}
        fresh = fresh_networks(networks)
        start = time.perf_counter()
        explain(networks, fresh, rows, folder, {MASK: folder / MASK})
        explained = time.perf_counter()
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _forward_backward(networks, rows, folder)
        seconds = {"explain_s": explained - start, "forward_backward_s": time.perf_counter() - explained}
        table.append({"backbone": backbone, "images": n_images, **seconds, "peak_mib": peak_kib / 1024})
    frame = pd.DataFrame(table)
    return frame.assign(ratio=frame["explain_s"] / frame["forward_backward_s"])


def _forward_backward(networks: Networks, rows: pd.DataFrame, folder: Path) -> None:
    """The limit: what any explanation by gradients needs at least."""
    for batch in batches_of(rows, "forward and backward"):
        images = to_input(read_images(folder, batch["image_id"].tolist()))
        for network in networks.values():
            network.zero_grad()
            network(images).sum().backward()


def _draw_set(folder: Path, n_images: int, side_px: int) -> pd.DataFrame:
    """One square of noise under many names, and one mask; rows as `explanation.explain` takes them."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"image{number:06}" for number in range(n_images)]
    noise = generator("bench", "explain").integers(0, 256, (side_px, side_px), np.uint8)
    write_png(folder / f"{ids[0]}.png", noise)
    for image_id in ids[1:]:
        os.link(folder / f"{ids[0]}.png", folder / f"{image_id}.png")
    mask = np.zeros(SCREEN_PX, np.uint8)
    mask[200:400, 300:600] = 255
    write_png(folder / MASK, mask)
    height, width = SCREEN_PX
    box: dict[str, Any] = {"x0_px": 0, "y0_px": 0, "x1_px": width, "y1_px": height, "polygon": "", "square": "pad_br"}
    screen: dict[str, Any] = {"side_px": side_px, "width_px": width, "height_px": height, "mask_path": MASK}
    rows = pd.DataFrame({"image_id": ids, "patient_id": ids, "part": "test", "outcome": "TP", "called": "positive"})
    return rows.assign(**box, **screen)
