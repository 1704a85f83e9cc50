"""Both sides of a comparison as folders: a committed revision unpacked from Git, or the working tree as it is."""

import io
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
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
            return self.yaml(str(PARAMS_FILE))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def yaml(self, name: str) -> dict[str, Any]:
        """A YAML file of its folder.

        Raises:
            InputError: There is none, or it is no mapping in YAML.
        """
        try:
            return load(self.folder / name)
        except InputError as error:
            raise InputError(self.told(error)) from None
        except RecursionError:
            raise InputError(f"{name}: not readable as YAML: nested too deeply") from None

    def metrics(self, name: str) -> dict[str, Any]:
        """A file of its metrics; one that cannot be read counts as empty."""
        try:
            content = json.loads((self.folder / "metrics" / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def kept_by_git(self, folder: str) -> list[str]:
        """Paths within a folder of the files that Git holds; of the working tree, also of those that it would take."""
        if self.name != WORKING_TREE:
            found = (path for path in (self.folder / folder).rglob("*") if path.is_file())
        else:
            listed = _git(self.folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder)
            found = (
                self.folder / name for name in os.fsdecode(listed).split("\0")[:-1] if (self.folder / name).is_file()
            )
        return sorted({path.relative_to(self.folder / folder).as_posix() for path in found})

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
    is_shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    if not revision.strip():
        raise InputError("--base and --head take the name of a commit, such as main; this one is empty")
    words = ("-c", "core.warnAmbiguousRefs=true", "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    done = _run(root, words)
    if b"is ambiguous" in done.stderr:
        raise InputError(f"{revision}: is ambiguous, a branch and a tag; write refs/heads/NAME or refs/tags/NAME")
    if done.returncode:
        remedy = "fetch it first (git fetch --unshallow)" if is_shallow else "`git log --oneline --all` lists them"
        raise InputError(f"{revision}: Git knows no such revision here; {remedy}")
    return done.stdout.decode().strip()


def _unpack(commit: str, root: Path, folder: Path) -> None:
    """All committed files of the project's folder, byte for byte, whatever attributes and settings say; no links."""
    listed = [entry.split("\t", 1) for entry in os.fsdecode(_git(root, "ls-tree", "-r", "-z", commit)).split("\0")[:-1]]
    blobs = {path: words.split()[2] for words, path in listed if words.startswith("100")}  # regular files
    found = io.BytesIO(_git(root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs.values())))
    for path in blobs:
        _, kind, *size = found.readline().split()
        if kind != b"blob":
            raise InputError(f"{commit[:8]}: Git lacks {path}; fetch the whole commit first")
        content = found.read(int(size[0]) + 1)[:-1]
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise InputError(f"{commit[:8]}: {path} leads out of the project's folder")
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        except OSError as error:
            raise InputError(f"{commit[:8]}: {path} cannot be unpacked: {error.strerror}") from None


def _git(root: Path, *words: str, given: str = "") -> bytes:
    done = _run(root, words, given)
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise InputError(f"git {words[0]}: {message or 'failed'}")
    return done.stdout


def _run(root: Path, words: Sequence[str], given: str = "") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C"}  # whose words we read
    try:
        return subprocess.run(
            ["git", "-C", str(root), *words], input=given.encode(), capture_output=True, env=environment
        )
    except OSError:
        raise InputError("git: not found; the gate reads both revisions from Git") from None
