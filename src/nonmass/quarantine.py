"""Images that no part gets: no field of view on the screen, or a label that a near-duplicate contradicts."""

import pandas as pd

from nonmass.tables import QUARANTINE


def exclude_refused(manifest: pd.DataFrame, fov_index: pd.DataFrame) -> pd.DataFrame:
    """The manifest, in which screens without a field of view to use are excluded, with the reason.

    Args:
        manifest: Rows of `tables.MANIFEST`.
        fov_index: Rows of `tables.FOV_INDEX`.
    """
    reasons = dict(zip(fov_index["image_id"], fov_index["reject"], strict=True))
    reason = pd.Series([reasons.get(name, "") for name in manifest["image_id"]], manifest.index, dtype="string")
    newly = (manifest["excluded"] == "") & (reason != "")
    return manifest.assign(excluded=manifest["excluded"].mask(newly, "field of view refused: " + reason))


def is_contradictory(images: pd.DataFrame) -> "pd.Series[bool]":
    """Which images are in a duplicate group that holds two labels; excluded images have no say.

    Args:
        images: Manifest with the column `duplicate_group`.
    """
    label = images["finding"] + "|" + images["pathology"]
    heard = (images["excluded"] == "") & (images["duplicate_group"] != "")
    labels = label.where(heard).groupby(images["duplicate_group"]).transform("nunique")
    return heard & (labels > 1)


def contradictions(images: pd.DataFrame) -> pd.DataFrame:
    """The images in question, rows of `tables.QUARANTINE`."""
    return images.loc[is_contradictory(images), list(QUARANTINE.columns)]
