"""Tables for a manuscript: CSV, and LaTeX (booktabs)."""

from pathlib import Path

import pandas as pd

from nonmass.files import whole_file, write_text

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


def write_table(table: pd.DataFrame, caption: str, stem: Path) -> None:
    """Write STEM.csv, all digits, and STEM.tex."""
    with whole_file(stem.with_suffix(".csv")) as path:
        table.to_csv(path, index=False, lineterminator="\n")
    write_text(stem.with_suffix(".tex"), latex(table, caption, stem.name))


def latex(table: pd.DataFrame, caption: str, name: str) -> str:
    r"""A table environment; the preamble needs `booktabs` and `graphicx`, by which it is no wider than the page.

    Args:
        table: Numbers are right-aligned, and floats rounded to three digits.
        caption: Plain text.
        name: For `\label{tab:...}`.
    """
    columns = "".join("r" if _is_number(table[column].tolist()) else "l" for column in table.columns)
    rows = [" & ".join(map(_cell, row)) + r" \\" for row in table.astype(object).to_numpy().tolist()]
    lines = [
        r"\begin{table}",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{tab:{name}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(escaped(str(column).replace("_", " ")) for column in table.columns) + r" \\",
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


def _is_number(values: list[object]) -> bool:
    return all(isinstance(value, int | float) or value is None or value is pd.NA for value in values)


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float):
        return escaped(f"{value:.3f}".replace("-", "\u2212"))
    return escaped(str(value))
