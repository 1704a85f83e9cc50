"""The field of view of one screen: several guesses, accepted where they agree and the sides bear them out.

Nobody publishes a finder that is right on every screen, so the aim is no silent error: a box is accepted
only on evidence, and every other one is marked for review, with the reasons.
"""

from dataclasses import replace
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from nonmass.fov import evidence
from nonmass.fov.candidates import (
    CLEAR_SIDES,
    Candidate,
    best_of,
    candidate_of,
    candidates_of,
    flags_of,
    guesses_of,
    small_of,
)
from nonmass.fov.colour import colour_note
from nonmass.fov.devices import bounds
from nonmass.fov.edges import lines_within
from nonmass.fov.estimators import View, dense, view_of, within
from nonmass.fov.field import Fov, Known
from nonmass.fov.panels import choose_panel, find_panels
from nonmass.fov.quick import is_plain
from nonmass.fov.ruler import find_ruler
from nonmass.fov.scale import enlarged, scaled, shrunk, shrunk_boxes, thinned
from nonmass.fov.shape import outline
from nonmass.fov.sides import OUTER, SIDES, gap_px, outline_sides, sides_of, snap
from nonmass.fov.traces import refusal_and_doubt
from nonmass.geometry import Box
from nonmass.images import Gray, Picture
from nonmass.params import Section

WORK_PX = 1400  # longer side of the screen at which is looked for the field; the sides are refined at full size
LEAST_PX = 48  # a smaller picture is no screen
COARSE_PX = 640  # of a larger screen every second pixel tells whether its field is a rectangle
SNAP_PX = 4  # a layout's box may be off by so much on a single screen
SETTLED_CONFIDENCE = 0.5  # at least this once the layout, or an image without anything else, decides
NOTHING = Known()
FAINT_STEP = 0.12  # of the lower side is seen, and it is where the ruler ends
SPACING_SHARE = 0.06  # of the height: else the ruler tells the lower side well enough
MAY_BLOCK = 0.2  # of the lower side: a caption, a body mark
SAME_IOU = 0.98  # boxes of a layout that differ by a pixel or two
LOOSE_IOU = 0.75  # estimators made for rectangles miss the corners of a sector


class FindParams(Section):
    """How the field of view is found.

    Attributes:
        agreement_iou: Overlap at which two guesses are the same box.
        layout_min_images: Screens of one device and size from which their common box is known.
        layout_max_images: Screens of a layout that are looked at for it.
    """

    agreement_iou: float = Field(gt=0.5, le=1.0)
    layout_min_images: int = Field(ge=3)
    layout_max_images: int = Field(ge=3)

    @model_validator(mode="after")
    def _max_is_not_below_min(self) -> Self:
        if self.layout_max_images < self.layout_min_images:
            raise ValueError(f"layout_max_images must be at least layout_min_images ({self.layout_min_images})")
        return self


def find_fov(picture: Picture | Gray, params: FindParams, known: Known = NOTHING) -> Fov:
    """Find the field of view of an exported screen.

    Four estimators guess; boxes that overlap by `agreement_iou` are one. Each side is moved to the steepest
    rise of the foreground nearby, and then looked at: along a field's side texture ends, in a straight line.
    A side where it does not (a black depth, a shadow, something glued on) is doubtful; where the other sides
    are the layout's, the layout decides it. Images that already are a field of view stay whole but for black
    margins.

    A picture that was not stored as JPEG is looked at as its JPEG would show it, so that the answer is the same for
    both.

    Args:
        picture: The screen, gray and chroma; or gray alone, `(H, W)` uint8, which is looked at as it is.
        params: How to find.
        known: What is known of the screen beside its pixels.
    """
    if isinstance(picture, np.ndarray):
        picture = Picture(picture, np.zeros_like(picture))
    picture = picture.exported
    height, width = picture.gray.shape
    if min(height, width) < LEAST_PX:
        return Fov(Box(0, 0, width, height), "guess", (), 0.0, ("unseen",))
    if known.trace:
        return Fov(Box(0, 0, width, height), "dicom", (), 0.0, reject=known.trace)
    boxes = tuple(box for box in known.layout_boxes if box.x1 <= width and box.y1 <= height)
    known = replace(known, layout_boxes=boxes)
    confirmed = _confirmed(picture.gray, known.layout_boxes)
    if confirmed and is_plain(picture, confirmed.box):
        return replace(confirmed, notes=_colour(picture, confirmed.box))
    shrink = -(-max(height, width) // WORK_PX)
    small = shrunk(picture, shrink)
    view = view_of(small.gray)
    reject, doubts = refusal_and_doubt(small, view.mask)
    if reject:
        return Fov(Box(0, 0, width, height), "guess", (), 0.0, reject=reject)
    if confirmed and _is_alone(view, scaled(confirmed.box, 1 / shrink)):
        fov = confirmed
    else:
        height, width = view.gray.shape
        within_px = shrunk_boxes(bounds(known, *picture.gray.shape[::-1]), shrink, width, height)
        layout_boxes = shrunk_boxes(known.layout_boxes, shrink, width, height)
        fov = enlarged(_found(view, small, params, within_px, layout_boxes), picture.gray, shrink)
    return replace(fov, doubts=fov.doubts + doubts, notes=fov.notes + _colour(picture, fov.box))


def _colour(picture: Picture, box: Box) -> tuple[str, ...]:
    return colour_note(picture, box) if min(box.width, box.height) >= LEAST_PX else ()


def _confirmed(gray: Gray, layout_boxes: tuple[Box, ...]) -> Fov | None:
    """A box of the layout that all its sides bear out; then little else need be looked at."""
    for known_box in layout_boxes:
        box = snap(gray, known_box, SNAP_PX)
        sides = sides_of(gray, box)
        clear = min(side.clear for side in sides.values())
        if all(side.seen for side in sides.values()) and clear >= CLEAR_SIDES:
            return Fov(box, "layout", ("layout",), clear)
    return None


def _is_alone(view: View, box: Box) -> bool:
    """Whether a box of the layout holds all of the field.

    The device may show several fields on the same screen, or one that is no rectangle.
    """
    is_other = find_panels(view.gray, view.mask) or _is_curved(view)
    return not (is_other or evidence.is_split(view, box) or evidence.runs_on(view.mask, box))


def _found(
    view: View, picture: Picture, params: FindParams, outer: tuple[Box, ...], layout_boxes: tuple[Box, ...]
) -> Fov:
    """The field of view by what is seen; `outer` bounds it, by DICOM or the device."""
    panels = find_panels(view.gray, view.mask)
    if panels:
        return _of_panels(view, picture, panels)
    guesses = guesses_of(view)
    if not guesses:
        return _unseen(view, layout_boxes)
    candidates = candidates_of(view, guesses, params.agreement_iou)
    bare = _bare(view, candidates)
    if bare:
        return bare
    best = best_of(candidates)
    if best.doubts:
        best = _second_look(view, best, outer, params.agreement_iou)
    if best.doubts and (settled := _by_layout(view, picture, best, guesses, layout_boxes, params.agreement_iou)):
        return settled
    if best.open_sides == {"bottom"} and (deep := _by_ruler(view, picture, best)):
        return deep
    if best.doubts and (curved := _curved(view, guesses)):
        return curved
    method = "guess" if best.doubts else "agreement"
    return Fov(best.box, method, best.names, best.confidence, flags_of(best.doubts) + small_of(view, best.box))


def _second_look(view: View, best: Candidate, outer: tuple[Box, ...], agreement_iou: float) -> Candidate:
    """Look again without what lies outside DICOM's regions, or in the strips that the device uses otherwise.

    And without what is beyond a straight edge further in. The sides are still judged by the whole screen, so a
    field that is cut by a bound stays in doubt.
    """
    candidates = [best]
    for bound in outer:
        if again := guesses_of(within(view, bound)):
            candidates += candidates_of(view, again, agreement_iou)
    if best.doubts.keys() & {"split", "inner"}:
        for name, inner in lines_within(view, best.box):
            if evidence.ends_within(view, best.box, inner, name):
                candidates.append(candidate_of(view, dense(view), snap(view.gray, inner, SNAP_PX), ("edges",)))
    return best_of(candidates)


def _bare(view: View, candidates: list[Candidate]) -> Fov | None:
    """An image that already is a field of view.

    Nothing is outside the box; or three sides end with the image and the fourth fades, as a field does in its
    depth; or all borders of the image show texture, and no box within it has sides. The image is kept whole
    then, but for black margins.
    """
    first, whole = candidates[0], Box(0, 0, view.mask.shape[1], view.mask.shape[0])
    ends = evidence.at_border(view.mask, first.box)
    soft = {name for name, side in first.sides.items() if not side.seen and side.blocked <= side.fades + side.step}
    unseen = {name for name, side in first.sides.items() if not side.seen}
    full = any(
        candidate.box == whole and all(side.seen for side in candidate.sides.values()) for candidate in candidates
    )
    if (len(ends) >= 3 and ends | soft == set(SIDES)) or (full and len(ends) >= 2 and unseen - ends):
        box = whole
    elif evidence.alone(view.mask, first.box) and not (soft - ends or first.doubts.keys() - {"no-agreement"}):
        box = first.box
    else:
        return None
    confidence = max(first.confidence, SETTLED_CONFIDENCE)
    polygon = outline(view.gray, view.mask, box)
    return Fov(box, "bare", first.names, confidence, small_of(view, box), ("non-rect",) if polygon else (), polygon)


def _by_layout(
    view: View,
    picture: Picture,
    best: Candidate,
    guesses: dict[str, Box],
    layout_boxes: tuple[Box, ...],
    agreement_iou: float,
) -> Fov | None:
    """The box with the layout's side where it is in doubt, if just one box of the layout fits the others.

    Of two sides nobody knows whether this screen has the layout's: a sector, or another zoom, fits as well. A depth
    ruler that goes on below the layout's lower side tells that this screen has another.
    """
    if len(best.open_sides) > 1:
        return None
    fitting: list[Box] = []
    for box in layout_boxes:
        seen = any(guesses[name].iou(box) >= agreement_iou for name in best.names or guesses)
        if seen or evidence.sides_match(view.mask, best.box, box, best.open_sides):
            merged = evidence.merge(best.box, box, best.open_sides)
            # One that would cut off what is seen is of another depth or zoom.
            if best.box.intersection(merged) >= agreement_iou * best.box.area:
                fitting.append(merged)
    if not fitting or any(box.iou(fitting[0]) < SAME_IOU for box in fitting):
        return None
    box = fitting[0]
    if "bottom" in best.open_sides and (ruler := find_ruler(picture.gray, best.box)) and ruler.last > box.y1 + SNAP_PX:
        return None
    notes = tuple(f"layout-{side}" for side in SIDES if side in best.open_sides)
    confidence = max(best.confidence, SETTLED_CONFIDENCE)
    return Fov(box, "layout", (*best.names, "layout"), confidence, small_of(view, box), notes)


def _by_ruler(view: View, picture: Picture, best: Candidate) -> Fov | None:
    """The box down to the last mark of the depth ruler, where all but the lower side is seen."""
    ruler = find_ruler(picture.gray, best.box)
    height = len(view.mask)
    if ruler is None or len(best.names) < 2:
        return None
    box = replace(best.box, y1=min(ruler.last + 2, height))
    box = snap(view.gray, box, 5)
    side = sides_of(view.gray, box)["bottom"]
    seen = evidence.last_row(view.mask, best.box)
    exact = side.step >= FAINT_STEP and side.step > side.blocked + side.fades
    if not exact and ruler.spacing_px > SPACING_SHARE * box.height:
        return None  # the field may end before another mark would come
    if side.blocked > MAY_BLOCK or not seen - 0.02 * box.height <= box.y1 <= seen + ruler.spacing_px + 0.3 * box.height:
        return None
    confidence = max(best.confidence, SETTLED_CONFIDENCE)
    return Fov(box, "agreement", (*best.names, "ruler"), confidence, small_of(view, box), ("ruler-bottom",))


def _is_curved(view: View) -> bool:
    """Whether the field of view has an outline that is no rectangle."""
    step = 1 + (min(view.gray.shape) >= COARSE_PX)  # it is looked for on a small scale anyway
    gray, mask = (thinned(plane, step) for plane in (view.gray, view.mask))
    return bool(outline(gray, mask, Box(0, 0, *gray.shape[::-1])))


def _curved(view: View, guesses: dict[str, Box]) -> Fov | None:
    """A field whose outline is no rectangle, if its outline is seen on the screen; the box is that around it."""
    height, width = view.gray.shape
    polygon = outline(view.gray, view.mask, Box(0, 0, width, height))
    if not polygon:
        return None
    corners = np.array(polygon)
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    box = Box(x0, y0, min(x1 + 1, width), min(y1 + 1, height))
    sides = outline_sides(view.gray, polygon)
    if not {"left", "right", "bottom"} <= sides.keys() or not all(side.seen for side in sides.values()):
        return None
    names = (*(name for name, guess in guesses.items() if guess.iou(box) >= LOOSE_IOU), "outline")
    clear = min(side.clear for side in sides.values())
    unreached = evidence.unreached(view.mask, box)
    doubts = flags_of({"soft": unreached} if unreached else {}) + small_of(view, box)
    return Fov(box, "guess" if doubts else "agreement", names, clear, doubts, ("non-rect",), polygon)


def _of_panels(view: View, picture: Picture, panels: tuple[Box, ...]) -> Fov:
    """Several fields: the one to use, accepted if all its sides are seen."""
    chosen = panels[choose_panel(picture, panels)]
    box = snap(view.gray, chosen, SNAP_PX)
    sides = sides_of(view.gray, box, min(max(gap_px(chosen, panels), 3), OUTER))
    soft = {name for name, side in sides.items() if not side.seen}
    clear = min(side.clear for side in sides.values())
    doubts = flags_of({"soft": soft} if soft else {})
    return Fov(box, "guess" if doubts else "agreement", ("panels",), clear, doubts, ("panels",), panels=panels)


def _unseen(view: View, layout_boxes: tuple[Box, ...]) -> Fov:
    """A screen on which no estimator sees a field: the layout's box, or all of it, for a person to look at."""
    height, width = view.gray.shape
    box = layout_boxes[0] if layout_boxes else Box(0, 0, width, height)
    return Fov(box, "guess", (), 0.0, ("unseen",))
