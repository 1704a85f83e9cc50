"""Groups of images that show nearly the same picture: found by perceptual hashes, confirmed by local features."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from nonmass.errors import InputError
from nonmass.images import Gray
from nonmass.linking import linked
from nonmass.local_features import Features, Shelf, features, n_inliers
from nonmass.params import Section
from nonmass.tables import DUPLICATE_PAIRS

TILE = 1024  # images compared with as many others at once: some 12 MB, whatever their number in all
MAX_CANDIDATES = 10_000_000  # an hour or two to confirm; more means that most pictures are blank


class DuplicatesParams(Section):
    """When two images are near-duplicates.

    Attributes:
        candidate_distance: Bits of 64 in which one of the two hashes may differ for a pair to be looked at ...
        candidate_distance_sum: ... or bits of 128 in which both together may.
        min_inliers: Local features that one similarity transform must map onto each other.
    """

    candidate_distance: int = Field(ge=0, le=20)
    candidate_distance_sum: int = Field(ge=0, le=40)
    min_inliers: int = Field(ge=10, le=200)


def picture_hashes(crop: Gray) -> tuple[int, int]:
    """Two 64-bit hashes that see different things.

    The first (pHash) holds the signs of the 8 x 8 lowest cosine terms of the 32 x 32 image about their median
    (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"); the second (dHash) tells
    where brightness rises from left to right in the 9 x 8 image. Padding must not be hashed: black bars are
    alike on all images.

    Args:
        crop: `(H, W)` uint8, the unpadded field of view.
    """
    terms = cv2.dct(cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8]
    small = cv2.resize(crop, (9, 8), interpolation=cv2.INTER_AREA)
    return _packed(terms > np.median(terms)), _packed(small[:, 1:] > small[:, :-1])


def _packed(bits: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def pixel_digest(crop: Gray) -> str:
    """16 hex digits that equal pictures share; "" for a blank one, which shows nothing to be known by."""
    if crop.min() == crop.max():
        return ""
    return hashlib.sha256(repr(crop.shape).encode() + crop.tobytes()).hexdigest()[:16]


def candidate_pairs(
    hashes: NDArray[np.uint64], distance: int, distance_sum: int, tile: int = TILE
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """All pairs of which one hash differs in at most `distance` bits, or both together in at most `distance_sum`.

    The sum finds other crops of a picture, which move both hashes a little; the single one finds a picture whose
    shape has changed, which moves the other hash a lot.

    Args:
        hashes: `(n, 2)`, see `picture_hashes`.
        distance: Bits of 64.
        distance_sum: Bits of 128.
        tile: Memory is that of `tile` x `tile` pairs.

    Returns:
        `(m, 2)` pairs `i < j`, sorted; `(m,)` the smaller of the two distances.

    Raises:
        InputError: More than `MAX_CANDIDATES` pairs.
    """
    found = [(np.empty((0, 2), np.int32), np.empty(0, np.uint8))]
    count = 0
    for pairs, distances in _tiles(hashes, distance, distance_sum, tile):
        found.append((pairs, distances))
        count += len(pairs)
        if count > MAX_CANDIDATES:
            raise InputError(
                f"duplicates: more than {MAX_CANDIDATES} of {len(hashes)} images' pairs look alike; see whether many "
                "are blank or wrongly cropped, or lower duplicates.candidate_distance and candidate_distance_sum"
            )
    pairs, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[order], distances[order]


def _tiles(
    hashes: NDArray[np.uint64], distance: int, distance_sum: int, tile: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.uint8]]]:
    """The pairs of one square of the upper triangle of all pairs after the other."""
    for top in range(0, len(hashes), tile):
        for left in range(top, len(hashes), tile):
            rows, columns = hashes[top : top + tile, None], hashes[None, left : left + tile]
            first, second = (np.bitwise_count(rows[..., k] ^ columns[..., k]) for k in (0, 1))
            least = np.minimum(first, second)
            i, j = np.nonzero((least <= distance) | (first + second <= distance_sum))
            i, j = i[i + top < j + left], j[i + top < j + left]
            yield np.stack([i + top, j + left], axis=1).astype(np.int32), least[i, j]


def duplicate_pairs(
    image_ids: Sequence[str],
    hashes: Sequence[Sequence[int]] | NDArray[np.uint64],
    pixels: Sequence[str],
    read_crop: Callable[[int], Gray],
    params: DuplicatesParams,
) -> pd.DataFrame:
    """Look at every candidate pair twice: a hash brings it up, equal pixels or local features confirm it or not.

    A picture that shows next to nothing has too few features to be anybody's duplicate. The answer depends
    neither on the order of images nor on the number of threads.

    Args:
        image_ids: One a picture, no two alike.
        hashes: `(n, 2)`, see `picture_hashes`.
        pixels: One a picture, see `pixel_digest`.
        read_crop: Gives the unpadded field of view of image number `i`; called at most once for each image, from
            several threads.
        params: See there.

    Returns:
        Rows of `tables.DUPLICATE_PAIRS`, sorted.
    """
    by_id = sorted(range(len(image_ids)), key=image_ids.__getitem__)
    ordered = np.asarray(hashes, np.uint64).reshape(-1, 2)[by_id]
    pairs, distances = candidate_pairs(ordered, params.candidate_distance, params.candidate_distance_sum)
    inliers = _confirm(pairs, lambda position: read_crop(by_id[position]))
    ids, digests = (np.array(values, dtype=object)[by_id] for values in (image_ids, pixels))
    first, second = pairs.T
    is_copy = (digests[first] == digests[second]) & (digests[first] != "")
    frame = pd.DataFrame(
        {
            "image_id": ids[first],
            "other_id": ids[second],
            "hash_distance": distances.astype(np.int64),
            "inliers": inliers,
            "is_duplicate": (is_copy | (inliers >= params.min_inliers)).astype(np.int64),
        }
    )
    return DUPLICATE_PAIRS.check(frame, "duplicates")


def _confirm(pairs: NDArray[np.int32], read_crop: Callable[[int], Gray]) -> NDArray[np.int64]:
    """Inliers of each pair. Threads serve: Pillow and OpenCV let go of the interpreter while they work."""
    if not len(pairs):
        return np.zeros(0, np.int64)
    images, places = np.unique(pairs, return_inverse=True)
    parallel = joblib.Parallel(n_jobs=joblib.cpu_count(), prefer="threads", return_as="generator")

    def see(image: int) -> Features:
        return features(read_crop(image))

    def compare(first: int, others: NDArray[np.intp]) -> list[int]:
        own = shelf[first]
        return [n_inliers(own, shelf[int(other)]) for other in others]

    with TemporaryDirectory(prefix="nonmass-") as folder:
        shelf = Shelf(Path(folder) / "features")
        seen = parallel(joblib.delayed(see)(int(image)) for image in images)
        for found in tqdm(seen, total=len(images), desc="features", unit="image", disable=None):
            shelf.append(found)
        firsts, others = places.reshape(-1, 2).T
        starts = np.flatnonzero(np.diff(firsts, prepend=-1))
        runs = zip(firsts[starts].tolist(), np.split(others, starts[1:]), strict=True)
        compared = parallel(joblib.delayed(compare)(first, others) for first, others in runs)
        inliers, done = np.zeros(len(pairs), np.int64), 0
        with tqdm(total=len(pairs), desc="duplicates", unit="pair", disable=None) as bar:
            for counts in compared:
                inliers[done : done + len(counts)] = counts
                done += len(counts)
                bar.update(len(counts))
    return inliers


def duplicate_groups(image_ids: Sequence[str], pairs: pd.DataFrame) -> list[str]:
    """Name of each image's group: the smallest image id in it, or "" for an image that stands alone.

    A group is a connected component, so its ends may themselves be no pair.

    Args:
        image_ids: Whose groups are asked for.
        pairs: Rows of `tables.DUPLICATE_PAIRS`; only those with `is_duplicate` link.
    """
    links = pairs.loc[pairs["is_duplicate"] == 1, ["image_id", "other_id"]].reset_index(drop=True)
    ends = pd.concat([links["image_id"], links["other_id"]])
    groups = linked(ends.reset_index(drop=True), pd.Series(ends.index.astype(str)))
    names = dict(zip(ends, groups, strict=True))
    return [names.get(image_id, "") for image_id in image_ids]
