"""Files that are either whole or absent, with bytes that depend on their content alone."""

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` if the block ends well.

    A run that is killed leaves the old file or none, never half of one. The suffix of `path` is
    kept, because image libraries choose their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.stem}.{writer}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line ends, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write canonical JSON: sorted keys, two spaces, floats rounded to 6 digits, no NaN.

    Raises:
        ValueError: A number is NaN or infinite; leave the key out instead.
    """
    text = json.dumps(_rounded(content), indent=2, sort_keys=True, allow_nan=False)
    write_text(path, text + "\n")


def metric_key(text: str) -> str:
    """A text as a key that DVC's metrics can hold: small letters and digits joined by "_"; may be empty."""
    return re.sub(r"[\W_]+", "_", text.casefold()).strip("_")


def _rounded(content: Any) -> Any:
    """Round floats to 6 digits; adding 0.0 turns -0.0 into 0.0, which DVC would show as a change."""
    if isinstance(content, float):
        return round(content, 6) + 0.0
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_rounded(value) for value in content]
    return content
