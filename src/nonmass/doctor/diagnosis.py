"""What `nonmass doctor` found, for a person and for a program; no file of a secret cohort by its own name."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import Literal, NamedTuple

from nonmass.cohorts.cohort import plain
from nonmass.pseudonyms import hidden_file

FIRST_FEW = 5  # findings of a kind that the text shows; JSON holds all


class Finding(NamedTuple):
    """One thing that is, or may be, wrong.

    Attributes:
        level: An error would stop the run or exclude images; a warning would not, but somebody should look.
        problem: What is wrong, in words without any value, so that findings of one kind can be counted.
        remedy: What to do.
        file: Relative to the folder; "" if none is named.
        other: A second file that it is about.
        row: Of the spreadsheet, which counts from 1 with the headings; 0 if there is none.
        value: What says more; no identity of a secret cohort.
    """

    level: Literal["error", "warning"]
    problem: str
    remedy: str
    file: str = ""
    other: str = ""
    row: int = 0
    value: str = ""


@dataclass(frozen=True)
class Names:
    """What files are called.

    Attributes:
        entries: All there is in the folder, relative to it, in order of their bytes.
        is_secret: Whether names may be identities.
        salt: Of the pseudonyms; None where nobody could look them up, so that files are counted instead.
        are_shown: Whether names stand beside the pseudonyms nevertheless.
    """

    entries: tuple[str, ...]
    is_secret: bool
    salt: bytes | None = None
    are_shown: bool = False

    def of(self, file: str) -> str:
        """The name of a file, its pseudonym, or its number in order of name."""
        if not file or not self.is_secret:
            return plain(file)
        if self.salt:
            hidden = hidden_file(file, self.salt)
        elif file in self._numbers:
            hidden = f"file {self._numbers[file]} of {len(self.entries)}"
        else:
            hidden = "a file that is not there"
        return f"{hidden} = {plain(file)}" if self.are_shown else hidden

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {file: number for number, file in enumerate(self.entries, start=1)}

    def note(self) -> str:
        """How to find a file whose name is kept back; "" if none is."""
        if not self.is_secret or self.are_shown:
            return ""
        look = "" if self.salt else "; file 17 in order of name is that of `find . -mindepth 1 | LC_ALL=C sort`"
        return f"names of files are kept back, --show-names shows them{look}"


@dataclass(frozen=True)
class Diagnosis:
    """All findings on a folder.

    Attributes:
        cohort: Its name in `sources`; "" if it is not there, so that only files were looked at.
        adapter: What read its labels; "" if nothing did.
        images: Readable ones with sound labels.
        patients: Whose images these are; 0 if no labels were read.
        note: `Names.note`.
    """

    cohort: str
    adapter: str
    images: int
    patients: int
    findings: tuple[Finding, ...]
    note: str = ""

    def count(self, level: str) -> int:
        """How many errors or warnings there are."""
        return sum(finding.level == level for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 if there is an error, else 0."""
        return int(self.count("error") > 0)


def as_json(diagnosis: Diagnosis) -> str:
    """One document with sorted keys and findings; ASCII, so that any terminal and any program can take it."""
    counts = {"errors": diagnosis.count("error"), "warnings": diagnosis.count("warning")}
    findings = [finding._asdict() for finding in sorted(diagnosis.findings, key=_order)]
    return json.dumps({**asdict(diagnosis), **counts, "findings": findings}, indent=2, sort_keys=True)


def as_text(diagnosis: Diagnosis) -> str:
    """Findings by kind: how many, the first few, what to do."""
    if diagnosis.adapter:
        head = f"{diagnosis.cohort}: {diagnosis.images} readable images of {diagnosis.patients} patients"
        head += f", read by adapter '{diagnosis.adapter}'"
    else:
        head = f"{diagnosis.images} readable images; only files were checked, no labels: "
        first = "mend the table" if diagnosis.cohort else "describe the folder under `sources` in params.yaml"
        head += f"for those, {first} first"
    lines = [head, ""]
    for (level, problem, remedy), group in groupby(sorted(diagnosis.findings, key=_order), key=lambda f: f[:3]):
        found = list(group)
        lines.append(f"{level}: {problem} ({len(found)})")
        lines += [f"    {_where(finding)}" for finding in found[:FIRST_FEW] if _where(finding)]
        lines += [f"    and {len(found) - FIRST_FEW} more"] * (len(found) > FIRST_FEW)
        lines += [f"  to do: {remedy}", ""]
    counts = f"{diagnosis.count('error')} error(s), {diagnosis.count('warning')} warning(s)"
    return "\n".join([*lines, f"{counts}; {diagnosis.note}" if diagnosis.note else counts])


def _where(finding: Finding) -> str:
    place = ", ".join(filter(None, (finding.file, f"row {finding.row}" if finding.row else "")))
    return ": ".join(filter(None, (place, finding.other and f"like {finding.other}", finding.value)))


def _order(finding: Finding) -> tuple[str | int, ...]:
    """By kind, then by name; "file 2" comes before "file 10", and the same in every run."""
    digits = finding.file.removeprefix("file ").partition(" ")[0]
    number = int(digits) if finding.file.startswith("file ") and digits.isdecimal() else 0
    return (*finding[:3], number, *finding[3:])
