"""Places for results that a person names: tried before any work is done, so that nothing is computed for nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nonmass.errors import InputError
from nonmass.files import write_text


def check_file(path: Path, option: str, *, makes_folder: bool = False) -> None:
    """Say that a file cannot be written, or would replace what is no file of its own.

    Args:
        path: The file; may be there.
        option: What messages call the place: `--csv`.
        makes_folder: Whether its folder is made where there is none.

    Raises:
        InputError: There is a folder, a link or a device of that name, or its folder is missing or takes no file.
    """
    with _in_one_line(path, option):
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give {option} the name of a file")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise InputError(f"{path}: is no regular file; give {option} another name")
        if not makes_folder and not path.parent.is_dir():
            raise InputError(f"{path.parent}: no such folder; make it, or give {option} another place")
        _try_to_write(path.parent, option)


def check_folder(folder: Path, option: str) -> None:
    """Say that a folder, which need not be there yet, cannot be written to.

    Args:
        folder: The folder.
        option: What messages call the place: `--out`.

    Raises:
        InputError: It is a file; or it, or what is there of the way to it, takes no file.
    """
    with _in_one_line(folder, option):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; give {option} the name of a folder")
        _try_to_write(folder, option)


def write(path: Path, text: str, option: str) -> None:
    """Write a text, whole or not at all.

    Raises:
        InputError: The disk is full, or something has come in the way.
    """
    with _in_one_line(path, option):
        write_text(path, text)


def _try_to_write(folder: Path, option: str) -> None:
    """By writing into what is there of a folder, as permissions alone do not tell on every file system."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError:
        raise InputError(f"{there}: cannot be written to; give {option} another place") from None


@contextmanager
def _in_one_line(path: Path, option: str) -> Iterator[None]:
    """What the system says of a name that is too long, a folder that nobody may look into, a full disk."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give {option} another place") from None
