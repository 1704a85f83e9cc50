"""How templates are read: a name that nobody gave is an error, and control lines leave no empty ones."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates_of(folder: Path, *, autoescape: bool) -> Environment:
    """The templates of a folder.

    Args:
        folder: Holds them.
        autoescape: Whether HTML is made, where values must not become tags.
    """
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
