"""Findings as a person reads them, and as a program does."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from nonmass.claims.findings import Finding


def as_text(findings: Sequence[Finding]) -> str:
    """A line a finding below what it is about, and a sum."""
    lines: list[str] = []
    for about, group in groupby(findings, key=lambda finding: finding.about):
        lines += [about, *(f"  {finding.level}: {finding.text}" for finding in group)]
    counts = [(n_of(findings, level), level) for level in ("contradiction", "doubt", "note")]
    return "\n".join([*lines, ", ".join(f"{n} {level}{'' if n == 1 else 's'}" for n, level in counts)])


def as_json(findings: Sequence[Finding]) -> str:
    """One ASCII document with all findings, in order."""
    return json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2, sort_keys=True)


def n_of(findings: Sequence[Finding], level: str) -> int:
    """How many are of one level."""
    return sum(finding.level == level for finding in findings)
