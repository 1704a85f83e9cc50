"""The page as one document, and the policy that lets a browser run nothing but what it holds."""

import base64
import hashlib
import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nonmass.look.style import style_of
from nonmass.serving.upload import MAX_BYTES, limits

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """What a browser gets.

    Attributes:
        content: HTML, UTF-8, with style and script in it.
        policy: Its Content-Security-Policy: this style, this script, pictures that are in the page, answers from here.
    """

    content: bytes
    policy: str


def make_page(about: Iterable[str], learnt_from: str) -> Page:
    """The page.

    Args:
        about: What answers, and what to know before reading answers; lines.
        learnt_from: What kind of images the networks learnt from, a phrase.
    """
    page, script = ((FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("html", "js"))
    style = style_of(FOLDER / "page.css")
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in about)
    given = f'<span data-bytes="{MAX_BYTES}">{html.escape(limits())}</span>'
    for place, text in (
        *(("<!--limits-->", given), ("<!--about-->", lines)),
        ("<!--learnt-->", f"Learnt from {html.escape(learnt_from, quote=False)}."),
        *(("/*style*/", style), ("/*script*/", script)),
    ):
        page = page.replace(place, text)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(page.encode(), policy)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
