"""A field of view, how far to trust it, and what may be known of a screen before it is looked at."""

from dataclasses import dataclass, field

from nonmass.geometry import Box


@dataclass(frozen=True)
class Known:
    """What is known of a screen beside its pixels.

    Attributes:
        device: Manufacturer and model as the manifest has them; or "".
        regions: DICOM's ultrasound regions, pixels of the screen. They hold the field, but seldom closely.
        layout_boxes: Where the field lies on other screens of this device and size, the most common first.
        trace: `m-mode` or `spectral` if DICOM says that this is on the screen, or "".
    """

    device: str = ""
    regions: tuple[Box, ...] = ()
    layout_boxes: tuple[Box, ...] = ()
    trace: str = ""


@dataclass(frozen=True)
class Fov:
    """A field of view.

    Attributes:
        box: Screen pixels; the chosen one if there are several panels; the whole screen if refused.
        method: What decided; see `tables.FOV_INDEX`.
        estimators: Which of them agree on the box.
        confidence: 0 to 1, to sort a review list by; not a probability.
        doubts: Reason codes for which a person should look; none if accepted.
        notes: Reason codes of what was seen and puts nothing in doubt, such as "colour" or "non-rect".
        polygon: Outline within the box, (x, y) pixels of the screen, where the field is no rectangle; or empty.
        panels: All fields on the screen, left to right, then top to bottom, if there are several; or empty.
        reject: Why there is no field of view to use, such as "m-mode"; or "".
    """

    box: Box
    method: str
    estimators: tuple[str, ...]
    confidence: float
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    polygon: tuple[tuple[int, int], ...] = field(default=())
    panels: tuple[Box, ...] = ()
    reject: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the evidence suffices."""
        return not (self.doubts or self.reject)

    @property
    def flags(self) -> tuple[str, ...]:
        """All reason codes, the doubts first."""
        return self.doubts + self.notes

    @property
    def outline(self) -> str:
        """The polygon as `tables.FOV_INDEX` has it: "x,y" joined by "|", or ""."""
        return "|".join(f"{x},{y}" for x, y in self.polygon)
