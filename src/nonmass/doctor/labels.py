"""What is odd about the labels of a cohort, though each row may be usable."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

import pandas as pd

from nonmass.cohorts.criteria import COPY_REASONS, Criteria, columns_asked, words_of_nobody
from nonmass.cohorts.manifest import exclude, file_digits, mark_copies
from nonmass.doctor.diagnosis import Finding
from nonmass.errors import InputError
from nonmass.params import PARAMS_FILE, validate
from nonmass.tasks import TaskParams, join_patients, select

CONTRADICTORY, TWICE, _ = COPY_REASONS
COPIES: dict[str, tuple[Literal["error", "warning"], str, str]] = {
    CONTRADICTORY: (
        "error",
        "same bytes under two labels or patients: all copies are excluded",
        "find out which row is right, and take the others out",
    ),
    TWICE: ("warning", "same bytes twice: one of them is left out", "nothing, or take it out"),
}


def check_copies(rows: pd.DataFrame) -> Iterator[Finding]:
    """Files with the same bytes; `path` of the rows of `tables.INVENTORY` is the file, whatever its frames."""
    marked = mark_copies(rows.drop_duplicates("path"))
    for _, group in marked.groupby(file_digits(marked)):
        files = group["path"].tolist()
        for file, reason in zip(files, group["excluded"].tolist(), strict=True):
            if reason in COPIES:
                level, problem, remedy = COPIES[reason]
                yield Finding(level, problem, remedy, file, next(one for one in files if one != file))


def check_patients(images: pd.DataFrame) -> Iterator[Finding]:
    """Patients with benign and malignant lesions, and ids that look like one patient's; of `Cohort.images`."""
    known = images[images["patient"] != ""].sort_values(["file", "frame"])
    for _, group in known[known["pathology"] != ""].groupby("patient"):
        counts = group["pathology"].value_counts().sort_index()
        if len(counts) > 1:
            value = " and ".join(f"{n} {word}" for word, n in counts.items())
            problem = "patient with benign and with malignant lesions"
            yield _of(group.iloc[0], problem, "make sure that these are lesions of one woman", value=value)
    first = known.drop_duplicates("patient")
    problem = "patient ids differ in letter case, blanks or leading zeros only"
    for _, group in first.groupby(first["patient"].map(_look)):
        for number in range(1, len(group)):
            remedy = "write them alike if they are one patient, who else may stand in two parts"
            yield _of(group.iloc[number], problem, remedy, other=str(group["file"].iloc[0]))


def _of(image: "pd.Series[Any]", problem: str, remedy: str, **more: str) -> Finding:
    return Finding("warning", problem, remedy, str(image["file"]), row=int(image["row"]), **more)


def _look(patient: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", patient).casefold().split())
    return re.sub(r"(?<!\d)0+(?=\d)", "", text)


def meet_criteria(
    rows: pd.DataFrame, patients: pd.DataFrame, name: str, content: dict[str, Any]
) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows of `mark_copies` that copies and `criteria` leave, and what is wrong with the criteria here.

    They apply to the folders of `cohorts` only. A column that this cohort does not have is unknown if others serve,
    as in the manifest.

    Args:
        rows: Of `tables.INVENTORY`.
        patients: Of `tables.PATIENTS`.
        name: The cohort's.
        content: Of params.yaml.

    Raises:
        InputError: `criteria` are wrong.
    """
    criteria = validate(content.get("criteria") or [], Criteria, f"{PARAMS_FILE}: criteria")
    marked = mark_copies(rows)
    if name not in (content.get("cohorts") or ()):
        return marked[marked["excluded"] == ""], []
    is_alone = _is_alone(name, content)
    problem = "criterion asks for a text that no cell of its column holds"
    remedy = "spell it as in the table" + ("" if is_alone else ", unless another cohort has it")
    found = [Finding("warning", problem, remedy, value=line) for line in words_of_nobody(marked, patients, criteria)]
    elsewhere = set() if is_alone else columns_asked(criteria) - {*marked.columns, *patients.columns}
    try:
        marked = exclude(marked, patients.assign(**dict.fromkeys(elsewhere, "")), criteria)
    except InputError as error:
        found.append(
            Finding("error", "criteria cannot be applied", "change `criteria`, or the table", value=str(error))
        )
    return marked[marked["excluded"] == ""], found


def _is_alone(name: str, content: dict[str, Any]) -> bool:
    return not set(content.get("cohorts") or ()) - {name}


def check_classes(left: pd.DataFrame, patients: pd.DataFrame, name: str, content: dict[str, Any]) -> Iterator[Finding]:
    """Tasks whose classes this cohort cannot share out: each part needs a patient of each class.

    A class needs as many patients (byte-identical files make two of them one) as the split has parts: train, val and
    test, or two if a filter picks the test part; where `unit` is image, images. An external set needs one of each
    class. This is an error if `cohorts` names no other, else a warning, since others may add what lacks here.

    Args:
        left: Result of `meet_criteria`.
        patients: Of `tables.PATIENTS`.
        name: The cohort's.
        content: Of params.yaml.
    """
    tasks = validate(content.get("tasks", {}), dict[str, TaskParams], f"{PARAMS_FILE}: tasks")
    alone = _is_alone(name, content)
    remedy = "add patients, or change the task" + ("" if alone else ", unless other cohorts have them")
    level: Literal["error", "warning"] = "error" if alone else "warning"
    used = join_patients(left, patients)
    for task, params in tasks.items():
        try:
            images = select(used, params, task)
        except InputError as error:
            if alone:
                yield Finding("error", "task cannot be split", "add patients, or change the task", value=str(error))
            continue
        for value in _too_few(images, params, alone):
            yield Finding(
                level, "class has fewer patients than the split needs", remedy, value=f"tasks.{task}: {value}"
            )


def _too_few(images: pd.DataFrame, task: TaskParams, alone: bool) -> Iterator[str]:
    unit = images["image_id"] if task.unit == "image" else images["patient_group"]
    external = images["asked"] == "external"
    places = [("development", ~external, 2 if task.test else 3), *[("external", external, 1)] * bool(task.external)]
    for place, is_there, needed in places:
        for truth, label in ((1, "positive"), (0, "negative")):
            n = unit[is_there & (images["truth"] == truth)].nunique()
            if n < needed and (n or alone):
                yield f"{place} has {n} {task.unit}(s) of class {label}, and needs {needed}"
