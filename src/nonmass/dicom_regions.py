"""What DICOM says of a screen's regions: where tissue is shown, and where something else (PS3.3 C.8.5.5)."""

from pydicom import Dataset

from nonmass.geometry import Box

# Regions that show no tissue (PS3.3 C.8.5.5.1.1 and .2): M-mode, spectra, waves, graphics; traces, bars and sums.
NO_TISSUE_FORMATS = frozenset((2, 3, 4, 5))
NO_TISSUE_TYPES = frozenset((*range(3, 15), *range(16, 19)))
# Of these, the ones whose screens show no field of view to use. An ECG or a bar may stand beside one.
M_MODE_FORMAT, SPECTRAL_FORMAT = 2, 3
SPECTRAL_TYPES = frozenset(range(3, 8))  # pulsed and continuous wave; traces of mean, mode and maximum


def region_boxes(text: str) -> tuple[Box, ...]:
    """The inverse of `region_text`."""
    return tuple(Box(*map(int, part.split(","))) for part in text.split("|") if part)


def regions(elements: Dataset) -> tuple[Box, ...]:
    """Where tissue is shown, by the Sequence of Ultrasound Regions (0018,6011), sorted.

    Such a region holds the field of view, but seldom closely. Several are views side by side. M-mode, spectra, traces
    and gray bars are left out. Corners are pixels of the region (PS3.3 C.8.5.5.1), so the far ones are 1 further as
    a box; what lies outside the image, as after a scaling that forgot the regions, is cut off.

    Args:
        elements: `Rows`, `Columns` and the sequence, if there is one.
    """
    boxes = set()
    for region in elements.get("SequenceOfUltrasoundRegions") or ():
        no_tissue = region.get("RegionSpatialFormat") in NO_TISSUE_FORMATS
        if not (no_tissue or region.get("RegionDataType") in NO_TISSUE_TYPES):
            boxes.add(_region_box(region, elements))
    return tuple(sorted(box for box in boxes if box))


def _region_box(region: Dataset, elements: Dataset) -> Box | None:
    """What of a region lies on the screen, if anything."""
    corners = [region.get(f"RegionLocation{corner}") for corner in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
    if not all(isinstance(corner, int) for corner in corners):
        return None
    x0, y0 = max(corners[0], 0), max(corners[1], 0)
    x1, y1 = min(corners[2] + 1, elements.Columns), min(corners[3] + 1, elements.Rows)
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def trace_of(elements: Dataset) -> str:
    """`m-mode` or `spectral` if a region on the screen shows that, else ""."""
    shown = set()
    for region in elements.get("SequenceOfUltrasoundRegions") or ():
        if _region_box(region, elements) is None:
            continue
        spatial_format, data_type = region.get("RegionSpatialFormat"), region.get("RegionDataType")
        if spatial_format == M_MODE_FORMAT:
            shown.add("m-mode")
        elif spatial_format == SPECTRAL_FORMAT or data_type in SPECTRAL_TYPES:
            shown.add("spectral")
    return min(shown, default="")


def region_text(boxes: tuple[Box, ...]) -> str:
    """Regions as in `tables.MANIFEST`: "x0,y0,x1,y1" in pixels, joined by "|"."""
    return "|".join(f"{box.x0},{box.y0},{box.x1},{box.y1}" for box in boxes)
