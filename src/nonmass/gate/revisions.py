"""Both sides of a comparison as folders: a committed revision unpacked from Git, or the working tree as it is."""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nonmass.errors import InputError
from nonmass.params import PARAMS_FILE, load

WORKING_TREE = "working tree"


@dataclass(frozen=True)
class Revision:
    """One side.

    Attributes:
        name: What a reader knows it by: "main (1a2b3c4d)" or "working tree".
        folder: Holds its files, as the project's folder does.
    """

    name: str
    folder: Path

    @cached_property
    def params(self) -> dict[str, Any]:
        """All of its params.yaml.

        Raises:
            InputError: There is none, or it is no YAML.
        """
        try:
            return load(self.folder / PARAMS_FILE)
        except InputError as error:
            raise InputError(f"{self.name}: {self.told(error)}") from None

    def told(self, error: InputError) -> str:
        """A message without the folder, which may be a temporary one."""
        return str(error).replace(f"{self.folder}/", "")


@contextmanager
def open_revision(revision: str | None, root: Path) -> Iterator[Revision]:
    """One side for as long as the block lasts.

    Args:
        revision: What Git knows it by; None is the working tree.
        root: The project's folder.

    Raises:
        InputError: Git is missing, the folder is in no repository, or Git knows no such revision.
    """
    if revision is None:
        yield Revision(WORKING_TREE, root)
        return
    commit = resolve(revision, root)
    with TemporaryDirectory(prefix="nonmass-gate-") as folder:
        _unpack(commit, root, Path(folder))
        yield Revision(revision if commit.startswith(revision) else f"{revision} ({commit[:8]})", Path(folder))


def resolve(revision: str, root: Path) -> str:
    """The commit behind a name. Nothing that begins with a dash is taken for an option."""
    _git(root, "rev-parse", "--git-dir")
    name = f"{revision}^{{commit}}"
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    except InputError:
        raise InputError(
            f"{revision}: Git knows no such revision here; a shallow clone has to fetch it first (git fetch origin)"
        ) from None
    return found.decode().strip()


def _unpack(commit: str, root: Path, folder: Path) -> None:
    """All committed files of the project's folder. The filter keeps every path inside `folder`."""
    archive = _git(root, "archive", "--format=tar", commit)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{commit[:8]}: Git's files cannot be unpacked: {error}") from None


def _git(root: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True)
    except OSError:
        raise InputError("git: not found; the gate reads both revisions from Git") from None
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise InputError(f"git {words[0]}: {message or 'failed'}")
    return done.stdout
