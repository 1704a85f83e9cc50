"""The hashes by which DVC knows files and folders."""

import hashlib
import json
from pathlib import Path


def md5_of(file: Path) -> str:
    """The hash of a file, read piece by piece."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_hash(files: dict[str, str]) -> str:
    """The hash of a folder.

    Args:
        files: Path within the folder -> MD5.
    """
    listing = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
