"""A consultation in sentences, for the page and the PDF alike; numbers are rounded here and nowhere else."""

from collections.abc import Iterator, Sequence

from nonmass.serving.answers import Record

USE = "Research use only. Not a medical device; not for diagnosis or treatment."
TASK_WORDS = {"detect": "Detection", "classify": "Classification"}
PART_WORDS = {"test": "test part", "external": "external part"}


def words_of(found: Record, pictures: Sequence[str], size: tuple[int, int]) -> Record:
    """All that the page says of a consultation.

    Args:
        found: As `consult.consultation` gives it.
        pictures: Names of those that are shown.
        size: Of the screen, width and height, px.
    """
    return {
        "field": list(field_lines(found, size)),
        "notes": list(note_lines(found)),
        "questions": {task: question(found, task) for task in found["classes"]},
        "chances": {task: chance(found, task) for task in found["classes"]},
        "titles": {
            name: f"Heat map: {TASK_WORDS[name].lower()}" if name in TASK_WORDS else "Field of view"
            for name in pictures
        },
        "captions": {name: caption(found, name) for name in pictures},
        "answers": {task: list(answer_lines(found, task)) for task in found["classes"]},
        "unknown": {task: unknown_lines(found, task) for task in found["classes"]},
    }


def chance(found: Record, task: str) -> str:
    """The probability, in a phrase."""
    one, (_, positive) = found[task], _classes(found, task)
    if one is None:
        return "no field of view to use"
    calibrated = one["calibrated_probability"]
    if calibrated is None:
        return f"probability of {positive} {_chance(one['probability'])}, not calibrated"
    return f"calibrated probability of {positive} {_chance(calibrated)}"


def question(found: Record, task: str) -> str:
    """What a task asks."""
    return f"{TASK_WORDS[task]}: {' or '.join(reversed(_classes(found, task)))}?"


def field_lines(found: Record, size: tuple[int, int]) -> Iterator[str]:
    """What is said of the field of view."""
    fov = found["fov"]
    x0, y0, x1, y1 = fov["box"]
    state = f"refused ({fov['reject']})" if fov["reject"] else "doubtful" if fov["doubtful"] else "accepted"
    yield (
        f"Field of view: {state}; {x1 - x0} x {y1 - y0} of {size[0]} x {size[1]} px, from ({x0}, {y0}); confidence "
        f"{fov['confidence']:.2f} (not a probability)."
    )
    if fov["flags"]:
        yield f"Seen on the screen: {', '.join(fov['flags'])}."
    marks = sorted({words(mark["kind"]) for mark in found["marks"]})
    if marks:
        yield f"Burned-in marks in the field: {', '.join(marks)}."


def answer_lines(found: Record, task: str) -> Iterator[str]:
    """What is said of an answer."""
    one = found[task]
    if one is None:
        yield "No answer, since there is no field of view to use."
        return
    _, positive = _classes(found, task)
    call = words(one["call"]) if one["call"] else "none; validation gave no cut-off"
    yield f"Call at the cut-off frozen on validation: {call}."
    calibrated = one["calibrated_probability"]
    yield (
        f"Probability of {positive}: {_chance(calibrated)} calibrated, {_chance(one['probability'])} as trained; "
        f"logit {one['logit']:.3f}, cut-off {_number(one['cutoff_logit'])}; {one['backbone']}."
    )
    backing = found["backing"][task]
    if task == "classify":
        yield "Answered as if there were a lesion, whatever detection says."
    for part, judged in backing["parts"].items():
        yield scored_like(judged, _place(part, judged), positive)
        rates = [f"{name} {rate(judged[name])}" for name in ("sensitivity", "specificity") if judged[name]]
        if rates:
            size = f"{judged['images']} images of {judged['patients']} patients"
            yield f"At this cut-off on {_place(part, judged)}, {size}: {', '.join(rates)}."
    if one["unlike_training"]:
        yield f"UNLIKE THE TRAINING IMAGES: distance {one['distance']:.2f}, limit {one['distance_limit']:.2f}."


def scored_like(judged: Record, place: str, positive: str) -> str:
    """The sentence on images that were scored like this one."""
    band = judged["scored_like"]
    if band is None:
        return f"Images scored like this on {place}: {judged['nothing_scored_like']}."
    return (
        f"Of {band['images']} images of {band['patients']} patients scored like this on {place}, "
        f"{band['positive_images']} were {positive}: {rate(band['share'], judged['confidence_level'])}."
    )


def rate(share: Record, confidence_level: float | None = None) -> str:
    """A share with its interval."""
    if share["lo"] is None or share["hi"] is None:
        return f"{share['estimate']:.2f} (no interval)"
    name = f"{100 * confidence_level:g} % interval by patient " if confidence_level else ""
    return f"{share['estimate']:.2f} ({name}{share['lo']:.2f} to {share['hi']:.2f})"


def caption(found: Record, name: str) -> str:
    """What a picture of `consult.pictures_of` shows."""
    if name == "field":
        return "Field of view; the rest of the screen is left out. Research use only"
    one, (negative, positive) = found[name], _classes(found, name)
    explained = words(one["call"]) if one["call"] else positive if one["logit"] >= 0 else negative
    return f"Heat map, {TASK_WORDS[name].lower()}: what adds to '{explained}'. Research use only"


def unknown_lines(found: Record, task: str) -> list[str]:
    """What the numbers of an answer do not say."""
    return [f"{one}." for one in found["backing"][task]["not_known"]] if found[task] else []


def note_lines(found: Record) -> Iterator[str]:
    """What to mind."""
    yield from (f"Note: {note}." for note in found["notes"])


def words(name: str) -> str:
    """A class or kind as people write it."""
    return name.replace("_", " ")


def _place(part: str, judged: Record) -> str:
    return f"the {PART_WORDS[part]} ({words(judged['shows'])})" if judged["shows"] else f"the {PART_WORDS[part]}"


def _classes(found: Record, task: str) -> tuple[str, str]:
    """Negative and positive."""
    return words(found["classes"][task]["negative"]), words(found["classes"][task]["positive"])


def _chance(value: float | None) -> str:
    """Never 0 or 1, which no network knows."""
    if value is None:
        return "not known"
    return "under 0.001" if value < 0.0005 else "over 0.999" if value >= 0.9995 else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
