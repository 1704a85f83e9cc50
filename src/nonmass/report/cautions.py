"""What a reader must know beside a number: each limitation as a sentence, drawn from the inputs."""

import re
from pathlib import Path

import pandas as pd

from nonmass.report.cited import derived, joined, quoted, say
from nonmass.report.records import Estimate, Explained, Performance, Sources, TaskSources
from nonmass.report.reported import Reported, Training
from nonmass.report.wording import (
    CLASS_WORDS,
    PARTS_SHOWN,
    RULE_WORDS,
    amount,
    column_name,
    number,
    part_name,
    points,
    sentence,
    task_name,
)
from nonmass.tables import CHARACTERISTICS

RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis."

NOT_DISJOINT = "NOT DISJOINT: parts of this task share patients or pictures, so its figures are optimistic."
BY_IMAGE = (
    "NOT DISJOINT by rule: images, not patients, were shared out (unit: image), so parts may show one patient; "
    "here they share nothing that the data tell."
)

PHANTOMS = "Synthetic phantoms: these figures say nothing about patients."
STAND_INS = (
    "Public stand-in: no public set of non-mass lesions exists, so other images take their place; "
    "these figures say nothing about non-mass lesions."
)
NOTICES = {"phantom": PHANTOMS, "busi": STAND_INS, "busbra": STAND_INS}

MARKS = {PHANTOMS: "synthetic phantoms", STAND_INS: "public stand-ins"}  # in few words

# Below this the notes of pROC's users and our simulations agree: intervals stop covering.
FEW_PATIENTS = 10


def data_notices(reported: Reported) -> list[str]:
    """What kind of data this is, one sentence a kind; empty for a study's own images."""
    return sorted(_notices(reported) - {""})


def _notices(reported: Reported) -> set[str]:
    """Of all cohorts; "" for the study's own."""
    adapters = {reported.sources[cohort].adapter for cohort in reported.cohorts if cohort in reported.sources}
    return {NOTICES.get(adapter, "") for adapter in adapters}


def mark(reported: Reported) -> str:
    """For what leaves the page: what kind of data this is, in few words, and what it may be used for."""
    kinds = {MARKS.get(notice, "") for notice in _notices(reported)}
    words = " and ".join(sorted(kinds - {""}))
    kind = f"in part {words}" if "" in kinds and words else words
    return ". ".join(filter(None, [sentence(kind), "Research use only"]))


def task_cautions(task: TaskSources, part: str = "external") -> list[str]:
    """What holds for every number of a task, or for those of one part, where only that is shown."""
    return leaks(task) + (_same_cohort(task) if part == "external" else [])


def leaks(task: TaskSources) -> list[str]:
    """What makes every number of a task doubtful."""
    if task.certificate.is_clean:
        return []
    return [BY_IMAGE if task.certificate.disjoint else NOT_DISJOINT]


def shout(*tasks: TaskSources) -> str:
    """For captions, and for tables that leave the page: which tasks are not disjoint; "" if none."""
    names = [task_name(task.name) for task in tasks if not task.certificate.is_clean]
    return f"NOT DISJOINT ({', '.join(names)})" if names else ""


def _same_cohort(task: TaskSources) -> list[str]:
    """An image's id starts with its cohort."""
    cohorts = task.split["image_id"].str.split("-", n=1).str[0]
    is_external = task.split["part"] == "external"
    if not is_external.any() or not set(cohorts[is_external]) <= set(cohorts[~is_external]):
        return []
    same = "cohort" if cohorts[is_external].nunique() == 1 else "cohorts"
    return [f"External means other lesions of the same {same} here, not another institution."]


def other_side(task: TaskSources) -> list[str]:
    """A name such as mobilenet_448 promises the side of the images."""
    cautions: list[str] = []
    for backbone, of_seeds in task.cards.items():
        card = next(iter(of_seeds.values()))  # all seeds saw the same images
        promised = re.search(r"_(\d+)$", backbone)
        if promised and "side_px" in card and int(promised[1]) != card["side_px"]:
            cautions.append(say(f"{backbone} saw images of {{}} px, not of the size in its name.", card["side_px"]))
    return cautions


def part_cautions(part: str, numbers: dict[str, Performance]) -> list[str]:
    """What holds for the numbers of one part; `numbers` is backbone -> performance."""
    n = next(iter(numbers.values())).n
    cautions: list[str] = []
    positive = n["positive_patients"]
    fewest = min(positive, derived(n["patients"] - positive, n["patients"], positive))
    if fewest < FEW_PATIENTS:
        told = amount(fewest, "patient")
        cautions.append(say(f"{part_name(part)}: the smaller class has {{}}; too few to conclude.", told))
    if part == "val":
        cautions.append(
            "Validation chose the frozen cut-off, and the epoch unless the last is kept: its figures are optimistic."
        )
    for backbone, values in numbers.items():
        if values.auc.note and not values.auc.note.startswith("NOT DISJOINT"):  # said once, by `leaks`
            cautions.append(f"{part_name(part)}, {backbone}: {values.auc.note}.")
    return cautions


def cutoff_cautions(part: str, numbers: dict[str, Performance]) -> list[str]:
    """Why measures at a cut-off are undefined."""
    return [
        f"{part_name(part)}, {backbone}, {RULE_WORDS[rule]}: {measure} undefined, as {value.note}."
        for backbone, values in numbers.items()
        for rule, point in values.rules.items()
        for measure, value in point.items()
        if value.note
    ]


def sensitive_cautions(part: str, numbers: dict[str, Performance]) -> list[str]:
    """Where the sensitive cut-off calls fewer images positive than the plain one does."""
    lines: list[str] = []
    for backbone, values in numbers.items():
        plain, sensitive = (values.rules.get(rule, {}) for rule in ("frozen", "frozen_sensitivity"))
        (cutoff, share), (above, less) = (
            (point.get("cutoff", Estimate()).est, point.get("sensitivity", Estimate()).est)
            for point in (plain, sensitive)
        )
        if cutoff is None or share is None or above is None or less is None or above <= cutoff:
            continue
        words = (
            f"{part_name(part)}, {backbone}: the sensitive cut-off, {{}}, lies above the plain one, {{}}, which had "
            "more sensitivity on validation than was asked for. So it is no more sensitive here: {} % against {} %."
        )
        lines.append(say(words, number(above), number(cutoff), points(less), points(share)))
    return lines


def ensemble(seeds: tuple[int, ...]) -> str:
    """What a figure of a network is a figure of."""
    if len(seeds) == 1:
        return say("Each network was trained once, with seed {}; another seed would give other figures.", seeds[0])
    return say(
        "Each network is several of one kind, trained with seeds {}, whose logits are averaged; figures are those of "
        "the average. How far single seeds lie apart says nothing about other patients, so it is no confidence "
        "interval.",
        joined(", ", seeds),
    )


def gallery_cautions(explained: Explained) -> list[str]:
    """What the gallery does not show."""
    if not explained.doubtful_crops:
        return []
    return [
        say(
            "Left out of the gallery: {} whose field of view is doubtful, as such a crop may show a name.",
            amount(explained.doubtful_crops, "image"),
        )
    ]


def perturbation_cautions(explained: Explained) -> list[str]:
    """Images that the perturbation has left out."""
    return [
        say(
            f"Left out of the rows for {target}: {{}}, with nothing of it in the field or no room for as much "
            "elsewhere.",
            amount(n, "image"),
        )
        for target, n in explained.not_perturbed.items()
        if n
    ]


def training_cautions(task: TaskSources, train: Training) -> list[str]:
    """Networks whose validation loss was still falling when the limit of epochs stopped them."""
    ends_there = train.schedule == "cosine" and train.kept_epoch == "last"
    why = (
        "its rate had fallen along the cosine to the end by then, and the last epoch is kept by rule."
        if ends_there
        else "it might still have improved."
    )
    return [
        say(
            f"{backbone}{{}} was best in the last of {{}} allowed: {why}",
            say(" (seed {})", seed) if len(of_seeds) > 1 else "",
            amount(train.epochs, "epoch"),
        )
        for backbone, of_seeds in task.histories.items()
        for seed, history in of_seeds.items()
        if len(history) >= train.epochs and history["val_loss"].idxmin() == len(history) - 1
    ]


def test_cautions(tests: pd.DataFrame, file: Path) -> list[str]:
    """Why cells of Table 1 have no p-value, and who was left out of a test; one sentence a reason.

    Args:
        tests: tables.CHARACTERISTICS.
        file: Holds it.
    """
    about: dict[tuple[str, str], list[str]] = {}
    for row in tests.to_dict("records"):
        for note in filter(None, row["note"].split("; ")):
            cited = quoted(row, "note", note, file, CHARACTERISTICS.key)
            about.setdefault((row["finding"], cited), []).append(column_name(row["characteristic"]))
    return [
        say(f"Tests in patients with a {CLASS_WORDS[finding]}: {{}} ({'; '.join(names)}).", note)
        for (finding, note), names in about.items()
    ]


def data_cautions(sources: Sources) -> list[str]:
    """Doubts about the data themselves."""
    cautions: list[str] = []
    for cohort, flow in sources.flow.items():
        if cohort != "all" and flow.images and flow.images == flow.patients:
            cautions.append(
                f"{cohort}: as many patients as images; if the source names no patients, "
                "images of one patient may stand in different parts."
            )
    if sources.fields.doubtful:
        cautions.append(
            say(
                "The field of view of {} of {} is doubtful and needs a person's eye.",
                amount(sources.fields.doubtful, "image"),
                amount(sources.fields.images, "image"),
            )
        )
    return cautions


def captioned(text: str, *tasks: TaskSources) -> str:
    """A caption, opened by a shout if a task is not disjoint."""
    return joined(". ", filter(None, [shout(*tasks), text]))


def device_differences(task: TaskSources) -> str:
    """How far each part is from training, in percentage points: "test 3.1, val 2.0"; "" if it is not known."""
    parts = {part: task.certificate.parts[part] for part in PARTS_SHOWN if part in task.certificate.parts}
    known = {name: part.max_device_difference for name, part in parts.items() if part.max_device_difference is not None}
    texts = (say(f"{part_name(name).lower()} {{}}", points(difference)) for name, difference in known.items())
    return say("{} percentage points", joined(", ", texts)) if known else ""
