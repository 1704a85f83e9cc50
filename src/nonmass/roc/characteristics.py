"""Table 1's tests: clinical characteristics of benign against malignant patients; R does the computing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nonmass.clinical import PATIENT, Clinical, Kind, clinical_data, known
from nonmass.roc import bridge
from nonmass.tables import CHARACTERISTICS, FINDINGS, PATHOLOGIES


@dataclass(frozen=True)
class Comparison:
    """What the tests say.

    Attributes:
        tests: tables.CHARACTERISTICS.
        software: What computed them -> its version.
    """

    tests: pd.DataFrame
    software: dict[str, str]


def compare_pathologies(manifest: pd.DataFrame, patients: pd.DataFrame) -> Comparison:
    """Benign against malignant patients of every finding that has both, by every clinical column.

    Two groups of different patients are two samples, never pairs: Welch's t-test for numbers, for
    categories Pearson's chi-squared test, or Fisher's exact test where an expected count is below
    five. Unknown values are left out, and so is a patient who is in both groups.

    Args:
        manifest: tables.MANIFEST; excluded images do not count.
        patients: tables.PATIENTS.
    """
    questions = list(_questions(clinical_data(manifest, patients)))
    samples = {str(number): sample for number, (_, sample, _) in enumerate(questions)}
    answers = bridge.call("compare_groups", samples=samples)
    tests = pd.DataFrame([names for names, _, _ in questions], columns=["finding", "characteristic"])
    tests = tests.assign(test=answers["tests"]["test"], p=[bridge.digits(p) for p in answers["tests"]["p"]])
    reasons = zip(answers["tests"]["note"], questions, strict=True)
    tests["note"] = ["; ".join(filter(None, (why, _left_out(n_both)))) for why, (_, _, n_both) in reasons]
    return Comparison(CHARACTERISTICS.check(tests, "characteristics"), answers["software"])


def _questions(clinical: Clinical) -> Iterator[tuple[tuple[str, str], dict[str, list[Any]], int]]:
    """(finding, column), the values of both groups, and how many patients were in both."""
    for finding in FINDINGS:
        groups = [clinical.classes.get((finding, pathology)) for pathology in PATHOLOGIES]
        benign, malignant = groups
        if benign is None or malignant is None:
            continue
        both = benign[PATIENT].merge(malignant[PATIENT], on=PATIENT)
        for column, kind in clinical.kinds.items():
            first, second = (_values(_without(group, both)[column], kind) for group in (benign, malignant))
            yield (finding, column), {"first": first, "second": second}, len(both)


def _without(group: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    return group[~pd.MultiIndex.from_frame(group[PATIENT]).isin(pd.MultiIndex.from_frame(others))]


def _values(values: "pd.Series[str]", kind: Kind) -> list[Any]:
    found = known(values)
    return pd.to_numeric(found).astype(float).tolist() if kind == "number" else found.tolist()


def _left_out(n_both: int) -> str:
    patients = "1 patient" if n_both == 1 else f"{n_both} patients"
    return f"{patients} with benign and malignant lesions left out" if n_both else ""
