"""Which kinds of source there are. A new one is a module, a class in `Source` and a line in `_READ`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, RootModel

from nonmass.cohorts import busbra, busi, dicom, folder, phantom
from nonmass.cohorts.cohort import Cohort
from nonmass.errors import InputError

_READ: dict[str, Callable[[Path, Any], Cohort]] = {
    "phantom": phantom.read,
    "busi": busi.read,
    "busbra": busbra.read,
    "folder": folder.read,
    "dicom": dicom.read,
}


class Source(
    RootModel[
        Annotated[
            phantom.PhantomSource | busi.BusiSource | busbra.BusbraSource | folder.FolderSource | dicom.DicomSource,
            Field(discriminator="adapter"),
        ]
    ]
):
    """One entry of the section `sources`: `adapter` says which kind it is, and so which other keys there are."""

    model_config = ConfigDict(frozen=True, strict=True)


def read_cohort(place: Path, source: Source) -> Cohort:
    """Read the cohort that lies in the folder `place`, or behind it if that is a link.

    Raises:
        InputError: The folder is missing or holds no image; and whatever its adapter finds wrong.
    """
    if not place.is_dir():
        raise InputError(f"{place}: not found; link or copy the data there, see docs/data.md")
    cohort = _READ[source.root.adapter](place, source.root)
    if cohort.images.empty and not cohort.problems:
        raise InputError(f"{place}: no images found by adapter '{source.root.adapter}'; see docs/data.md")
    return cohort
