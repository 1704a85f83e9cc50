"""The unit of inference: who is independent of whom."""

import pandas as pd

from nonmass.splitting import join_fields, linked_groups


def independent_patients(manifest: pd.DataFrame, fov_index: pd.DataFrame) -> "pd.Series[str]":
    """Image id -> the patient it shows; patients who share a picture, byte-identical or nearly so, are one.

    Args:
        manifest: `tables.MANIFEST`.
        fov_index: `tables.FOV_INDEX`.
    """
    images = join_fields(manifest, fov_index)
    return linked_groups(images[images["excluded"] == ""].set_index("image_id", drop=False))
