"""Fig. 1: what its boxes say, from what was read to the parts of every task (STARD 2015, BMJ 351:h5527)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from nonmass.files import metric_key
from nonmass.report.records import Amount, Counts, Flow, Sources, Step, TaskSources
from nonmass.report.wording import amount, class_name, count, group_name, letters, part_name, sentence, task_name
from nonmass.tables import FINDINGS, PARTS, PATHOLOGIES

PROBLEMS_LIST = "reports/ingest_problems.csv"


@dataclass(frozen=True)
class Cell:
    """A box: a title and lines below it."""

    title: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}: {', '.join(self.lines)}" if self.lines else self.title


@dataclass(frozen=True)
class Exit:
    """A box beside the trunk, and what stays on the trunk after it; nothing if the next box says so."""

    cell: Cell
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """A task.

    Attributes:
        cell: What it asks, and its parts.
        left_out: Images of its classes that are in no part; None if there are none.
        classes: Positions of the classes that it is about.
    """

    cell: Cell
    left_out: Cell | None
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Chart:
    """The boxes, from the top.

    Attributes:
        faults: What the sources hold, but no cohort's number, as it is faulty; None if nothing.
        origins: Cohorts; none if the head says it all.
        head: All that was read.
        exits: Rules that excluded somebody, in order.
        idle: What is said of the rules that excluded nobody, or "".
        refused: Included, but of no use to a network, as no field of view can be cropped; None if there are none.
    """

    faults: Cell | None
    origins: tuple[Cell, ...]
    head: Cell
    exits: tuple[Exit, ...]
    idle: str
    included: Cell
    refused: Cell | None
    classes: tuple[Cell, ...]
    branches: tuple[Branch, ...]

    def __str__(self) -> str:
        side: list[Cell | str] = [exit_.cell for exit_ in self.exits]
        below = [cell for branch in self.branches for cell in (branch.left_out, branch.cell) if cell]
        trunk = [self.faults, *self.origins, self.head, *side, self.idle.rstrip("."), self.included, self.refused]
        return ". ".join(str(words) for words in [*trunk, *self.classes, *below] if words) + "."


def flow_chart(sources: Sources) -> Chart:
    """Fig. 1 of a finished graph."""
    total = sources.flow["all"]
    cohorts = [(name, counts) for name, counts in sorted(sources.flow.items()) if name != "all"]
    steps = [(_reason(key, sources), step) for key, step in ordered_steps(total)]
    is_plain = len(cohorts) == 1 and not total.problems
    pairs = class_pairs(total)
    return Chart(
        faults=_faults(total, sources.problems),
        origins=() if is_plain else tuple(Cell(name, (f"read: {_words(counts.read)}",)) for name, counts in cohorts),
        head=Cell(f"Read: {cohorts[0][0]}" if is_plain else "Read", (_words(total.read),)),
        exits=tuple(_exits(steps)),
        idle=_idle(reason for reason, step in steps if not step.excluded.images),
        included=Cell("Included", (_words(total),)),
        refused=_refused(sources),
        classes=tuple(_class_cell(total, *pair, _refused_amount(sources, *pair)) for pair in pairs),
        branches=tuple(_branch(task, pairs, sources.manifest) for task in sources.tasks),
    )


def flow_steps(sources: Sources) -> pd.DataFrame:
    """The same counts by cohort.

    Returns:
        Columns `cohort` ("all" first), `step`, `excluded_images`, `excluded_patients`, `left_images`,
        `left_patients`; the first step of a cohort is "read", with nothing excluded.
    """
    rows: list[dict[str, object]] = []
    for cohort, counts in sorted(sources.flow.items(), key=lambda item: (item[0] != "all", item[0])):
        read = Step(excluded=Amount(images=0, patients=0), left=counts.read)
        steps = [("read", read), *((_reason(key, sources), step) for key, step in ordered_steps(counts))]
        for words, step in steps:
            columns = {f"excluded_{name}": n for name, n in dict(step.excluded).items()}
            columns |= {f"left_{name}": n for name, n in dict(step.left).items()}
            rows.append({"cohort": cohort, "step": words, **columns})
        refused = _refused_of(sources, cohort)
        if refused.images:
            columns = {f"excluded_{name}": n for name, n in dict(refused).items()}
            left = {"images": counts.images - refused.images, "patients": counts.patients - refused.patients}
            columns |= {f"left_{name}": n for name, n in left.items()}
            rows.append({"cohort": cohort, "step": "field of view refused", **columns})
    return pd.DataFrame(rows, dtype=object)


def _refused_of(sources: Sources, cohort: str) -> Amount:
    manifest = sources.manifest
    return _refused_among(sources, manifest[(manifest["cohort"] == cohort) | (cohort == "all")])


def ordered_steps(counts: Flow) -> list[tuple[str, Step]]:
    """The steps in the order in which they apply; keys are sorted as texts, and open with a number."""
    return sorted(counts.steps.items(), key=lambda item: int(item[0].split("_")[0]))


def class_pairs(total: Flow) -> list[tuple[str, str]]:
    """(finding, pathology) of the classes that have images."""
    pairs = [(finding, pathology) for finding in FINDINGS for pathology in ("", *PATHOLOGIES)]
    return [pair for pair in pairs if getattr(total, "_".join(filter(None, pair)), None)]


def _reason(key: str, sources: Sources) -> str:
    """`04_bi_rads_0` -> "BI-RADS 0", if a criterion of params has that name; else the words of the key."""
    words = key.split("_", 1)[1]
    names = {letters(rule.name): rule.name for rule in sources.reported.criteria}
    return names.get(letters(words), words.replace("_", " "))


def _faults(total: Flow, problems: pd.DataFrame) -> Cell | None:
    """Kinds by the words of `problems` (tables.PROBLEMS), as a key of the metrics has lost their marks."""
    if not total.problems:
        return None
    words = {metric_key(kind): kind for kind in problems["problem"]}
    lines = (
        f"{count(n)} {'row or file' if n == 1 else 'rows or files'}: {words.get(key, key.replace('_', ' '))}"
        for key, n in sorted(total.problems.items())
    )
    return Cell("Left out before, as faulty", (*lines, f"(of {PROBLEMS_LIST}; not images or patients)"))


def _exits(steps: list[tuple[str, Step]]) -> Iterator[Exit]:
    effective = [(reason, step) for reason, step in steps if step.excluded.images]
    for reason, step in effective:
        images, patients = _lines(step.left)
        left = () if step is effective[-1][1] else (f"left: {images},", patients)
        yield Exit(Cell(f"Excluded: {reason}", (_words(step.excluded),)), left)


def _idle(reasons: Iterable[str]) -> str:
    names = list(reasons)
    return f"No image was excluded by: {'; '.join(names)}." if names else ""


def _class_cell(total: Flow, finding: str, pathology: str, refused: Amount) -> Cell:
    counts: Amount = getattr(total, "_".join(filter(None, (finding, pathology))))
    left = Amount(images=counts.images - refused.images, patients=counts.patients - refused.patients)
    return Cell(sentence(group_name(finding, pathology)), _lines(left))


def _refused(sources: Sources) -> Cell | None:
    """Included images whose screen has no field of view to crop, by reason; screens themselves never stand here."""
    reasons = sources.fov_index.loc[sources.fov_index["reject"] != "", "reject"].value_counts()
    if reasons.empty:
        return None
    lines = (f"{amount(int(n), 'image')}: {reason}" for reason, n in sorted(reasons.items()))
    return Cell(f"Field of view refused: {count(int(reasons.sum()))}", tuple(lines))


def _refused_amount(sources: Sources, finding: str, pathology: str) -> Amount:
    """Of a class: images refused, and patients who lose their last image of it thereby."""
    manifest = sources.manifest
    return _refused_among(sources, manifest[(manifest["finding"] == finding) & (manifest["pathology"] == pathology)])


def _refused_among(sources: Sources, manifest: pd.DataFrame) -> Amount:
    """Of rows of the manifest: included images that are refused, and patients who lose their last one thereby."""
    index, images = sources.fov_index, manifest[manifest["excluded"] == ""]
    refused = images["image_id"].isin(index.loc[index["reject"] != "", "image_id"])
    patients = images["patient_id"].nunique() - images.loc[~refused, "patient_id"].nunique()
    return Amount(images=int(refused.sum()), patients=int(patients))


def _branch(task: TaskSources, pairs: list[tuple[str, str]], manifest: pd.DataFrame) -> Branch:
    images = manifest[manifest["image_id"].isin(task.split["image_id"])]
    used = set(zip(images["finding"], images["pathology"], strict=True))
    definition, certificate = task.definition, task.certificate
    title = f"{task_name(task.name)}: {class_name(definition.positive)} against {class_name(definition.negative)}"
    title = title if certificate.is_clean else f"NOT DISJOINT. {title}"
    parts = tuple(f"{part_name(p)}: {_words(certificate.parts[p])}" for p in PARTS if p in certificate.parts)
    positions = tuple(position for position, pair in enumerate(pairs) if pair in used)
    return Branch(Cell(title, parts), _left_out(task), positions)


def _left_out(task: TaskSources) -> Cell | None:
    counts = (
        (task.certificate.quarantined_images, "quarantined: near-duplicates with contradictory labels"),
        (task.certificate.withheld_images, "withheld: would link two parts"),
    )
    lines = tuple(f"{amount(n, 'image')} {why}" for n, why in counts if n)
    return Cell("In no part", lines) if lines else None


def _lines(counts: Amount) -> tuple[str, str]:
    return amount(counts.images, "image"), amount(counts.patients, "patient")


def _words(counts: Amount | Flow | Counts) -> str:
    return f"{amount(counts.images, 'image')}, {amount(counts.patients, 'patient')}"
