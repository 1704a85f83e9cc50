"""The style of a page: colours, light and dark, and type that all pages share, and what is its own."""

from pathlib import Path

BASE = Path(__file__).parent / "base.css"


def style_of(own: Path) -> str:
    """CSS of a page, the shared part first.

    Args:
        own: The page's own style, UTF-8; may change what is shared.
    """
    return BASE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
