"""The tables of the study as frames: patients (1), data sets (2), performance (3)."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from nonmass.clinical import Clinical, known
from nonmass.report.cited import Source, Text, keeping, of_row, source_of
from nonmass.report.records import Estimate, TaskSources
from nonmass.report.sources import RULES
from nonmass.report.wording import (
    CLASS_WORDS,
    PARTS_SHOWN,
    bare_p,
    column_name,
    count,
    group_name,
    letters,
    level_name,
    share,
)
from nonmass.tables import CHARACTERISTICS, FINDINGS, PARTS

MEASURES = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
CELLS = ("tp", "fp", "tn", "fn")

# Images that a task has in no part, as its certificate names them.
OUTSIDE = ("quarantined", "withheld", "unused")

NONE = "\u2013"

COUNTED = tuple(f"{prefix}{what}" for prefix in ("", "positive_", "negative_") for what in ("images", "patients"))


def clinical_characteristics(clinical: Clinical, tests: pd.DataFrame, tests_csv: Path) -> pd.DataFrame:
    """Table 1: patients of each class by their clinical columns, mean ± SD or n (%), with tests.

    Args:
        clinical: Patients by class.
        tests: tables.CHARACTERISTICS.
        tests_csv: Where they were read; p-values are cited to it.

    Returns:
        Columns `characteristic`, `level`, then one a class (finding and pathology) with cells as
        printed, then `p, <finding>` and `test, <finding>` for every finding with tests.
        Percentages are of the patients whose value is known; the others are counted in a row
        "unknown". A characteristic of one value alone has one row, which says of how many patients it is
        known. A patient with lesions of two classes counts in both.
    """
    tests = informative_tests(clinical, tests)
    constants = _constants(clinical)
    groups = {group_name(*pair): patients for pair, patients in clinical.classes.items()}
    rows = [{"characteristic": "patients", "level": "n", **{name: str(len(g)) for name, g in groups.items()}}]
    described = _tested(tests, tests_csv)
    for column, kind in clinical.kinds.items():
        if column in constants:
            rows.append(_constant(column, constants[column], groups))
            continue
        first, *others = _numbers(column, groups) if kind == "number" else _categories(column, groups)
        rows += [first | described.get(column, {}), *others]
    findings = [finding for finding in FINDINGS if (tests["finding"] == finding).any()]
    names = [name for finding in findings for name in test_columns(finding)]
    return pd.DataFrame(rows, columns=["characteristic", "level", *groups, *names], dtype=object).fillna("")


def test_columns(finding: str) -> tuple[str, str]:
    """Names of the columns of Table 1 with p-values and tests of a finding."""
    return f"p, {CLASS_WORDS[finding]}", f"test, {CLASS_WORDS[finding]}"


def informative_tests(clinical: Clinical, tests: pd.DataFrame) -> pd.DataFrame:
    """The rows of `tests` (tables.CHARACTERISTICS) on characteristics that have more than one value."""
    return tests[~tests["characteristic"].isin(list(_constants(clinical)))]


def _constants(clinical: Clinical) -> dict[str, str]:
    """Column -> its value, of those that have only one; what has none here is not among them."""
    constants = {}
    for column, kind in clinical.kinds.items():
        values = pd.concat([known(patients[column]) for patients in clinical.classes.values()])
        found = pd.to_numeric(values) if kind == "number" else values
        if found.nunique() == 1:
            constants[column] = str(values.iloc[0])
    return constants


def _constant(column: str, value: str, groups: dict[str, pd.DataFrame]) -> dict[str, str]:
    cells = {name: f"{len(known(group[column]))} of {len(group)}" for name, group in groups.items()}
    return {"characteristic": column_name(column), "level": level_name(value), **cells}


def _tested(tests: pd.DataFrame, tests_csv: Path) -> dict[str, dict[str, str]]:
    """Characteristic -> cells of its first row."""
    cells: dict[str, dict[str, str]] = {}
    for row in tests.to_dict("records"):
        p, test = test_columns(row["finding"])
        value = of_row(row, ["p"], tests_csv, CHARACTERISTICS.key)[0]
        printed = NONE if value is None else bare_p(value)
        cells.setdefault(row["characteristic"], {}).update({p: printed, test: row["test"] or NONE})
    return cells


def _numbers(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    def cell(group: pd.DataFrame) -> str:
        values = pd.to_numeric(known(group[column])).to_numpy(float)
        if values.size < 2:
            return f"{values[0]:.1f} (one patient)" if values.size else NONE
        return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"

    row = {"characteristic": column_name(column), "level": "mean ± SD"}
    row |= {name: cell(group) for name, group in groups.items()}
    return [row, *_unknown(column, groups)]


def _categories(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    values = {name: known(group[column]) for name, group in groups.items()}
    levels = sorted({str(level) for found in values.values() for level in found})
    rows = [
        {"characteristic": column_name(column), "level": level_name(level)}
        | {name: share(int((found == level).sum()), len(found)) for name, found in values.items()}
        for level in levels
    ]
    return [*rows, *_unknown(column, groups)]


def _unknown(column: str, groups: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    counts = {name: len(group) - len(known(group[column])) for name, group in groups.items()}
    if not any(counts.values()):
        return []
    row = {"characteristic": column_name(column), "level": "unknown"}
    return [row | {name: str(n) for name, n in counts.items()}]


def data_sets(tasks: list[TaskSources], manifest: pd.DataFrame) -> pd.DataFrame:
    """Table 2: images and patients of each task, part and class, and images that are in no part.

    Returns:
        Columns `task`, `part`, `cohorts` (joined by ", "), `images`, `patients`, then both for
        `positive` and `negative`, and `split`. A patient with images of both classes counts in both.
        Rows of `OUTSIDE` follow the parts, with their images alone.
    """
    rows = [row for task in tasks for row in _data_set_rows(task, manifest)]
    return pd.DataFrame(rows).astype(dict.fromkeys(COUNTED, "Int64"))


def _data_set_rows(task: TaskSources, manifest: pd.DataFrame) -> Iterator[dict[str, object]]:
    split = task.split.merge(manifest[["image_id", "cohort"]], on="image_id", how="left")
    word = split_word(task)
    for part in (part for part in PARTS if (split["part"] == part).any()):
        images = split[split["part"] == part]
        cohorts = ", ".join(sorted(images["cohort"].dropna().unique()))
        row: dict[str, object] = {"task": task.name, "part": part, "cohorts": cohorts}
        for prefix, members in (
            ("", images),
            ("positive_", images[images["truth"] == 1]),
            ("negative_", images[images["truth"] == 0]),
        ):
            patients = members[["cohort", "patient_id"]].drop_duplicates()
            row |= {f"{prefix}images": len(members), f"{prefix}patients": len(patients)}
        yield row | {"split": word}
    for name in OUTSIDE:
        n = getattr(task.certificate, f"{name}_images")
        yield {"task": task.name, "part": name, "cohorts": "", "images": n, "split": word}


def data_sets_printed(table: pd.DataFrame, tasks: list[TaskSources]) -> pd.DataFrame:
    """The rows of `data_sets` with counts as printed, cited to the splits, or to the certificate if in no part."""
    printed, counts = table.astype(object), table[list(COUNTED)].fillna(0).astype(int).to_dict("records")
    of_name = {task.name: task for task in tasks}
    for row, (name, part) in enumerate(zip(table["task"], table["part"], strict=True)):
        task = of_name[name]
        for column in COUNTED:
            cell, (*truth, what) = counts[row][column], column.split("_")
            if part in OUTSIDE:
                text = count(getattr(task.certificate, f"{part}_images")) if column == "images" else ""
            else:
                key = "; ".join([f"{what}: part={part}", *(f"truth={int(word == 'positive')}" for word in truth)])
                file = (task.places.data / "splits" / f"{name}.csv").as_posix()
                text = Text(count(cell), Source(file, key, str(cell)))
            printed.at[row, column] = text
    return printed


def split_word(task: TaskSources) -> str:
    """What every row about a task says of its split."""
    return "disjoint" if task.certificate.is_clean else "NOT DISJOINT"


def balance(task: TaskSources, devices: "pd.Series[str]") -> pd.DataFrame:
    """What the certificate counts of the parts: sizes, and shares of positives and devices as printed.

    Args:
        task: The task.
        devices: Names of devices, which the certificate knows by their letters alone.

    Returns:
        Column `what`, then one a part.
    """
    parts = {part: task.certificate.parts[part] for part in PARTS if part in task.certificate.parts}
    rows = [
        {"what": "images", **{name: count(part.images) for name, part in parts.items()}},
        {"what": "patients", **{name: count(part.patients) for name, part in parts.items()}},
        {
            "what": "positive images",
            **{name: share(part.positive_images, part.images) for name, part in parts.items()},
        },
        {
            "what": "positive patients",
            **{name: share(part.positive_patients, part.patients) for name, part in parts.items()},
        },
    ]
    names = {letters(name): name for name in sorted(devices.unique()) if name}
    for key in sorted({key for part in parts.values() for key in part.device_share}):
        shares = {name: _percent(part.device_share[key]) for name, part in parts.items() if key in part.device_share}
        rows.append({"what": f"device {names.get(letters(key), 'unknown')}", **shares})
    return pd.DataFrame(rows, columns=["what", *parts], dtype=object).fillna("none")


@keeping
def _percent(of_one: float) -> str:
    return f"{100 * of_one:.1f}\u00a0%"


def performance(tasks: list[TaskSources]) -> pd.DataFrame:
    """Table 3: one row a task, part, backbone and cut-off rule, with the numbers of the measures files.

    Returns:
        Columns `task`, `part`, `backbone`, four counts, `auc_est/_lo/_hi` (interval by patients),
        `auc_image_lo/_hi` (by images), `rule`, `cutoff`, each of `MEASURES` with `_est/_lo/_hi`,
        `tp`, `fp`, `tn`, `fn` and `split`; empty where undefined.
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
                row |= {cell: _whole(point.get(cell, Estimate())) for cell in CELLS}
                yield row | {"split": split_word(task)}


def _columns(name: str, value: Estimate) -> dict[str, object]:
    return {f"{name}_est": value.est, f"{name}_lo": value.lo, f"{name}_hi": value.hi}


def _whole(value: Estimate) -> int | None:
    return None if value.est is None else round(value.est)


def cells(table: pd.DataFrame, about: int, title: str, *files: Path) -> pd.DataFrame:
    """A table whose cells were counted in files, all that hold a figure cited; those that are already stay so.

    Args:
        table: Texts as printed, or counts, which become texts.
        about: How many columns, from the left, say what a row is about.
        title: What the table is called in the page.
        files: Where was counted.
    """
    printed, file = table.astype(object), " + ".join(path.as_posix() for path in files)
    for row, values in enumerate(table.astype(object).to_numpy().tolist()):
        labels = [title, *(str(label) for label in values[:about] if label)]
        for column, cell in enumerate(values[about:], about):
            if not isinstance(cell, Text) and any(letter.isdigit() for letter in str(cell)):
                place = Source(file, " | ".join([*labels, str(table.columns[column])]), str(cell))
                text = cell if isinstance(cell, str) else count(cell)
                printed.iat[row, column] = Text(text, source_of(cell) or place)
    return printed
