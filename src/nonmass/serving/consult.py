"""From the bytes of one file to all that the page shows and gives: answers, what backs them, pictures, a document."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nonmass.serving.answers import Answer, Record, answer, json_line, probability_of, record
from nonmass.serving.cautions import DOUBTFUL, NO_PICTURE, name_note, part_cautions
from nonmass.serving.document import as_pdf
from nonmass.serving.evidence import Evidence, like
from nonmass.serving.overlay import heat_map
from nonmass.serving.reader import Looked, Reader
from nonmass.serving.release import Release
from nonmass.serving.shown import Shown, bar_png, field_png, heat_png
from nonmass.serving.wording import words_of


class Desk:
    """Answers for one image after another; for one thread."""

    def __init__(self, releases: Mapping[str, Release], scorers: Mapping[str, Any], reader: Reader) -> None:
        self._releases, self._scorers, self._reader = releases, scorers, reader

    def consult(self, content: bytes) -> bytes:
        """The reply to the page, JSON: `json` and `pdf` (base64) to download, `pictures` (base64), the
        heat maps' `bar` of colours, `words` on all of it, and the `size` of the screen.

        Raises:
            InputError: The file is refused or cannot be read.
        """
        looked = self._reader.read(content)
        answers: dict[str, Answer] = {}
        if looked.screen.square is not None:
            square = looked.screen.square[None]
            for task, score in self._scorers.items():
                answers[task] = answer(float(score(square)[0]), looked.screen, self._releases[task])
        found = consultation(looked, answers, self._releases)
        heats = {task: heat_map(looked.screen, one, self._scorers[task]) for task, one in answers.items()}
        pictures = pictures_of(looked, heats)
        reply = {
            "json": json_line(found),
            "pdf": _text(as_pdf(found, pictures, looked.size)),
            "pictures": {name: _text(picture.content) for name, picture in pictures.items()},
            "bar": _text(bar_png()),
            "words": words_of(found, pictures, looked.size),
            "size": looked.size,
        }
        return json.dumps(reply, allow_nan=False).encode()


def consultation(looked: Looked, answers: Mapping[str, Answer], releases: Mapping[str, Release]) -> Record:
    """The record of `nonmass predict`, and beside it what backs each answer, what it cannot say, and what to mind."""
    content = record(looked.screen, answers, releases)
    backing = {task: backing_of(answers[task], release) for task, release in releases.items() if task in answers}
    notes = [name_note(next(iter(releases.values())).view)]
    if content["fov"]["doubtful"]:
        notes += [DOUBTFUL, NO_PICTURE]
    for task, known in backing.items():
        notes += [
            f"{task} on the {part} part: {one}" for part, judged in known["parts"].items() for one in judged["cautions"]
        ]
    return {
        **content,
        "classes": {task: _classes(one) for task, one in releases.items()},
        "backing": backing,
        "notes": notes,
    }


def backing_of(one: Answer, release: Release) -> Record:
    """How the ensemble did on images it never learnt from, and on those that it scored like this one."""
    return {
        "members": len(release.seeds),
        "cutoff_calibrated_probability": _at_cutoff(release),
        "parts": {part: _on_part(one, evidence) for part, evidence in release.evidence.items()},
        "not_known": list(_not_known(release)),
    }


def pictures_of(looked: Looked, heats: Mapping[str, NDArray[np.float32] | None]) -> dict[str, Shown]:
    """`field`, and a task's name -> its heat map on the field; none where the field is doubtful or refused."""
    field, crop, fov = looked.field, looked.screen.crop, looked.screen.fov
    if field is None or crop is None or fov is None:
        return {}
    maps = {
        task: Shown(heat_png(field, crop, fov.outline, heat), float(heat.max()))
        for task, heat in heats.items()
        if heat is not None
    }
    return {"field": Shown(field_png(field)), **maps}


def _on_part(one: Answer, evidence: Evidence) -> Record:
    band, why_not = like(one.logit, evidence)
    return {
        "shows": evidence.shows or None,
        "auc": evidence.auc.model_dump() if evidence.auc else None,
        "brier_as_trained": evidence.brier_as_trained,
        "brier_calibrated": evidence.brier_calibrated,
        "cautions": list(part_cautions(evidence)),
        "images": evidence.images,
        "patients": evidence.patients,
        "sensitivity": evidence.sensitivity.model_dump() if evidence.sensitivity else None,
        "specificity": evidence.specificity.model_dump() if evidence.specificity else None,
        "confidence_level": evidence.confidence_level,
        "scored_like": band.model_dump() if band else None,
        "nothing_scored_like": why_not or None,
    }


def _at_cutoff(release: Release) -> float | None:
    """The calibrated probability from which on the positive class is called."""
    if release.cutoff_logit is None or release.temperature is None:
        return None
    return probability_of(release.cutoff_logit / release.temperature)


def _not_known(release: Release) -> list[str]:
    """What a reader might take the numbers for and should not."""
    said = ["How sure the probability of this one image is: no interval is computed for a single image"]
    if release.temperature is None:
        said.append("A calibrated probability: validation gave no temperature")
    else:
        said.append("Whether the calibration holds here: its one number was fitted on validation images of the study")
    if len(release.seeds) == 1:
        said.append("What a network from another seed would say: one was trained")
    said.append("What these shares are where disease is rarer or more frequent than in the study")
    if not release.certificate.disjoint:
        said.append("How well it does on new patients: the study's parts share patients or pictures (NOT DISJOINT)")
    return said


def _classes(release: Release) -> Record:
    return {"negative": release.negative, "positive": release.positive, "words": release.class_words}


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
