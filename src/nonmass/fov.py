"""The field of view of one screen: several guesses, accepted where they agree and the sides bear them out.

Nobody publishes a finder that is right on every screen, so the aim is no silent error: a box is accepted
only on evidence, and every other one is marked for review, with the reasons.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from nonmass import fov_evidence as evidence
from nonmass.fov_estimators import Gray, Mask, contrast, foreground, inward_out, largest_component, texture_core
from nonmass.geometry import Box, Square
from nonmass.params import Section

ESTIMATORS = {"texture": texture_core, "component": largest_component, "inward": inward_out}

SMALL_SHARE = 0.12  # of the screen; real fields are larger
SETTLED_CONFIDENCE = 0.5  # at least this once the layout, or an image without anything else, decides


class FovParams(Section):
    """How the field of view is found and made square.

    Attributes:
        side_px: Side of the square image.
        square: See `geometry.CropResize`.
        agreement_iou: Overlap at which two guesses are the same box.
        layout_min_images: Screens of one device and size from which their common box is known.
        layout_max_images: Screens of a layout that are looked at for it.
    """

    side_px: int = Field(ge=32, le=4096)
    square: Square
    agreement_iou: float = Field(gt=0.5, le=1.0)
    layout_min_images: int = Field(ge=3)
    layout_max_images: int = Field(ge=3)

    @model_validator(mode="after")
    def _max_is_not_below_min(self) -> Self:
        if self.layout_max_images < self.layout_min_images:
            raise ValueError(f"layout_max_images must be at least layout_min_images ({self.layout_min_images})")
        return self


@dataclass(frozen=True)
class Fov:
    """A field of view and how far to trust it.

    Attributes:
        box: Screen pixels.
        method: Estimators that agree on it, joined by "+"; then "layout" or "bare" if that decided.
        confidence: 0 to 1, to sort a review list by; not a probability.
        flags: Reason codes for which a person should look; none if accepted.
    """

    box: Box
    method: str
    confidence: float
    flags: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether the evidence suffices."""
        return not self.flags


def find_fov(image: Gray, agreement_iou: float = 0.95, layout_box: Box | None = None) -> Fov:
    """Find the field of view of an exported screen.

    Three estimators guess; those whose boxes overlap by `agreement_iou` vote. Each side of their median is
    moved to the steepest rise of the foreground nearby. A side where nothing rises is soft (a black depth, a
    shadow): where the other sides are the layout's, the layout decides it too, and it is doubtful otherwise.
    Images that already are a field of view stay whole but for black margins.

    Args:
        image: `(H, W)` uint8 gray.
        agreement_iou: Overlap at which two guesses are the same.
        layout_box: Where the field lies on other screens of this device and size (`layout_consensus`).
    """
    levels = contrast(image)
    mask = foreground(levels)
    guesses = {name: guess for name, estimate in ESTIMATORS.items() if (guess := estimate(image, mask))}
    if not guesses:
        return _unseen(image, layout_box)
    names = _agreeing(guesses, agreement_iou)
    voters = [guesses[name] for name in names or guesses]
    box, sharpness = evidence.snap(levels, _median(voters))
    soft = {side for side, value in zip(evidence.SIDES, sharpness, strict=True) if value < evidence.SHARP}
    confidence = len(names) / len(ESTIMATORS) * min(sharpness)
    settled = max(confidence, SETTLED_CONFIDENCE)

    bare_box = _bare(mask, box, soft)
    if bare_box:
        return Fov(bare_box, "+".join([*names, "bare"]), settled, _small(mask, bare_box))
    doubts = _doubts(image, mask, box, names, soft)
    open_sides = {side for sides in doubts.values() for side in sides}
    if layout_box and open_sides:
        seen = any(voter.iou(layout_box) >= agreement_iou for voter in voters)
        if seen or evidence.sides_match(mask, box, layout_box, open_sides):
            merged = evidence.merge(box, layout_box, open_sides)
            return Fov(merged, "+".join([*names, "layout"]), settled, _small(mask, merged))
    return Fov(box, "+".join(names) or "median", confidence, _flags(doubts) + _small(mask, box))


def _doubts(image: Gray, mask: Mask, box: Box, names: list[str], soft: set[str]) -> dict[str, set[str]]:
    """What speaks against the box: reason code -> the sides it puts in doubt."""
    everywhere = set(evidence.SIDES)
    ends = evidence.at_border(mask, box)
    return {
        "no-agreement": set() if names else everywhere,
        "split": everywhere if evidence.is_split(mask, box) else set(),
        "soft": soft,
        "unclean": evidence.unclean_sides(mask, box),
        "flat": evidence.flat_sides(image, mask, box),
        # Three sides end with the image, so somebody cropped it; why should the fourth not?
        "inside": everywhere - ends if len(ends) == 3 else set(),
    }


def _flags(doubts: dict[str, set[str]]) -> tuple[str, ...]:
    """Reason codes in a fixed order, with their side unless all are meant."""
    everywhere = set(evidence.SIDES)
    codes = []
    for reason, sides in doubts.items():
        codes += [reason] if sides == everywhere else [f"{reason}-{side}" for side in evidence.SIDES if side in sides]
    return tuple(codes)


def _unseen(image: Gray, layout_box: Box | None) -> Fov:
    """A screen on which no estimator sees a field: the layout's box, or all of it, for a person to look at."""
    height, width = image.shape
    return Fov(layout_box or Box(0, 0, width, height), "layout" if layout_box else "whole", 0.0, ("unseen",))


def _agreeing(guesses: dict[str, Box], agreement_iou: float) -> list[str]:
    """The most guesses that overlap enough, each with each; none if no two do."""
    for count in range(len(guesses), 1, -1):
        for names in combinations(guesses, count):
            if all(guesses[a].iou(guesses[b]) >= agreement_iou for a, b in combinations(names, 2)):
                return list(names)
    return []


def _median(boxes: list[Box]) -> Box:
    """The middle guess of each side."""
    corners = np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes])
    return Box(*(int(value) for value in np.median(corners, axis=0)))


def _bare(mask: Mask, box: Box, soft: set[str]) -> Box | None:
    """The box of an image that already is a field of view, else None.

    Either nothing is outside the box; or three sides end with the image and the fourth fades, as a field
    does in its depth, and then the image is kept whole.
    """
    ends = evidence.at_border(mask, box)
    if len(ends) >= 3 and ends | soft == set(evidence.SIDES):
        return Box(0, 0, mask.shape[1], mask.shape[0])
    return box if evidence.alone(mask, box) else None


def _small(mask: Mask, box: Box) -> tuple[str, ...]:
    return ("small",) if box.area < SMALL_SHARE * mask.size else ()
