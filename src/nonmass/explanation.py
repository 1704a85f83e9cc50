"""Heat maps of all images that a network has not learnt from, batch by batch, and whether they survive its weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from nonmass.batches import read_images
from nonmass.determinism import seed_of
from nonmass.gradcam import ensemble_maps
from nonmass.lesions import crop_of, read_lesion
from nonmass.params import Section
from nonmass.randomisation import Networks, cascade
from nonmass.saliency import Heat, lesion_numbers
from nonmass.similarity import rank_correlation, structural_similarity
from nonmass.tables import LESION_MATCHES, RANDOMISED

# Of images in memory at one time, whatever their number is.
BATCH_SIZE = 32


class ExplainParams(Section):
    """How much is explained, shown and checked.

    Attributes:
        gallery_images: The most images of each part and outcome in the gallery.
        randomised_images: The most whose maps are compared with those of randomised networks.
        perturbed_images: The most of each part from which lesions, and from which marks, are taken out.
    """

    gallery_images: int = Field(ge=0)
    randomised_images: int = Field(ge=0)
    perturbed_images: int = Field(ge=0)


@dataclass(frozen=True)
class Explanation:
    """Of all images.

    Attributes:
        maps: (n, h, w) coarse heat maps, in the order of the rows.
        matches: `tables.LESION_MATCHES`, of those that show a lesion.
    """

    maps: Heat
    matches: pd.DataFrame

    @property
    def has_map(self) -> NDArray[np.bool_]:
        """(n,) whether a map holds anything but zeros."""
        return np.asarray(self.maps.any(axis=(1, 2)))

    @property
    def top(self) -> float:
        """The upper end of the one colour scale: the highest value of any map."""
        return float(self.maps.max()) or 1.0


def explain(
    networks: Networks, fresh: Networks, rows: pd.DataFrame, images_dir: Path, places: Mapping[str, Path]
) -> Explanation:
    """Heat maps of all images, and how they and those of untrained networks meet the lesions.

    Args:
        networks: Seed -> trained network.
        fresh: Seed -> untrained network of the same architecture.
        rows: Of `selection.judge`, with the columns of `lesions.add_masks`; not empty.
        images_dir: Holds the cropped images.
        places: Where each mask lies, by its name in the manifest.
    """
    maps: list[Heat] = []
    matches: list[dict[str, Any]] = []
    for batch in batches_of(rows, "explain"):
        images = read_images(images_dir, batch["image_id"].tolist())
        positive = called_positive(batch)
        lesions = [read_lesion(places, row) for row in batch.itertuples()]
        shows = np.array([bool(lesion.any()) for lesion in lesions])
        found = ensemble_maps(networks, images, positive)
        maps.append(found)
        if shows.any():
            random = ensemble_maps(fresh, images[shows], positive[shows])
            marked = [lesion for lesion in lesions if lesion.any()]
            matches += _matches(batch[shows], {"gradcam": found[shows], "random": random}, marked)
    table = pd.DataFrame(matches, columns=list(LESION_MATCHES.columns))
    return Explanation(np.concatenate(maps), LESION_MATCHES.check(table, "explain"))


def _matches(
    rows: pd.DataFrame, maps: Mapping[str, Heat], lesions: list[NDArray[np.bool_]]
) -> Iterator[dict[str, Any]]:
    for number, (row, lesion) in enumerate(zip(rows.itertuples(), lesions, strict=True)):
        content = crop_of(row).content
        who = {name: getattr(row, name) for name in ("image_id", "patient_id", "part", "outcome")}
        about = {**who, "lesion_share": float(lesion[content.slices].mean())}
        of_image = {name: heats[number] for name, heats in maps.items()}
        for name, numbers in lesion_numbers(of_image, lesion, content).items():
            yield {**about, "map": name, **numbers}


def randomisation_check(
    networks: Networks, fresh: Networks, rows: pd.DataFrame, maps: Heat, images_dir: Path
) -> pd.DataFrame:
    """How alike the maps stay when ever more layers, from the logit on, are those of untrained networks.

    What is explained stays the class that the whole network calls.

    Args:
        networks: Seed -> trained network.
        fresh: Seed -> untrained network of the same architecture.
        rows: The images of the check; the frame's index points into `maps`.
        maps: (n, h, w) maps by the whole networks.
        images_dir: Holds the cropped images.

    Returns:
        Rows of `tables.RANDOMISED`.
    """
    stages = cascade(networks, fresh)
    found = []
    for batch in batches_of(rows, "randomise"):
        images = read_images(images_dir, batch["image_id"].tolist())
        for layers, lost in stages:
            others = ensemble_maps(lost, images, called_positive(batch))
            alike = [
                (rank_correlation(a, b), structural_similarity(a, b, images.shape[-1]))
                for a, b in zip(maps[batch.index], others, strict=True)
            ]
            spearman, ssim = np.array(alike).T
            about = {"layers": layers, "share": layers / stages[-1][0], "spearman": spearman, "ssim": ssim}
            found.append(batch[["image_id", "patient_id"]].assign(**about))
    return pd.concat(found) if found else pd.DataFrame(columns=list(RANDOMISED.columns))


def fixed_sample(rows: pd.DataFrame, n_images: int, purpose: str) -> pd.DataFrame:
    """At most so many rows, the same whatever else is there: those whose hash comes first; in their own order."""
    hashes = {at: seed_of(purpose, str(image_id)) for at, image_id in rows["image_id"].items()}
    chosen = sorted(hashes, key=hashes.__getitem__)[:n_images]
    return rows[rows.index.isin(chosen)]


def called_positive(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the network calls each image positive; its call is what is explained."""
    return (rows["called"] == "positive").to_numpy()


def batches_of(rows: pd.DataFrame, what: str) -> Iterator[pd.DataFrame]:
    """The rows, a few at a time, with a bar that shows how many images are done."""
    with tqdm(total=len(rows), desc=what, unit="image", leave=False) as bar:
        for start in range(0, len(rows), BATCH_SIZE):
            batch = rows.iloc[start : start + BATCH_SIZE]
            yield batch
            bar.update(len(batch))
