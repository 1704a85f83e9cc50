"""Which rows of the table can be compared, and on what: the same images, the same certificate, whole files."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from nonmass.assignment import NOT_DISJOINT, Seal, check_assignment, read_seal
from nonmass.errors import InputError
from nonmass.gate.rules import RELEASE_PARTS, TASKS, Rules, read_known
from nonmass.lineage.revisions import Revision
from nonmass.tables import PREDICTIONS, SEED_PREDICTIONS

_WHO = ["image_id", "patient_id", "part", "truth"]


@dataclass(frozen=True)
class Key:
    """A row of the table; part is "" where the whole backbone is meant, backbone likewise."""

    task: str
    backbone: str = ""
    part: str = ""

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.task, self.backbone, self.part)))


@dataclass(frozen=True)
class Pair:
    """Both sides on the images of one part.

    Attributes:
        images: `image_id`, `patient_id`, `truth`, and the logits `base` and `head`, sorted by image.
        seeds: Of the baseline: `tables.SEED_PREDICTIONS` of these images; None if nobody asked for them.
    """

    images: pd.DataFrame
    seeds: pd.DataFrame | None

    @cached_property
    def patients(self) -> list[int]:
        """A number for each image's patient."""
        return [int(code) for code in pd.factorize(self.images["patient_id"])[0]]


@dataclass
class Comparable:
    """What can be compared, and what cannot; filled task by task.

    Attributes:
        pairs: Rows to be judged.
        refused: Rows that cannot be, with the reason.
        added: Rows of backbones that only the new revision's params name.
        removed: Backbones that its params name as removed.
    """

    pairs: dict[Key, Pair] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)
    added: list[Key] = field(default_factory=list)
    removed: list[Key] = field(default_factory=list)


def pair_up(base: Revision, head: Revision, rules: Rules) -> Comparable:
    """All rows of all tasks. Whatever is missing or differs makes a row that is refused, never one less."""
    found = Comparable()
    for task in TASKS:
        try:
            parts = _common_parts(base, head, task, rules)
        except InputError as error:
            found.refused[Key(task)] = str(error)
            continue
        _pair_task(base, head, task, parts, rules, found)
        if not any(key.task == task for key in (*found.pairs, *found.refused)):
            found.refused[Key(task)] = (
                "no backbone stands on both sides, so nothing was compared; add the new one before the old one goes"
            )
    return found


def _common_parts(base: Revision, head: Revision, task: str, rules: Rules) -> list[str]:
    """Parts to be judged, of a task whose certificate is the same on both sides.

    Raises:
        InputError: It is not, or a side lacks it, or has metrics of another one; or parts leak, in a release or newly.
    """
    before, now = _seal(base, task), _seal(head, task)
    if before.disjoint and not now.disjoint:
        raise InputError(f"{NOT_DISJOINT}: {head.name} splits {task} by {now.unit}, {base.name} did not leak")
    if before.assignment != now.assignment:
        raise InputError(
            f"another split: {base.name} has assignment {before.assignment}, {head.name} {now.assignment}; "
            "other images were judged, or by other labels"
        )
    if before != now or not now.parts:
        raise InputError(f"another certificate: {base.name} has {_told(before)}, {head.name} {_told(now)}")
    if not now.disjoint and rules.parts == RELEASE_PARTS:
        raise InputError(f"{NOT_DISJOINT}; such figures vouch for no release")
    parts = [part for part in rules.parts if part in now.parts]
    if not parts:
        raise InputError(f"the split has none of the parts {', '.join(rules.parts)}")
    return parts


def _seal(revision: Revision, task: str) -> Seal:
    try:
        seal = read_seal(revision.folder / "metrics" / "split.json", task)
        carried = read_seal(revision.folder / "metrics" / f"{task}.json", "certificate")
    except InputError as error:
        raise InputError(f"{revision.name}: {revision.told(error)}") from None
    if carried.assignment != seal.assignment:
        raise InputError(
            f"{revision.name}: metrics/{task}.json is of split {carried.assignment}, "
            f"the certificate of {seal.assignment}"
        )
    return seal


def _told(seal: Seal) -> str:
    amounts = ", ".join(f"{held.images} {part}" for part, held in sorted((seal.parts or {}).items()))
    return f"unit {seal.unit}, {'disjoint' if seal.disjoint else 'NOT DISJOINT'}, {amounts or 'no part'}"


def _pair_task(base: Revision, head: Revision, task: str, parts: list[str], rules: Rules, found: Comparable) -> None:
    of_base, of_head = read_known(base).backbones, read_known(head).backbones
    for backbone in dict.fromkeys((*of_base, *of_head)):
        if backbone not in of_base:
            try:
                _predictions(head, task, backbone)
                found.added.append(Key(task, backbone))
            except InputError as error:
                found.refused[Key(task, backbone)] = str(error)
        elif backbone not in of_head:
            if backbone in rules.removed:
                found.removed.append(Key(task, backbone))
            else:
                found.refused[Key(task, backbone)] = (
                    f"gone from `backbones` of {head.name}; if that is on purpose, name it in gate.removed"
                )
        else:
            try:
                frames = [_predictions(side, task, backbone) for side in (base, head)]
                seeds = _seeds(base, task, backbone) if rules.margin == "seeds" else None
            except InputError as error:
                found.refused[Key(task, backbone)] = str(error)
                continue
            for part in parts:
                key = Key(task, backbone, part)
                try:
                    before, now = (frame[frame["part"] == part] for frame in frames)
                    found.pairs[key] = _pair(before, now, seeds)
                except InputError as error:
                    found.refused[key] = str(error)


def _predictions(revision: Revision, task: str, backbone: str) -> pd.DataFrame:
    relative = Path("predictions") / task / f"{backbone}.csv"
    seal = read_seal(revision.folder / "metrics" / "split.json", task)
    try:
        if any(
            (revision.folder / place).is_symlink() for place in (relative, *list(relative.parents)[:-1])
        ):  # all that Git has
            raise InputError(f"{relative}: is a link; copy the file itself there")
        return check_assignment(PREDICTIONS.read(revision.folder / relative), seal, relative)
    except InputError as error:
        raise InputError(f"{revision.name}: {revision.told(error)}") from None


def _seeds(revision: Revision, task: str, backbone: str) -> pd.DataFrame:
    try:
        return SEED_PREDICTIONS.read(revision.folder / "predictions" / "seeds" / task / f"{backbone}.csv")
    except InputError as error:
        raise InputError(f"{revision.name}: {revision.told(error)}") from None


def _pair(base: pd.DataFrame, head: pd.DataFrame, seeds: pd.DataFrame | None) -> Pair:
    """Both sides of one part.

    Raises:
        InputError: They are not of the same images, patients and labels, or of one class only.
    """
    before, now = (frame.set_index("image_id") for frame in (base, head))
    odd = sorted(set(before.index) ^ set(now.index))
    if not odd:
        differs = (before[_WHO[1:]].astype(str) != now[_WHO[1:]].astype(str)).any(axis=1)
        odd = list(before.index[differs])
    if odd:
        raise InputError(f"not the same images, patients or labels: {len(odd)} differ, first {odd[0]}")
    if before["truth"].nunique() < 2 or (before["patient_id"] == "").any():
        raise InputError("one class only, or an image without a patient")
    images = base[["image_id", "patient_id", "truth"]].assign(
        base=base["logit"].to_numpy(), head=now["logit"].to_numpy()
    )
    return Pair(
        images.reset_index(drop=True), None if seeds is None else seeds[seeds["image_id"].isin(images["image_id"])]
    )
