"""What a score loses when the lesion, or the burned-in marks, are taken out of an image: the shortcut audit's cause."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nonmass.batches import read_images
from nonmass.determinism import generator
from nonmass.ensemble import ensemble_logits
from nonmass.explanation import batches_of, called_positive, fixed_sample
from nonmass.lesions import read_lesion, tissue_of
from nonmass.overlays.on_square import read_marks
from nonmass.perturbation import MARGIN, RADIUS_PX, Gray, elsewhere, grown, taken_out
from nonmass.prediction import predict_logits
from nonmass.randomisation import Networks
from nonmass.saliency import Mask
from nonmass.tables import PERTURBED

PATCHES = 2  # elsewhere; one alone may fall on anything

# What is taken out of an image, and the ground on which as much is taken out instead; by kind of ground.
Grounds = list[tuple[Mask, Mask]]


def perturbed_samples(rows: pd.DataFrame, marks: pd.DataFrame, n_images: int) -> dict[str, pd.DataFrame]:
    """Target -> the images that it is taken out of, a fixed sample of each part.

    Args:
        rows: Of `selection.judge`, with the columns of `lesions.add_masks`.
        marks: Rows of `tables.MARKS`. Marks that cropping has taken out are no targets.
        n_images: The most of each part and target.
    """
    marked = rows["image_id"].isin(marks["image_id"]) & (rows["overlays"] == "keep")
    candidates = {"lesion": rows[rows["mask_path"] != ""], "marks": rows[marked]}
    return {
        target: pd.concat(
            [some[:0], *(fixed_sample(of_part, n_images, f"perturb {target}") for _, of_part in some.groupby("part"))]
        )
        for target, some in candidates.items()
    }


def perturb(
    networks: Networks, samples: Mapping[str, pd.DataFrame], images_dir: Path, places: Mapping[str, Path]
) -> pd.DataFrame:
    """What scores lose with their lesions or marks, beside what they lose with as much elsewhere.

    An image is left out where nothing of the target is on the square, or where there is no room elsewhere.

    Args:
        networks: Seed -> trained network; the score is the mean of their logits.
        samples: As `perturbed_samples` gives them.
        images_dir: Holds the cropped images.
        places: Where each mask, and each screen with marks, lies.

    Returns:
        Rows of `tables.PERTURBED`.
    """
    targets: dict[str, Callable[[Mapping[str, Path], Any], Grounds]] = {"lesion": _lesion, "marks": _marks}
    found = [pd.DataFrame(columns=list(PERTURBED.columns))]
    for target, rows in samples.items():
        for batch in batches_of(rows, f"take out {target}"):
            images = read_images(images_dir, batch["image_id"].tolist())
            variants = [
                _variants(image, targets[target](places, row), (target, str(row.image_id)))
                for image, row in zip(images, batch.itertuples(), strict=True)
            ]
            has_room = np.array([variant is not None for variant in variants])
            if has_room.any():
                stack = np.stack([variant for variant in variants if variant is not None])
                found.append(_drops(networks, batch[has_room], stack).assign(target=target))
    return PERTURBED.check(pd.concat(found[1:] or found), "explain, perturbation")


def left_out(samples: Mapping[str, pd.DataFrame], perturbed: pd.DataFrame) -> dict[str, int]:
    """Target -> how many images of its sample `perturb` has left out."""
    done = perturbed["target"].value_counts()
    return {target: len(rows) - int(done.get(target, 0)) for target, rows in samples.items()}


def _lesion_with_rim(places: Mapping[str, Path], row: Any) -> Mask:
    lesion = read_lesion(places, row)
    return grown(lesion, round(MARGIN * len(lesion))) & tissue_of(row) if lesion.any() else lesion


def _lesion(places: Mapping[str, Path], row: Any) -> Grounds:
    lesion = _lesion_with_rim(places, row)
    return [(lesion, tissue_of(row) & ~lesion)]


def _marks(places: Mapping[str, Path], row: Any) -> Grounds:
    """Calipers stand on the rim: beside the lesion, what is taken out instead would tell lesions, not marks."""
    tissue, lesion = tissue_of(row), _lesion_with_rim(places, row)
    marks = read_marks(places[row.path], row) & tissue
    clear = tissue & ~grown(marks, RADIUS_PX)  # or the marks' ink would be drawn into what is inpainted
    return [(marks & ground, clear & ground) for ground in (lesion, ~lesion)]


def _variants(image: Gray, grounds: Grounds, key: tuple[str, str]) -> NDArray[np.uint8] | None:
    """The image as it is, without the target, and `PATCHES` times without as much elsewhere; None if there is no room.

    Args:
        image: (side, side) uint8.
        grounds: (side, side) masks; together the first of each are the target.
        key: Of the draws.
    """
    present = [(mask, ground) for mask, ground in grounds if mask.any()]
    if not present:
        return None
    masks = [np.logical_or.reduce([mask for mask, _ in present])]
    for number in range(PATCHES):
        rng = generator(*key, number)
        moved = [elsewhere(mask, ground, rng) for mask, ground in present]
        pieces = [mask for mask in moved if mask is not None]
        if len(pieces) < len(present):
            return None
        masks.append(np.logical_or.reduce(pieces))
    return np.stack([image, *(taken_out(image, mask) for mask in masks)])


def _drops(networks: Networks, rows: pd.DataFrame, variants: NDArray[np.uint8]) -> pd.DataFrame:
    """Columns of `tables.PERTURBED` but the target.

    Args:
        networks: Seed -> network.
        rows: One an image.
        variants: (n, 2 + PATCHES, side, side) as `_variants` gives them.
    """
    n, n_variants, *side = variants.shape
    flat = variants.reshape(n * n_variants, *side)
    logits = ensemble_logits({seed: predict_logits(network, flat) for seed, network in networks.items()})
    called = np.where(called_positive(rows), 1.0, -1.0)[:, None] * logits.reshape(n, n_variants)
    lost = called[:, :1] - called
    about = rows[["image_id", "patient_id", "part", "outcome"]]
    return about.assign(drop=lost[:, 1], drop_elsewhere=lost[:, 2:].mean(axis=1))
