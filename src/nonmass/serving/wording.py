"""A consultation in sentences, for the page and the PDF alike; numbers are rounded here and nowhere else."""

from collections.abc import Iterator, Mapping

from nonmass.serving.answers import Record
from nonmass.serving.cautions import DOUBTFUL
from nonmass.serving.shown import Shown

USE = "Research use only. Not a medical device; not for diagnosis or treatment."
TASK_WORDS = {"detect": "Detection", "classify": "Classification"}
PART_WORDS = {"test": "test part", "external": "external part"}


def words_of(found: Record, pictures: Mapping[str, Shown], size: tuple[int, int]) -> Record:
    """All that the page says of a consultation.

    Args:
        found: As `consult.consultation` gives it.
        pictures: As `consult.pictures_of` gives them.
        size: Of the screen, width and height, px.
    """
    tasks = list(found["classes"])
    return {
        "field": list(field_lines(found, size)),
        "notes": list(note_lines(found)),
        "questions": {task: question(found, task) for task in tasks},
        "calls": {task: call(found, task) for task in tasks},
        "whys": {task: why(found, task) for task in tasks},
        "chances": {task: chance(found, task) for task in tasks},
        "besides": {task: list(beside(found, task)) for task in tasks},
        "titles": {
            name: f"Heat map: {TASK_WORDS[name].lower()}" if name in TASK_WORDS else "Field of view"
            for name in pictures
        },
        "captions": {name: caption(found, name, one.top) for name, one in pictures.items()},
        "scales": {name: scale(one.top) for name, one in pictures.items() if one.top},
        "answers": {task: list(answer_lines(found, task)) for task in tasks},
        "unknown": {task: unknown_lines(found, task) for task in tasks},
    }


def use_line(learnt_from: str) -> str:
    """What the answers are for, and what they come from."""
    return f"{USE} Learnt from {learnt_from}."


def question(found: Record, task: str) -> str:
    """What a task asks."""
    return f"{TASK_WORDS[task]}: {' or '.join(reversed(_classes(found, task)))}?"


def call(found: Record, task: str) -> str:
    """What is called; nothing on a doubtful field, whatever the record says."""
    one = found[task]
    if one is None:
        return "no answer"
    if found["fov"]["doubtful"]:
        return "withheld: doubtful field of view"
    return _word(found, task, one["call"]) if one["call"] else "no call"


def why(found: Record, task: str) -> str:
    """One sentence on where the call comes from."""
    one = found[task]
    if one is None:
        return "There is no field of view to use."
    if found["fov"]["doubtful"]:
        return f"{DOUBTFUL[:1].upper()}{DOUBTFUL[1:]} (confidence {found['fov']['confidence']:.2f})."
    if one["cutoff_logit"] is None:
        return "Nothing is called, as validation gave no cut-off."
    at = found["backing"][task]["cutoff_calibrated_probability"]
    where = f"a logit of {one['cutoff_logit']:.3f}" if at is None else f"a calibrated probability of {_chance(at)}"
    return (
        f"'{_classes(found, task)[1]}' is called from {where} on: the cut-off was frozen on validation, not set at 0.5."
    )


def chance(found: Record, task: str) -> str:
    """The probability, in a phrase."""
    one, (_, positive) = found[task], _classes(found, task)
    if one is None or found["fov"]["doubtful"]:
        return ""
    calibrated = one["calibrated_probability"]
    if calibrated is None:
        return f"Probability of '{positive}': {_chance(one['probability'])}, not calibrated."
    return f"Calibrated probability of '{positive}': {_chance(calibrated)}."


def beside(found: Record, task: str) -> Iterator[Record]:
    """What belongs beside the probability, part by part: a `text`, and in `cautions` what speaks against the answer."""
    if found[task] is None or found["fov"]["doubtful"]:
        return
    positive = _classes(found, task)[1]
    for part, judged in sorted(found["backing"][task]["parts"].items()):
        place = _place(found, part, judged)
        size = f"{judged['images']} images of {judged['patients']} patients"
        told = [f"AUC {rate(judged['auc'])}"] if judged["auc"] else []
        told += [f"{name} {rate(judged[name])}" for name in ("sensitivity", "specificity") if judged[name]]
        whole = f" In all, {size}: {', '.join(told)}." if told else ""
        text = f"{place[:1].upper()}{place[1:]}: {scored_like(judged, positive)}{whole}"
        yield {"text": text, "cautions": [f"{one[:1].upper()}{one[1:]}." for one in judged["cautions"]]}


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
        yield f"Reason codes of the search: {', '.join(fov['flags'])}."
    marks = sorted({words(mark["kind"]) for mark in found["marks"]})
    if marks:
        yield f"Burned-in marks in the field: {', '.join(marks)}."
    yield f"The file's SHA-256 begins with {found['sha256']}."


def answer_lines(found: Record, task: str) -> Iterator[str]:
    """What else is said of an answer; of a doubtful field nothing, or the call could be read off."""
    one = found[task]
    if one is None or found["fov"]["doubtful"]:
        return
    yield (
        f"Probability of '{_classes(found, task)[1]}': {_chance(one['calibrated_probability'])} calibrated, "
        f"{_chance(one['probability'])} as trained; logit {one['logit']:.3f}, cut-off {_number(one['cutoff_logit'])}; "
        f"{one['backbone']}."
    )
    if task == "classify":
        yield "Answered as if there were a lesion, whatever detection says."
    if one["unlike_training"]:
        yield f"UNLIKE THE TRAINING IMAGES: distance {one['distance']:.2f}, limit {one['distance_limit']:.2f}."


def scored_like(judged: Record, positive: str) -> str:
    """The sentence on images that were scored like this one."""
    band = judged["scored_like"]
    if band is None:
        return f"images scored like this: {judged['nothing_scored_like']}."
    return (
        f"{band['positive_images']} of {band['images']} images scored like this ({band['patients']} patients) were of "
        f"class '{positive}', {rate(band['share'], judged['confidence_level'])}."
    )


def rate(share: Record, confidence_level: float | None = None) -> str:
    """A share with its interval."""
    if share["lo"] is None or share["hi"] is None:
        return f"{share['estimate']:.2f} (no interval)"
    name = f"{100 * confidence_level:g} % interval by patient " if confidence_level else ""
    return f"{share['estimate']:.2f} ({name}{share['lo']:.2f} to {share['hi']:.2f})"


def caption(found: Record, name: str, top: float | None) -> str:
    """What a picture of `consult.pictures_of` shows."""
    if name == "field":
        return "Field of view; the rest of the screen is left out. Research use only"
    one, (negative, positive) = found[name], _classes(found, name)
    explained = _word(found, name, one["call"]) if one["call"] else positive if one["logit"] >= 0 else negative
    told = (
        f"what a cell adds to the logit of '{explained}'" if top else f"no evidence for '{explained}', all cells are 0"
    )
    return f"Heat map, {TASK_WORDS[name].lower()}: {told}. Research use only"


def scale(top: float) -> tuple[str, str]:
    """What stands at the ends of a heat map's bar of colours."""
    return "0", f"{top:.2g} of the logit"


def unknown_lines(found: Record, task: str) -> list[str]:
    """What the numbers of an answer do not say."""
    return [f"{one}." for one in found["backing"][task]["not_known"]] if found[task] else []


def note_lines(found: Record) -> Iterator[str]:
    """What to mind."""
    yield from (f"Note: {note}." for note in found["notes"])


def words(name: str) -> str:
    """A class or kind as people write it."""
    return name.replace("_", " ")


def _place(found: Record, part: str, judged: Record) -> str:
    if not judged["shows"]:
        return PART_WORDS[part]
    known: Mapping[str, str] = next(iter(found["classes"].values()))["words"]
    return f"{PART_WORDS[part]} ({known.get(judged['shows'], words(judged['shows']))})"


def _classes(found: Record, task: str) -> tuple[str, str]:
    """Negative and positive."""
    negative, positive = (_word(found, task, found["classes"][task][name]) for name in ("negative", "positive"))
    return negative, positive


def _word(found: Record, task: str, name: str) -> str:
    """A class as the study's report calls it."""
    known: Mapping[str, str] = found["classes"][task]["words"]
    return known.get(name, words(name))


def _chance(value: float | None) -> str:
    """Never 0 or 1, which no network knows."""
    if value is None:
        return "not known"
    return "under 0.001" if value < 0.0005 else "over 0.999" if value >= 0.9995 else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
