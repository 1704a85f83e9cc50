"""Where the screens of known devices hold no field of view: strips for the banner and the parameters.

Published lists of pixels to blank or leave out. They hold for screens as the device exports them, and a field at full
width may reach into them; so they narrow the search where it finds no answer, and never cut a field by themselves.
"""

from dataclasses import dataclass

from nonmass.fov.field import Known
from nonmass.geometry import Box


@dataclass(frozen=True)
class Margins:
    """Strips at the borders of a screen, pixels, and as a share of its width where that is how it is published."""

    left_px: int = 0
    top_px: int = 0
    right_px: int = 0
    left_share: float = 0.0


# Words of manufacturer and model, without case and spaces, the more special first. Left and right: CADBUSI
# (Poofy1/CADBUSI-Database, commit ea6c4a8, MIT); top: deid (pydicom/deid 0.4.13, `deid.dicom`, MIT).
MARGINS: tuple[tuple[str, Margins], ...] = (
    ("logiqe10", Margins(right_px=130)),
    ("logiqe9", Margins(top_px=70, right_px=140, left_share=0.04)),
    ("logiqe", Margins(top_px=75)),
    ("epiq", Margins(left_px=102, top_px=49, right_px=135)),
    ("mindray", Margins(top_px=69)),
)


def device_bound(device: str, width_px: int, height_px: int) -> Box | None:
    """The screen without the strips that its device uses for other things; None for an unknown device.

    Args:
        device: Manufacturer and model.
        width_px: Of the screen.
        height_px: Likewise.
    """
    name = "".join(device.lower().split())
    for word, margins in MARGINS:
        if word in name:
            left = max(margins.left_px, round(margins.left_share * width_px))
            if left + margins.right_px < width_px / 2 and margins.top_px < height_px / 4:
                return Box(left, margins.top_px, width_px - margins.right_px, height_px)
    return None


def region_bound(regions: tuple[Box, ...], width_px: int, height_px: int) -> Box | None:
    """The smallest box around DICOM's ultrasound regions; None if there are none, or they leave the screen.

    They hold the field, but seldom closely; and files exist whose regions are larger than the image.
    """
    inside = [box for box in regions if box.x1 <= width_px and box.y1 <= height_px]
    if not inside:
        return None
    corners = list(zip(*((box.x0, box.y0, box.x1, box.y1) for box in inside), strict=True))
    return Box(min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3]))


def bounds(known: Known, width_px: int, height_px: int) -> list[Box]:
    """Where the field must lie, by DICOM and by the device, each if known."""
    found = (region_bound(known.regions, width_px, height_px), device_bound(known.device, width_px, height_px))
    return [box for box in found if box and box != Box(0, 0, width_px, height_px)]
