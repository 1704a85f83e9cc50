"""Near-duplicates with contradictory labels: nobody knows which label is right."""

import pandas as pd

from nonmass.tables import QUARANTINE


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
