"""Inclusion and exclusion: rules over columns, declared in params.yaml and applied in their order."""

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import AfterValidator, ConfigDict, Field, RootModel, field_validator, model_validator

from nonmass.errors import InputError
from nonmass.files import metric_key
from nonmass.params import Section
from nonmass.tables import MANIFEST

# Reasons that copies of files have been given before the first rule applies; see manifest.py.
COPY_REASONS = (
    "contradictory duplicate",  # same bytes, but another label or another patient
    "exact duplicate",  # same bytes, same cohort, same label and patient
    "duplicate in another cohort",  # same bytes and label in a cohort that comes earlier by name
)

Flags = npt.NDArray[np.bool_]  # (n_rows,)


class Wanted(Section):
    """What a cell has to hold. An unknown one, an empty text, is none of these but `known: false`.

    Attributes:
        words: One of these, letter by letter. In params.yaml a text or a list of texts says the same.
        min: A number that is at least this.
        max: A number that is at most this.
        known: Anything (true) or nothing (false).
    """

    words: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    known: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_texts(cls, value: Any) -> Any:
        if isinstance(value, bool | int | float):
            raise ValueError('put a text in quotes ("0"), and a number under min or max ({min: 0})')
        if isinstance(value, str | list):
            return {"words": (value,) if isinstance(value, str) else tuple(value)}
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> "Wanted":
        has_bounds = self.min is not None or self.max is not None
        if bool(self.words) + has_bounds + (self.known is not None) != 1:
            raise ValueError("give a text, a list of texts, {min: , max: } or {known: }")
        if "" in self.words:
            raise ValueError("an empty text is an unknown value: write {known: false}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"no number is at least {self.min:g} and at most {self.max:g}")
        return self


def _possible(wanted: dict[str, Wanted]) -> dict[str, Wanted]:
    for column, cell in wanted.items():
        allowed = [word for word in MANIFEST.allowed.get(column, cell.words) if word]
        wrong = sorted(set(cell.words) - set(allowed))
        if wrong:
            raise ValueError(f"{column} cannot be {wrong[0]!r}; allowed: {', '.join(map(repr, allowed))}")
    return wanted


class Condition(RootModel[Annotated[dict[str, Wanted], Field(min_length=1), AfterValidator(_possible)]]):
    """Column -> what its cell has to hold; all of them must."""

    model_config = ConfigDict(frozen=True, strict=True)


class Criterion(Section):
    """One rule.

    Attributes:
        name: The reason that the rows it excludes carry, and their box in the flow chart.
        of: Whom the rule is about; others pass. Default: it is about everybody.
        keep: Stays who meets one of these conditions. A single one needs no list.
        drop: Goes who meets one of these. A rule has either of the two.
    """

    name: Annotated[str, Field(max_length=80)]
    of: Condition | None = None
    keep: tuple[Condition, ...] = ()
    drop: tuple[Condition, ...] = ()

    @field_validator("name", mode="after")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not metric_key(name) or not name.isprintable():
            raise ValueError("must be one line with letters or digits, since it becomes a key of metrics/data.json")
        return name

    @field_validator("keep", "drop", mode="before")
    @classmethod
    def _one_needs_no_list(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return (value,)
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _either(self) -> "Criterion":
        if bool(self.keep) == bool(self.drop):
            raise ValueError("give conditions under either keep or drop")
        return self


def _told_apart(rules: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
    names = [*COPY_REASONS, *(rule.name for rule in rules)]
    keys = [metric_key(name) for name in names]
    twice = [name for name, key in zip(names, keys, strict=True) if keys.count(key) > 1]
    if twice:
        raise ValueError(f"two reasons have one name: {' and '.join(map(repr, twice))}; choose another")
    return rules


class Criteria(RootModel[Annotated[tuple[Criterion, ...], AfterValidator(_told_apart)]]):
    """The section `criteria`: the rules in the order in which they apply; may be empty."""

    model_config = ConfigDict(frozen=True, strict=True)


def apply_criteria(rows: pd.DataFrame, patients: pd.DataFrame, criteria: Criteria) -> "pd.Series[str]":
    """The name of the first rule that each row fails, or ""; a rule sees what earlier ones left.

    Args:
        rows: Images with the columns of `tables.MANIFEST`, or some of them; any order.
        patients: Rows of `tables.PATIENTS`. A column that both tables have is the image's.
        criteria: The rules.

    Returns:
        Texts with the index of `rows`.

    Raises:
        InputError: No table has a column that a rule asks for, or a cell under min or max is no number.
    """
    table = _with_patients(rows, patients)
    reasons = np.full(len(table), "", dtype=object)
    for rule in criteria.root:
        try:
            left = np.flatnonzero(reasons == "")
            if rule.of is not None:
                left = left[_meets(table.iloc[left], rule.of)]
            met = np.any([_meets(table.iloc[left], condition) for condition in rule.keep or rule.drop], axis=0)
        except InputError as error:
            raise InputError(f"criteria, rule '{rule.name}': {error}") from None
        reasons[left[met == bool(rule.drop)]] = rule.name
    return pd.Series(reasons, index=rows.index, dtype="string")


def columns_asked(criteria: Criteria) -> set[str]:
    """The columns that any rule asks for."""
    return {column for _, column, _ in _cells_asked(criteria)}


def words_of_nobody(rows: pd.DataFrame, patients: pd.DataFrame, criteria: Criteria) -> list[str]:
    """For each word of a rule that no cell of its column holds, a line that says so; such a word may be misspelt.

    Columns with fixed words are left out, since a misspelt one is no valid rule, and so are columns that no table has.

    Args:
        rows: All images, those included that are excluded already, as for `apply_criteria`.
        patients: Rows of `tables.PATIENTS`.
        criteria: The rules.

    Returns:
        Lines in the order of the rules; of the cells they tell nothing.
    """
    table = _with_patients(rows, patients)
    cells = {
        column: set(table[column].astype("string"))
        for column in columns_asked(criteria) - set(MANIFEST.allowed)
        if column in table
    }
    lines = [
        f"{rule!r}: no cell of {column} is {word!r}; is it spelt as in the table?"
        for rule, column, wanted in _cells_asked(criteria)
        for word in wanted.words
        if column in cells and word not in cells[column]
    ]
    return list(dict.fromkeys(lines))


def _cells_asked(criteria: Criteria) -> Iterator[tuple[str, str, Wanted]]:
    """Rule, column and what its cell has to hold."""
    for rule in criteria.root:
        for condition in (*([rule.of] if rule.of else []), *rule.keep, *rule.drop):
            for column, wanted in condition.root.items():
                yield rule.name, column, wanted


def _with_patients(rows: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """What may be asked for: each image with the columns of its patient; a cell that is missing is unknown."""
    images, key = rows.drop(columns="excluded", errors="ignore"), ["cohort", "patient_id"]
    of_patient = patients.columns.difference(images.columns)
    return images.join(patients.set_index(key)[of_patient].astype("string"), on=key).fillna("")


def _meets(rows: pd.DataFrame, condition: Condition) -> Flags:
    holds: Flags = np.all([_holds(rows, column, wanted) for column, wanted in condition.root.items()], axis=0)
    return holds


def _holds(rows: pd.DataFrame, column: str, wanted: Wanted) -> Flags:
    if column not in rows:
        raise InputError(
            f"no cohort has a column '{column}'; there are {', '.join(map(str, rows.columns))}; "
            "correct the name, list the column under `extra` of a source, or take the rule out"
        )
    cells = rows[column].astype("string")
    is_known: Flags = (cells != "").to_numpy(bool)
    if wanted.known is not None:
        return is_known if wanted.known else ~is_known
    if wanted.words:
        return cells.isin(wanted.words).to_numpy(bool)
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(float, na_value=np.nan)
    wrong = is_known & ~np.isfinite(numbers)
    if wrong.any():
        cohorts = ", ".join(sorted(rows.loc[wrong, "cohort"].unique()))
        raise InputError(
            f"column '{column}' holds no number in {wrong.sum()} row(s) of {cohorts}; "
            "give numbers with a decimal point, or mend the cells (an empty one is unknown)"
        )
    low, high = (-np.inf if wanted.min is None else wanted.min), (np.inf if wanted.max is None else wanted.max)
    return np.asarray((low <= numbers) & (numbers <= high))
