"""The page: one file of HTML, in which every printed number is a link to the place where it was read."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nonmass.look.style import style_of
from nonmass.look.templates import templates_of
from nonmass.report import (
    calibration,
    cautions,
    comparisons,
    explanations,
    fields,
    possible,
    shortcuts,
    subgroups,
    wording,
)
from nonmass.report.cited import Citations, Text, joined, rows_of, source_of
from nonmass.report.records import Estimate, numbers_of

HERE = Path(__file__).parent


def render_page(page: dict[str, Any]) -> str:
    """Fill the template; every function it needs is handed in here."""
    citations = Citations()
    environment = templates_of(HERE, autoescape=True).overlay(finalize=citations.link)
    numbers = (
        wording.estimate,
        wording.percent,
        wording.p_value,
        wording.p_cell,
        wording.number,
        wording.count,
        wording.counted,
        wording.whole,
        wording.in_millions,
        wording.in_percent,
        wording.amount,
    )
    words = (
        wording.class_name,
        wording.part_name,
        wording.task_name,
        wording.sentence,
        wording.group_name,
    )
    filters: tuple[Callable[..., Any], ...] = (*numbers, *words, numbers_of, data_uri, flat, plain)
    environment.filters |= {function.__name__: function for function in filters} | {"stacked": citations.stacked}
    environment.globals |= {
        "calibration": calibration,
        "cautions": cautions,
        "comparisons": comparisons,
        "fields": fields,
        "citations": citations,
        "joined": joined,
        "rows_of": rows_of,
        "possible": possible,
        "explanations": explanations,
        "shortcuts": shortcuts,
        "subgroups": subgroups,
        "UNDEFINED": Estimate(),
        "RULE_WORDS": wording.RULE_WORDS,
        "OUTCOME_WORDS": wording.OUTCOME_WORDS,
        "PARTS_SHOWN": wording.PARTS_SHOWN,
        "PARTS_JUDGED": wording.PARTS_JUDGED,
        "script": Markup((HERE / "page.js").read_text(encoding="utf-8")),
        "style": Markup(style_of(HERE / "style.css")),
    }
    return environment.get_template("template.html.j2").render(page)


def plain(text: str) -> str:
    """Without its place, for attributes, which hold no link."""
    return str(text) if type(text) is str else "".join(text)


def data_uri(png: bytes) -> str:
    """A PNG as an address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as (dotted key, text) in the order of the file."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flat(value, f"{name}.")
        else:
            source = source_of(value)
            yield name, Text(as_text(value), source) if source else as_text(value)


def as_text(value: Any) -> str:
    """A parameter as YAML would hold it on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
