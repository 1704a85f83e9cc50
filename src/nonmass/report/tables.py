"""The tables of the study as frames: patients (1), data sets (2), performance (3)."""

from collections.abc import Iterator

import pandas as pd

from nonmass.report.records import Estimate, TaskSources
from nonmass.report.sources import RULES
from nonmass.report.wording import PARTS_SHOWN, UNIT_WORDS, column_name, group_name, share
from nonmass.tables import FINDINGS, PARTS, PATHOLOGIES

MEASURES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
CELLS = ("tp", "fp", "tn", "fn")

# A text column with more values than this (a comment, an accession number) describes no group.
MAX_LEVELS = 12


def clinical_characteristics(manifest: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Table 1: patients of each class by their clinical columns, mean ± SD or n (%).

    Args:
        manifest: tables.MANIFEST; excluded images do not count.
        patients: tables.PATIENTS; every further column is a characteristic, empty where unknown.

    Returns:
        Columns `characteristic`, `level`, then one a class (finding and pathology) with cells as
        printed. Percentages are of the patients whose value is known; the others are counted in
        a row "unknown". A patient with lesions of two classes counts in both.
    """
    groups = _patients_by_group(manifest, patients)
    rows = [{"characteristic": "patients", "level": "n", **{name: str(len(g)) for name, g in groups.items()}}]
    for column in described_columns(patients):
        rows += _continuous(column, groups) if _is_continuous(patients[column]) else _categorical(column, groups)
    return pd.DataFrame(rows, columns=["characteristic", "level", *groups])


def described_columns(patients: pd.DataFrame) -> list[str]:
    """The clinical columns that Table 1 can show, in the order of the source."""
    candidates = [name for name in patients.columns if name not in ("patient_id", "cohort")]
    return [
        name
        for name in candidates
        if (known := _known(patients[name])).size and (_is_continuous(patients[name]) or known.nunique() <= MAX_LEVELS)
    ]


def _patients_by_group(manifest: pd.DataFrame, patients: pd.DataFrame) -> dict[str, pd.DataFrame]:
    key = ["cohort", "patient_id"]
    included = manifest[manifest["excluded"] == ""]
    groups = {}
    for finding in FINDINGS:
        for pathology in ("", *PATHOLOGIES):
            is_member = (included["finding"] == finding) & (included["pathology"] == pathology)
            members = included.loc[is_member, key].drop_duplicates()
            if len(members):
                groups[group_name(finding, pathology)] = members.merge(patients, on=key, how="left")
    return groups


def _known(values: "pd.Series[str]") -> "pd.Series[str]":
    return values[values.notna() & (values != "")]


def _is_continuous(values: "pd.Series[str]") -> bool:
    """Numbers with a unit in their name, or with more values than a category has."""
    known = _known(values)
    if not pd.to_numeric(known, errors="coerce").notna().all():
        return False
    return str(values.name).split("_")[-1] in UNIT_WORDS or known.nunique() > MAX_LEVELS


def _continuous(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    def cell(group: pd.DataFrame) -> str:
        values = pd.to_numeric(_known(group[column])).to_numpy(float)
        if values.size < 2:
            return f"{values[0]:.1f} (one patient)" if values.size else "\u2013"
        return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"

    row = {"characteristic": column_name(column), "level": "mean ± SD"}
    row |= {name: cell(group) for name, group in groups.items()}
    return [row, *_unknown(column, groups)]


def _categorical(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    known = {name: _known(group[column]) for name, group in groups.items()}
    levels = sorted({str(level) for values in known.values() for level in values})
    rows = [
        {"characteristic": column_name(column), "level": level}
        | {name: share(int((values == level).sum()), len(values)) for name, values in known.items()}
        for level in levels
    ]
    return [*rows, *_unknown(column, groups)]


def _unknown(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    counts = {name: len(group) - len(_known(group[column])) for name, group in groups.items()}
    if not any(counts.values()):
        return []
    row = {"characteristic": column_name(column), "level": "unknown"}
    return [row | {name: str(n) for name, n in counts.items()}]


def data_sets(tasks: list[TaskSources], manifest: pd.DataFrame) -> pd.DataFrame:
    """Table 2: images and patients of each task, part and class.

    Returns:
        Columns `task`, `part`, `cohorts` (joined by ", "), `images`, `patients`, then both for
        `positive` and `negative`. A patient with images of both classes counts in both.
    """
    rows = []
    for task in tasks:
        split = task.split.merge(manifest[["image_id", "cohort"]], on="image_id", how="left")
        for part in (part for part in PARTS if (split["part"] == part).any()):
            images = split[split["part"] == part]
            row: dict[str, object] = {
                "task": task.name,
                "part": part,
                "cohorts": ", ".join(sorted(images["cohort"].dropna().unique())),
            }
            for prefix, members in (
                ("", images),
                ("positive_", images[images["truth"] == 1]),
                ("negative_", images[images["truth"] == 0]),
            ):
                keys = members[["cohort", "patient_id"]].drop_duplicates()
                row |= {f"{prefix}images": len(members), f"{prefix}patients": len(keys)}
            rows.append(row)
    return pd.DataFrame(rows)


def performance(tasks: list[TaskSources]) -> pd.DataFrame:
    """Table 3: one row a task, part, backbone and cut-off rule, with the numbers of the measures files.

    Returns:
        Columns `task`, `part`, `backbone`, four counts, `auc_est/_lo/_hi` (interval by patients),
        `auc_image_lo/_hi` (by images), `rule`, `cutoff`, each of `MEASURES` with `_est/_lo/_hi`,
        `tp`, `fp`, `tn`, `fn`; empty where undefined.
    """
    return pd.DataFrame([row for task in tasks for row in _performance_rows(task)], dtype=object)


def _performance_rows(task: TaskSources) -> Iterator[dict[str, object]]:
    for part in PARTS_SHOWN:
        for backbone, parts in task.performance.items():
            if part not in parts:
                continue
            numbers = parts[part]
            for rule in (rule for rule in RULES if rule in numbers.rules):
                point = numbers.rules[rule]
                row: dict[str, object] = {"task": task.name, "part": part, "backbone": backbone, **numbers.n}
                row |= _columns("auc", numbers.auc)
                row |= {"auc_image_lo": numbers.auc_image.lo, "auc_image_hi": numbers.auc_image.hi}
                row |= {"rule": rule, "cutoff": point["cutoff"].est}
                for measure in MEASURES:
                    row |= _columns(measure, point.get(measure, Estimate()))
                yield row | {cell: _whole(point.get(cell, Estimate())) for cell in CELLS}


def _columns(name: str, value: Estimate) -> dict[str, object]:
    return {f"{name}_est": value.est, f"{name}_lo": value.lo, f"{name}_hi": value.hi}


def _whole(value: Estimate) -> int | None:
    return None if value.est is None else round(value.est)
