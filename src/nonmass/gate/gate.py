"""The gate itself: two revisions in, the table of verdicts and the explained difference out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nonmass.errors import InputError
from nonmass.gate.compare import Key, pair_up
from nonmass.gate.explain import Explanation, explain
from nonmass.gate.patients import Calls, call_changes
from nonmass.gate.rules import Rules, read_rules
from nonmass.gate.stale import stale_results
from nonmass.gate.verdicts import OK, REGRESSION, Row, exit_code, is_failure, judge
from nonmass.lineage.graph import GRAPH_FILE
from nonmass.lineage.revisions import Revision, open_revision

STALE = Key("dvc.lock")


@dataclass(frozen=True)
class Gate:
    """What the gate found.

    Attributes:
        base: Name of the baseline.
        head: Name of the new revision.
        is_release: Whether it was judged as a release.
        rules: What it was judged by.
        rows: The verdicts, failures first.
        explanation: What else differs.
        calls: Whose calls changed at the frozen cut-offs.
    """

    base: str
    head: str
    is_release: bool
    rules: Rules
    rows: tuple[Row, ...]
    explanation: Explanation
    calls: tuple[Calls, ...]

    @property
    def lost_calls(self) -> tuple[Calls, ...]:
        """Rows that pass, by their ranking, but whose calls at the frozen cut-off are worth less."""
        failed = {row.key for row in self.rows if is_failure(row)}
        losses = (call for call in self.calls if call.benefit.hi is not None and call.benefit.hi < 0)
        return tuple(call for call in losses if call.key not in failed)

    @property
    def exit_code(self) -> int:
        """0 ok, 1 regression or not comparable, 2 cannot tell."""
        return exit_code(self.rows, self.is_release, bool(self.lost_calls))

    @property
    def alarms(self) -> tuple[str, ...]:
        """What a reader must know first; lines of text."""
        lost = (
            f"{call.key}: the calls at the frozen cut-off are worth less, whatever the ranking says: net benefit "
            f"{call.benefit.base:.3f} -> {call.benefit.head:.3f} ({call.benefit.lo:+.3f} to {call.benefit.hi:+.3f})"
            for call in self.lost_calls
        )
        return (*lost, *self.explanation.alarms)

    @property
    def is_idle(self) -> bool:
        """Whether both sides are the same in all that the gate reads."""
        told = self.explanation
        differs = told.alarms or told.data or told.params or told.environment or told.stages
        return not differs and all(row.difference == 0 for row in self.rows)

    @property
    def outcome(self) -> str:
        """The exit code in words."""
        if self.exit_code == REGRESSION and not any(row.verdict == "worse" for row in self.rows):
            return "not comparable"
        return {OK: "ok", REGRESSION: "regression"}.get(self.exit_code, "cannot tell")


@contextmanager
def both_sides(root: Path, base: str, head: str | None) -> Iterator[tuple[Revision, Revision]]:
    """Both revisions as folders, for as long as the block lasts.

    Raises:
        InputError: Git knows no such revision, or this is no folder of a project.
    """
    with open_revision(base, root) as before, open_revision(head, root) as now:
        if not (now.folder / GRAPH_FILE).is_file():
            raise InputError(f"{now.name}: {GRAPH_FILE} not found; run the gate in the folder that holds it")
        yield before, now


def run_gate(base: Revision, head: Revision, is_release: bool) -> Gate:
    """Compare two revisions.

    Raises:
        InputError: The params of a side cannot be read, or R is missing: nobody can tell anything.
    """
    rules = read_rules(base, head, is_release)
    comparable = pair_up(base, head, rules)
    reason = _stale(head)
    if reason:
        comparable.refused[STALE] = reason
    return Gate(
        base.name,
        head.name,
        is_release,
        rules,
        tuple(judge(comparable, rules)),
        explain(base, head, rules.parts),
        tuple(call_changes(base, head, comparable.pairs, rules)),
    )


def _stale(head: Revision) -> str:
    """Results that belong to other params or other code must not pass for this revision's."""
    try:
        reasons = stale_results(head)
    except InputError as error:
        return f"{head.name}: {head.told(error)}"
    if not reasons:
        return ""
    more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"results are not those of {head.name}: {reasons[0]}{more}; run `dvc repro` and commit what it writes"
