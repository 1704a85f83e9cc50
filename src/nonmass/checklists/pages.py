"""Filled checklists and methods as Markdown, CSV and one page, all of the same sentences."""

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from nonmass.checklists.filling import Answer, by_file, counts
from nonmass.checklists.items import HERE, Checklist
from nonmass.checklists.sentences import ROW_COLUMNS, Told
from nonmass.files import write_text
from nonmass.look.style import style_of
from nonmass.look.templates import templates_of

RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis."
COLUMNS = ("item", "section", "asks", "status", "answer", "left to the author", "sources", "page in the paper")


@dataclass(frozen=True)
class Documents:
    """All that is written.

    Attributes:
        methods: (heading, sentences) of each paragraph.
        checklists: File name without suffix -> the checklist and its answers.
    """

    methods: list[tuple[str, list[Told]]]
    checklists: dict[str, tuple[Checklist, list[Answer]]]


def write_documents(documents: Documents, out_dir: Path) -> None:
    """Write index.html, methods.md and a .md and a .csv of each checklist."""
    for name, (_, answers) in documents.checklists.items():
        write_text(out_dir / f"{name}.csv", csv_of(answers))
    environment = templates_of(HERE, autoescape=False)
    environment.globals |= {
        "RESEARCH_USE": RESEARCH_USE,
        "counts": counts,
        "by_file": by_file,
        "ROW_COLUMNS": ROW_COLUMNS,
    }
    environment.filters |= {"plain": plain, "link": lambda path: Path(os.path.relpath(path, out_dir)).as_posix()}
    for name, (checklist, answers) in documents.checklists.items():
        text = environment.get_template("checklist.md.j2").render(checklist=checklist, answers=answers)
        write_text(out_dir / f"{name}.md", text)
    write_text(out_dir / "methods.md", environment.get_template("methods.md.j2").render(paragraphs=documents.methods))
    page = environment.overlay(autoescape=True).get_template("page.html.j2")
    write_text(out_dir / "index.html", page.render(documents=documents, style=style_of(HERE / "page.css")))


def csv_of(answers: list[Answer]) -> str:
    """One row an item, with an empty column for the page of the author's paper."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        sources = "; ".join(f"{path}: {', '.join(keys)}" for path, keys in answer.sources.items())
        item = answer.item
        writer.writerow(
            [item.item, item.section, item.asks, answer.status, answer.text, answer.left_to_author, sources, ""]
        )
    return text.getvalue()


def plain(text: str) -> str:
    """A text of parameters that Markdown shall not read as its own signs."""
    return "".join(f"\\{sign}" if sign in "\\`*[]<>#|" else sign for sign in text)
