"""The tables beside this module: checklists item by item, and the sentences that fill them; read and checked."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from ruamel.yaml import YAML

from nonmass.checklists.sentences import Plan, Sentence
from nonmass.params import Section, validate

HERE = Path(__file__).parent
CHECKLISTS = ("claim_2024", "tripod_ai", "model_card")

Group = Annotated[tuple[Sentence, ...], Field(min_length=1)]


class Item(Section):
    """A row of a checklist.

    Attributes:
        item: Its official number.
        section: Of the paper, as the checklist has it.
        asks: What it asks for, in our words.
        tells: Names of groups of sentences that answer it. With a question mark: which may be silent though the run
            lacks nothing.
        author: What the author must write beside them, or instead where none of them can be told; "" is nothing.
    """

    item: str
    section: str
    asks: str
    tells: tuple[str, ...] = ()
    author: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """The names in `tells`."""
        return tuple(name.removesuffix("?") for name in self.tells)

    @property
    def needed(self) -> tuple[str, ...]:
        """Those without which the answer is not whole."""
        return tuple(name for name in self.tells if not name.endswith("?"))


class Checklist(Section):
    """A published checklist.

    Attributes:
        title: Its name.
        version: Which edition, and how many items it has.
        n_items: Items by its own count; an item may have several rows.
        citation: Where it was published.
        doi: Of that.
        checked: What its numbers and contents were held against.
        items: All rows, in its order.
    """

    title: str
    version: str
    n_items: int
    citation: str
    doi: str
    checked: str
    items: tuple[Item, ...]


class Paragraph(Section):
    """A paragraph of the methods: groups of sentences, each under its name, one after the other."""

    heading: str
    groups: dict[str, Group]


class Methods(Section):
    """The methods.

    Attributes:
        paragraphs: In their order.
        not_told: Parameter, or section of them -> why the methods leave it out.
    """

    paragraphs: tuple[Paragraph, ...]
    not_told: dict[str, str]


class Results(Section):
    """Groups of sentences on results."""

    groups: dict[str, Group]


def read_checklist(name: str) -> Checklist:
    """One of `CHECKLISTS`."""
    return validate(_load(name), Checklist, name)


def read_methods() -> Methods:
    """The sentences of the methods."""
    return validate(_load("methods"), Methods, "methods")


def read_groups() -> dict[str, tuple[Plan, ...]]:
    """Name of a group -> its sentences, of the methods and of the results."""
    results = validate(_load("results"), Results, "results").groups
    return {
        name: group
        for part in (*(p.groups for p in read_methods().paragraphs), results)
        for name, group in part.items()
    }


def _load(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
