"""A checklist filled item by item with what can be told, and the methods in words."""

from collections.abc import Mapping
from dataclasses import dataclass

from nonmass.checklists.facts import Facts
from nonmass.checklists.items import Checklist, Item, Methods
from nonmass.checklists.sentences import Plan, Source, Told, tell

AUTHOR = "the author must write this"
NO_RESULT = "what no result tells yet"
FILLED, PARTLY, LEFT = "filled", "partly filled", "left to the author"


@dataclass(frozen=True)
class Answer:
    """An item with what is known of it.

    Attributes:
        item: What was asked.
        told: Sentences, in the order of the item's groups; none if nothing can be told.
        is_whole: No group that it needs is silent.
    """

    item: Item
    told: tuple[Told, ...]
    is_whole: bool

    @property
    def status(self) -> str:
        """`filled`, `partly filled` where the author has to add something, or `left to the author`."""
        if not self.told:
            return LEFT
        return PARTLY if self.left_to_author else FILLED

    @property
    def left_to_author(self) -> str:
        """What the author has to write; "" for nothing."""
        if self.told:
            return "; ".join(filter(None, (self.item.author, "" if self.is_whole else NO_RESULT)))
        return f"{AUTHOR}: {self.item.author}" if self.item.author else AUTHOR

    @property
    def text(self) -> str:
        """All sentences, one after the other."""
        return " ".join(told.text for told in self.told)

    @property
    def prose(self) -> list[Told]:
        """Sentences that are no rows."""
        return [told for told in self.told if not told.cells]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Those that are, in the same order; under `sentences.ROW_COLUMNS`."""
        return [told.cells for told in self.told if told.cells]

    @property
    def sources(self) -> dict[str, list[str]]:
        """Path of a file -> the keys that were told of it, in the order in which they were met."""
        return by_file(self.told)


def fill(checklist: Checklist, groups: Mapping[str, tuple[Plan, ...]], facts: Facts) -> list[Answer]:
    """Every item of a checklist, answered as far as the facts go."""
    told = {name: tell(group, facts) for name, group in groups.items()}
    return [
        Answer(item, tuple(one for name in item.groups for one in told[name]), all(told[name] for name in item.needed))
        for item in checklist.items
    ]


def write_methods(methods: Methods, facts: Facts) -> list[tuple[str, list[Told]]]:
    """(heading, sentences) of each paragraph."""
    return [
        (paragraph.heading, [told for group in paragraph.groups.values() for told in tell(group, facts)])
        for paragraph in methods.paragraphs
    ]


def counts(answers: list[Answer]) -> dict[str, int]:
    """How many items have each status."""
    return {status: sum(answer.status == status for answer in answers) for status in (FILLED, PARTLY, LEFT)}


def by_file(told: tuple[Told, ...]) -> dict[str, list[str]]:
    """Path of a file -> keys, each once."""
    found: dict[Source, None] = dict.fromkeys(source for one in told for source in one.sources)
    return {path: [one.key for one in found if one.path == path] for path in dict.fromkeys(one.path for one in found)}
