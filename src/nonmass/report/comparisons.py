"""Two networks on the same images, and patients instead of images: sentences, and reasons for what is undefined."""

from nonmass.report.cited import derived, say
from nonmass.report.records import Estimate, Performance, TaskSources
from nonmass.report.wording import PARTS_JUDGED, amount, counted, number, p_value, part_name

MEASURE_WORDS = {
    "auc_difference": "difference in AUC",
    "auc_difference_patient": "difference in AUC of patients",
    "p_calls": "test of calls",
}


def could_have_shown(measures: dict[str, Estimate], level: float) -> str:
    """What stands beside "no difference"; "" where one was found, or nothing is known."""
    p = measures.get("p_holm", measures.get("p", Estimate())).est
    detectable = measures.get("detectable_difference", Estimate()).est
    if p is None or p < 1 - level or detectable is None:
        return ""
    return say(
        "No difference was shown; with these patients only one of {} or more would have been found in four of five "
        "studies.",
        number(detectable),
    )


def tested(measures: dict[str, Estimate]) -> str:
    """The p-value of a difference, and the adjusted one where it reads otherwise."""
    p, adjusted = p_value(measures.get("p")), p_value(measures.get("p_holm"))
    if measures.get("p_holm", Estimate()).est is None:
        return p
    return say("{} (also by Holm)", p) if p == adjusted else say("{} ({} by Holm)", p, adjusted)


def pairs_on(task: TaskSources) -> list[tuple[str, tuple[str, str], dict[str, Estimate]]]:
    """(part, pair, measures) of the parts that judge, in the order of the page."""
    pairs = task.comparisons.items()
    return [(part, pair, parts[part]) for part in PARTS_JUDGED for pair, parts in pairs if parts.get(part)]


def errors_counted(values: Performance) -> str:
    """Patients called wrongly at the frozen cut-off, with exact intervals: what is left to say of an AUC of 1."""
    point = values.rules.get("frozen", {})
    missed, alarmed = point.get("missed_patients"), point.get("alarmed_patients")
    if missed is None or alarmed is None:
        return ""
    positive = amount(values.n["positive_patients"], "positive patient")
    negative = amount(negatives(values), "negative patient")
    return say(
        "at the frozen cut-off {} of {} with an image called negative, {} of {} with one called positive",
        *(counted(missed), positive, counted(alarmed), negative),
    )


def negatives(values: Performance) -> int:
    """Patients with a negative image; who has images of both classes counts twice."""
    names = ("patients", "positive_patients", "independent_patients", "single_class_patients")
    every, positive, independent, single = (values.n.get(name, 0) for name in names)
    return derived(every - positive + independent - single, every, positive, independent, single)


def reasons(task: TaskSources) -> list[str]:
    """Why something about patients or pairs is undefined."""
    lines = []
    for part in PARTS_JUDGED:
        for backbone, parts in task.performance.items():
            if part in parts and parts[part].auc_patient.note:
                lines.append(f"{part_name(part)}, {backbone}, AUC of patients: {parts[part].auc_patient.note}.")
    for part, pair, measures in pairs_on(task):
        for name, words in MEASURE_WORDS.items():
            note = measures.get(name, Estimate()).note
            if note:
                lines.append(f"{part_name(part)}, {' minus '.join(pair)}, {words}: {note}.")
    return lines
