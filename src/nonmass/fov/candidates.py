"""The guesses at a field of view as candidates: who agrees on them, and what speaks against them."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nonmass.fov import evidence
from nonmass.fov.edges import lines_within, straight_edges
from nonmass.fov.estimators import Gray, View, dense, inward_out, largest_component, texture_core
from nonmass.fov.sides import SIDES, Side, sides_of, snap
from nonmass.geometry import Box

ESTIMATORS = {"texture": texture_core, "component": largest_component, "inward": inward_out, "edges": straight_edges}
SMALL_SHARE = 0.12  # of the screen; real fields are larger
CLEAR_SIDES = 0.8  # all sides are so clear, and straight edges need no other estimator
BESIDE_SHARE = 0.2  # as much texture outside the box, and there is a second field, a trace or half of this one


@dataclass(frozen=True)
class Candidate:
    """A box that may be the field of view.

    Attributes:
        box: Pixels of the view.
        names: The estimators that agree on it.
        sides: What is seen along its sides.
        doubts: What speaks against it: reason code -> the sides it puts in doubt.
    """

    box: Box
    names: tuple[str, ...]
    sides: dict[str, Side]
    doubts: dict[str, set[str]]

    @property
    def confidence(self) -> float:
        """0 to 1: the share of estimators that agree, times how clear the least clear side is.

        Half of that if it is in doubt; else as much over a half.
        """
        sure = len(self.names) / len(ESTIMATORS) * min(side.clear for side in self.sides.values())
        return sure / 2 if self.doubts else (1 + sure) / 2

    @property
    def open_sides(self) -> set[str]:
        """The sides in doubt."""
        return {side for sides in self.doubts.values() for side in sides}


def guesses_of(view: View) -> dict[str, Box]:
    """What each estimator that sees something guesses, pixels of the view."""
    return {name: guess for name, estimate in ESTIMATORS.items() if (guess := estimate(view))}


def candidates_of(view: View, guesses: dict[str, Box], agreement_iou: float) -> list[Candidate]:
    """The boxes worth a look: the one most agree on, or the middle of all, then each guess."""
    core = dense(view)
    guesses = {name: snap(view.gray, guess) for name, guess in guesses.items()}
    names = _agreeing(guesses, agreement_iou)
    middle = snap(view.gray, _median([guesses[name] for name in names or guesses]))
    candidates: list[Candidate] = []
    for box in dict.fromkeys([middle, *reversed(guesses.values())]):
        agree = tuple(name for name, guess in guesses.items() if guess.iou(box) >= agreement_iou)
        candidates.append(candidate_of(view, core, box, agree))
        if len(agree) >= 3 and not candidates[-1].doubts:
            break
    return candidates


def candidate_of(view: View, core: Gray, box: Box, names: tuple[str, ...]) -> Candidate:
    """A box of the view, looked at; `core` is `estimators.dense`, `names` the estimators that agree on it."""
    sides = sides_of(view.gray, box)
    return Candidate(box, names, sides, _doubts(view, core, box, names, sides))


def _doubts(view: View, core: Gray, box: Box, names: tuple[str, ...], sides: dict[str, Side]) -> dict[str, set[str]]:
    """What speaks against a box: reason code -> the sides it puts in doubt, if any."""
    everywhere = set(SIDES)
    clear = all(side.clear >= CLEAR_SIDES for side in sides.values())
    unseen = {name: side for name, side in sides.items() if not side.seen}
    half = Box(box.x0 // 2, box.y0 // 2, (box.x1 + 1) // 2, (box.y1 + 1) // 2)
    found = {
        "no-agreement": set() if len(names) >= 2 or (names == ("edges",) and clear) else everywhere,
        "split": everywhere if evidence.is_split(view, box) else set(),
        "beside": everywhere if evidence.beside(core, half) > BESIDE_SHARE else set(),
        "goes-on": everywhere if evidence.goes_on(view.mask, box) else evidence.runs_on(view.mask, box),
        "soft": {name for name, side in unseen.items() if side.blocked <= side.fades + side.step},
        "unclean": {name for name, side in unseen.items() if side.blocked > side.fades + side.step},
        "flat": evidence.flat_sides(view, box),
    }
    found = {reason: marked for reason, marked in found.items() if marked}
    if not found:
        inner = {name for name, inner in lines_within(view, box) if evidence.ends_within(view, box, inner, name)}
        return {"inner": inner} if inner else {}
    return found


def best_of(candidates: list[Candidate]) -> Candidate:
    """The one with the fewest sides in doubt; of several, the one that most estimators agree on."""
    return min(candidates, key=lambda candidate: (len(candidate.open_sides), -len(candidate.names)))


def flags_of(doubts: dict[str, set[str]]) -> tuple[str, ...]:
    """Reason codes in a fixed order, with their side unless all are meant."""
    everywhere = set(SIDES)
    codes = []
    for reason, sides in doubts.items():
        codes += [reason] if sides == everywhere else [f"{reason}-{side}" for side in SIDES if side in sides]
    return tuple(codes)


def small_of(view: View, box: Box) -> tuple[str, ...]:
    """A doubt if the box is too small a part of the screen."""
    return ("small",) if box.area < SMALL_SHARE * view.mask.size else ()


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
