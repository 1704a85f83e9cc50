"""What the gate found, for whoever reads it: a terminal, a pull request, a program, a browser."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from nonmass.errors import InputError
from nonmass.gate.gate import Gate
from nonmass.gate.verdicts import Row, is_failure
from nonmass.look.style import style_of
from nonmass.look.templates import templates_of
from nonmass.tables import FOV_INDEX

HERE = Path(__file__).parent
THUMBNAIL_PX = 112
IDLE = "nothing that the gate reads differs between the two sides"


def as_text(gate: Gate) -> str:
    """For a terminal: the verdicts, then the reasons."""
    lines = [f"{gate.outcome.upper()}: {gate.head} against {gate.base}, judged on {', '.join(gate.rules.parts)}"]
    lines += [f"! {alarm}" for alarm in gate.alarms]
    if gate.is_idle:
        lines.append(IDLE)
    lines += [f"{row.verdict:<14}  {row.key!s}: {sentence(row)}" for row in gate.rows]
    lines += [f"params: {change.key}: {change.before} -> {change.now}" for change in gate.explanation.params]
    lines += [f"environment: {change.key}: {change.before} -> {change.now}" for change in gate.explanation.environment]
    lines += [
        f"stage {change.name}: {_causes(change.causes, 3)}" for change in gate.explanation.stages if change.results
    ]
    return "\n".join(lines)


def as_json(gate: Gate) -> str:
    """For a program: everything, keys sorted, undefined values null."""
    rows = [{**asdict(row), **asdict(row.key)} for row in gate.rows]
    for row in rows:
        del row["key"]
    content = {
        "outcome": gate.outcome,
        "exit_code": gate.exit_code,
        "base": gate.base,
        "head": gate.head,
        "release": gate.is_release,
        "rules": asdict(gate.rules),
        "rows": rows,
        "calls": [asdict(call) for call in gate.calls],
        **asdict(gate.explanation),
        "alarms": gate.alarms,
    }
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False)


def as_github(gate: Gate) -> str:
    """Workflow commands: an error for what fails, a warning for what nobody can tell, a notice for the rest."""
    kinds = {"worse": "error", "not comparable": "error", "unsure": "error" if gate.exit_code == 2 else "warning"}
    lines = [
        f"::{kinds.get(row.verdict, 'notice')} title={_property(f'{row.key!s}: {row.verdict}')}::{_data(sentence(row))}"
        for row in gate.rows
    ]
    lines += [f"::warning title=gate::{_data(alarm)}" for alarm in gate.alarms]
    lines += [
        f"::notice title=environment::{_data(f'{change.key}: {change.before} -> {change.now}')}"
        for change in gate.explanation.environment
    ]
    return "\n".join(lines)


def as_markdown(gate: Gate) -> str:
    """For a pull request: one page, lists cut short, no pictures."""
    return _render("page.md.j2", gate, autoescape=False, code=_code, words=_words)


def as_html(gate: Gate, images_dir: Path) -> str:
    """For a browser: one self-contained page, with pictures of whose call changed.

    Args:
        gate: What was found.
        images_dir: Holds `<image_id>.png`; one that is not there is left out, and so is one whose field of view
            `index.csv` beside the folder does not call accepted: it may be the whole screen, names included.
    """
    style = style_of(HERE / "page.css")
    shown = _accepted(images_dir.parent / "index.csv")
    return _render(
        "page.html.j2",
        gate,
        autoescape=True,
        style=style,
        picture=lambda flip: _picture(images_dir / f"{flip.image}.png") if flip.image in shown else "",
    )


FORMATS: dict[str, Callable[[Gate], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "json": as_json,
    "github": as_github,
}


def sentence(row: Row) -> str:
    """What is known of a row, on one line."""
    return "; ".join(filter(None, _clauses(row)))


def signed(value: float | None) -> str:
    """Three decimals with a sign, or a dash where undefined."""
    return "-" if value is None else f"{value:+.3f}"


def _clauses(row: Row) -> Iterator[str]:
    if row.difference is not None and row.base is not None and row.head is not None:
        interval = "no interval" if row.lo is None else f"{signed(row.lo)} to {signed(row.hi)}"
        yield f"AUC {row.base:.3f} -> {row.head:.3f}, {signed(row.difference)} ({interval})"
        if row.p is not None:
            yield "p < 0.001" if row.p < 0.001 else f"p = {row.p:.3f}"
        yield f"{row.images} images of {row.patients} patients"
        if row.verdict in {"same", "unsure"} and row.detectable is not None:
            yield f"a difference of {row.detectable:.3f} would be found in 80 of 100 cases"
    yield row.note


def _causes(causes: tuple[str, ...], most: int) -> str:
    more = f" and {len(causes) - most} more" if len(causes) > most else ""
    return (", ".join(causes[:most]) or "nothing of its inputs") + more


def _render(template: str, gate: Gate, *, autoescape: bool, **names: Any) -> str:
    return (
        templates_of(HERE, autoescape=autoescape)
        .get_template(template)
        .render(gate=gate, idle=IDLE, signed=signed, sentence=sentence, causes=_causes, is_failure=is_failure, **names)
    )


def _code(text: str) -> str:
    """A text that Markdown must not read, within a table."""
    return "`" + re.sub(r"\s+", " ", text).replace("`", "'").replace("|", "¦") + "`"


def _words(text: str) -> str:
    """A sentence in a table: what would end a cell, mention somebody or open a tag is defused, but for code in it."""
    pieces = re.sub(r"`{2,}", "'", re.sub(r"\s+", " ", text)).split("`")  # longer runs pair otherwise
    if len(pieces) % 2 == 0:  # one that never ends
        pieces = ["'".join(pieces)]
    return "".join(_defused(piece) if n % 2 == 0 else _code(piece) for n, piece in enumerate(pieces))


def _defused(text: str) -> str:
    return re.sub(r"([\\<>|*_\[\]#@])", r"\\\1", text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _accepted(index_csv: Path) -> set[str]:
    """Images whose field of view is sure; none where that is not known."""
    try:
        index = FOV_INDEX.read(index_csv)
    except InputError:
        return set()
    return set(index.loc[index["accepted"] == 1, "image_id"])


def _picture(path: Path) -> str:
    """A small PNG as a data URL, or "" where the crop is not at hand."""
    try:
        with Image.open(path) as image:
            image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            buffer = io.BytesIO()
            image.convert("L").save(buffer, "PNG")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return ""
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
