"""Tables for a manuscript: CSV with all digits, and LaTeX (booktabs) with the columns of a reader."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nonmass.files import whole_file, write_text
from nonmass.report import cautions
from nonmass.report.records import Performance, TaskSources
from nonmass.report.tables import CELLS, MEASURES
from nonmass.report.wording import PARTS_SHOWN, estimate, number, part_name, percent, sentence, task_name, whole

# The ten signs that TeX takes for commands, and those of ours that pdfLaTeX's fonts lack.
_TEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u2013": "--",
    "\u00a0": "~",
    "\u202f": r"\,",
}


PREAMBLE = r"% Needs \usepackage{booktabs,graphicx} in the preamble."
RULE_CAPTIONS = {
    "frozen": "sound: cut-off with the largest Youden index on validation, then frozen; intervals by patients",
    "frozen_sensitivity": "sound, sensitive: the largest cut-off with the sensitivity asked for on validation, then "
    "frozen; intervals by patients",
    "as_published": "as published: cut-off chosen on the very part that is judged, which is optimistic; intervals by "
    "images",
}


@dataclass(frozen=True)
class Printed:
    """A table as LaTeX has it; `name` is for its label, columns are headed by words."""

    name: str
    caption: str
    table: pd.DataFrame


def write_table(table: pd.DataFrame, printed: Iterable[Printed], stem: Path) -> None:
    """Write STEM.csv, all digits, and STEM.tex, one table after the other."""
    with whole_file(stem.with_suffix(".csv")) as path:
        table.to_csv(path, index=False, lineterminator="\n")
    environments = (latex(one.table, one.caption, one.name) for one in printed)
    write_text(stem.with_suffix(".tex"), "\n".join([PREAMBLE, *environments]))


def flow_printed(steps: pd.DataFrame) -> pd.DataFrame:
    """Fig. 1 as a table; the sum of one cohort alone is that cohort."""
    steps = steps[steps["cohort"] != "all"] if steps["cohort"].nunique() == 2 else steps
    return _headed(steps)


def data_sets_printed(table: pd.DataFrame) -> pd.DataFrame:
    """Table 2 in words."""
    words = {"task": table["task"].map(task_name), "part": table["part"].map(part_name)}
    return _headed(table.assign(**words).drop(columns="split"))


def characteristics_printed(table: pd.DataFrame) -> pd.DataFrame:
    """Table 1 with its columns headed."""
    return _headed(table)


def performance_printed(tasks: Iterable[TaskSources]) -> Iterator[Printed]:
    """Table 3, one a task and analysis, measures in percent."""
    for task in tasks:
        for rule, words in RULE_CAPTIONS.items():
            rows = [
                {"Part": part_name(part), "Network": backbone} | _performance(parts[part], rule)
                for part in PARTS_SHOWN
                for backbone, parts in task.performance.items()
                if part in parts and rule in parts[part].rules
            ]
            if rows:
                units = "Measures in percent; TP, FP, TN, FN are images."
                caption = f"Performance, {task_name(task.name).lower()}, {words}. {units}"
                name = f"table3_performance_{task.name}_{rule}"
                yield Printed(name, cautions.captioned(caption, task), pd.DataFrame(rows, dtype=object))


def _performance(values: Performance, rule: str) -> dict[str, str]:
    point = values.rules[rule]
    cells = {"AUC": _stacked(estimate(values.auc_image if rule == "as_published" else values.auc))}
    cells |= {"Cut-off": number(point["cutoff"].est)}
    names = {name: name.upper() if name in ("ppv", "npv") else sentence(name) for name in MEASURES}
    cells |= {words: _stacked(percent(point.get(name))) for name, words in names.items()}
    return cells | {name.upper(): whole(point.get(name)) for name in CELLS}


def _headed(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={name: sentence(name.replace("_", " ")) for name in table.columns})


def _stacked(text: str) -> str:
    """An estimate above its interval."""
    return str(text).replace(" (", "\n(", 1)


def latex(table: pd.DataFrame, caption: str, name: str) -> str:
    r"""A table environment; the preamble needs `booktabs` and `graphicx`, by which it is no wider than the page.

    Args:
        table: Numbers are right-aligned, and floats rounded to three digits. Columns are headed by their names. What
            follows a line break in a cell stands below it.
        caption: Plain text.
        name: For `\label{tab:...}`.
    """
    columns = "".join("r" if _is_number(table[column].tolist()) else "l" for column in table.columns)
    rows = [line for values in table.astype(object).to_numpy().tolist() for line in _lines(values)]
    lines = [
        r"\begin{table}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:{name}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(escaped(str(column)) for column in table.columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text that TeX prints as it is."""
    return "".join(_TEX.get(sign, sign) for sign in text)


def _lines(values: list[object]) -> Iterator[str]:
    """A row, and a second line of it where a cell has one."""
    cells = [_cell(value).partition("\n") for value in values]
    yield " & ".join(above for above, _, _ in cells) + r" \\"
    if any(below for _, _, below in cells):
        yield " & ".join(below for _, _, below in cells) + r" \\"


def _is_number(values: list[object]) -> bool:
    return all(isinstance(value, int | float) or value is None or value is pd.NA for value in values)


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return escaped(f"{value:.3f}".replace("-", "\u2212"))
    return escaped(str(value))
