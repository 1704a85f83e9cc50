"""Local features of a picture, and how many of them one similarity transform maps onto another picture's."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from nonmass.images import Gray

# Larger pictures bring out captions and rulers, which screens share; at 256 pixels tissue prevails. Of all pairs of
# BUSI that show different things, 82 have 20 inliers at full size (ORB, 350 points), and none at 256 pixels.
SIDE_PX = 256
LEAST_PX = 8  # short side of a long strip; the smallest of the eight scales needs a pixel or two
MAX_POINTS = 300
TOLERANCE_PX = 3.0  # how far a mapped point may lie from its partner
MAX_ZOOM = 2.5  # beyond it a transform is an accident: it gathers all points in one corner

RECORD = np.dtype([("count", "<i4"), ("points_px", "<f4", (MAX_POINTS, 2)), ("descriptors", "u1", (MAX_POINTS, 32))])


class Features(NamedTuple):
    """Corners of a picture and what surrounds each.

    Attributes:
        points_px: `(n, 2)` float32, x and y on the picture scaled to `SIDE_PX`.
        descriptors: `(n, 32)` uint8, 256 bits each; n is at most `MAX_POINTS`.
    """

    points_px: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def features(crop: Gray) -> Features:
    """The strongest corners over eight scales (ORB; Rublee et al. 2011, doi:10.1109/ICCV.2011.6126544).

    The histogram is made even first, so that neither gain nor compression changes what is a corner: dark
    pictures have none otherwise.

    Args:
        crop: `(H, W)` uint8, the unpadded field of view.
    """
    scale = SIDE_PX / max(crop.shape)
    size = max(round(crop.shape[1] * scale), LEAST_PX), max(round(crop.shape[0] * scale), LEAST_PX)
    picture = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    corners, descriptors = cv2.ORB.create(MAX_POINTS).detectAndCompute(cv2.equalizeHist(picture), None)
    if not corners:
        return Features(np.empty((0, 2), np.float32), np.empty((0, 32), np.uint8))
    points_px = np.array([corner.pt for corner in corners], np.float32)
    return Features(points_px[:MAX_POINTS], descriptors[:MAX_POINTS])  # equal responses may exceed the limit


def n_inliers(a: Features, b: Features) -> int:
    """Features of `a` that one shift, turn and zoom maps onto their partners in `b`.

    Partners are each other's nearest neighbours in Hamming distance. The transform is found by RANSAC (Fischler and
    Bolles 1981, doi:10.1145/358669.358692); OpenCV's starts from a fixed seed of its own, so that the answer
    depends on the arguments alone. Swapping them may change it by a few.
    """
    if min(len(a.points_px), len(b.points_px)) < 2:
        return 0
    partners = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a.descriptors, b.descriptors)
    if len(partners) < 2:
        return 0
    transform, inliers = cv2.estimateAffinePartial2D(
        a.points_px[[partner.queryIdx for partner in partners]],
        b.points_px[[partner.trainIdx for partner in partners]],
        method=cv2.RANSAC,
        ransacReprojThreshold=TOLERANCE_PX,
        refineIters=0,
    )
    if transform is None:
        return 0
    zoom = float(np.hypot(transform[0, 0], transform[1, 0]))
    return int(inliers.sum()) if 1 / MAX_ZOOM <= zoom <= MAX_ZOOM else 0


class Shelf:
    """Features in a file, so that memory does not grow with the number of pictures.

    Args:
        path: The file; begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(b"")

    def append(self, found: Features) -> None:
        """Put the next picture's features at the end."""
        record = np.zeros(1, RECORD)
        count = len(found.points_px)
        record["count"] = count
        record["points_px"][0, :count] = found.points_px
        record["descriptors"][0, :count] = found.descriptors
        with self.path.open("ab") as file:
            file.write(record.tobytes())

    def __getitem__(self, index: int) -> Features:
        """The features put there as number `index`; any thread may ask."""
        record = np.fromfile(self.path, RECORD, count=1, offset=index * RECORD.itemsize)[0]
        count = int(record["count"])
        return Features(record["points_px"][:count], record["descriptors"][:count])
