"""Groups of images that show nearly the same picture, by a perceptual hash of the field of view."""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nonmass.params import Section

BLOCK = 2048  # images compared with all others at once: 16 bytes x BLOCK x n of memory


class DuplicatesParams(Section):
    """When two images are near-duplicates.

    Attributes:
        max_hash_distance: Bits of 64 in which either of two hashes may differ.
    """

    max_hash_distance: int = Field(ge=0, le=64)


def picture_hashes(crop: NDArray[np.uint8]) -> tuple[int, int]:
    """Two 64-bit hashes that see different things, so that chance seldom brings both close.

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


def close_pairs(hashes: NDArray[np.uint64], max_distance: int) -> NDArray[np.int64]:
    """All pairs `i < j` of which each hash differs in at most `max_distance` bits.

    Args:
        hashes: `(n, k)`, k hashes an image.
        max_distance: Bits.

    Returns:
        `(pairs, 2)`.
    """
    found = [np.empty((0, 2), np.int64)]
    for start in range(0, len(hashes), BLOCK):
        close = np.ones((len(hashes[start : start + BLOCK]), len(hashes) - start), np.bool_)
        for column in hashes.T:
            close &= np.bitwise_count(column[start : start + BLOCK, None] ^ column[None, start:]) <= max_distance
        i, j = np.nonzero(close)
        found.append(np.stack([i, j], axis=1)[i < j] + start)
    return np.concatenate(found)


def duplicate_groups(image_ids: list[str], hashes: list[tuple[int, ...]], max_distance: int) -> list[str]:
    """Name of each image's group: the smallest image id in it, or "" for an image that stands alone.

    A group is a connected component of close pairs, so its ends may be further apart than `max_distance`.
    """
    if not image_ids:
        return []
    pairs = close_pairs(np.array(hashes, np.uint64), max_distance)
    count = len(image_ids)
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels)
    smallest: dict[int, str] = {}
    for label, image_id in zip(labels.tolist(), image_ids, strict=True):
        smallest[label] = min(image_id, smallest.get(label, image_id))
    return [smallest[label] if sizes[label] > 1 else "" for label in labels.tolist()]
