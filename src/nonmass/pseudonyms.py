"""Names that give nobody away: keyed hashes in the place of patient ids and file names.

HMAC-SHA256 (RFC 2104) with a secret from outside the repository. Without the secret a hash of an id
could be undone by hashing all ids there can be.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path

from nonmass.errors import InputError
from nonmass.images import SUFFIXES

SALT_VARIABLE = "NONMASS_SALT"
MIN_SALT = 16  # characters; what is shorter can be guessed
MARK = "~"  # opens the name of a file whose own name is kept back
HIDDEN = re.compile(MARK + r"[0-9a-f]{16}(\.\w+)?")


def read_salt(cohort: str) -> bytes:
    """The secret, from the environment.

    Raises:
        InputError: It is not set, or too short to be one.
    """
    salt = os.environ.get(SALT_VARIABLE, "")
    if len(salt) < MIN_SALT:
        fault = "is not set" if not salt else f"has fewer than {MIN_SALT} characters"
        raise InputError(
            f"cohort {cohort}: patient_ids is 'hash', but the environment variable {SALT_VARIABLE} {fault}; "
            "set it to a secret of your own, the same for every run"
        )
    return salt.encode()


def pseudonym(text: str, salt: bytes, digits: int = 12) -> str:
    """The first hex digits of a text's HMAC-SHA256."""
    return hmac.new(salt, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:digits]


def hidden_file(file: str, salt: bytes) -> str:
    """What tables and messages call a file: "~", 16 hex digits, and the suffix of its kind.

    Args:
        file: Relative to the cohort's folder, with forward slashes.
        salt: The secret.
    """
    suffix = Path(file).suffix.lower()
    return MARK + pseudonym(file, salt, 16) + (suffix if suffix in SUFFIXES else "")


def locate(raw_dir: Path, paths: Iterable[str]) -> dict[str, Path]:
    """Where the files of a manifest lie: path in the manifest -> path on disk.

    Args:
        raw_dir: Holds one folder a cohort.
        paths: As in `tables.MANIFEST`; those that `hidden_file` made are looked up under the secret.

    Raises:
        InputError: A path leads out of `raw_dir`, or no file of the cohort has this pseudonym.
    """
    found: dict[str, Path] = {}
    hidden: dict[str, set[str]] = {}
    for path in paths:
        cohort, _, file = path.partition("/")
        parts = Path(path).parts
        if Path(path).is_absolute() or ".." in parts or not parts:
            raise InputError(f"manifest: path {path!r} leads out of {raw_dir}; make it relative")
        if HIDDEN.fullmatch(file):
            hidden.setdefault(cohort, set()).add(path)
        else:
            found[path] = raw_dir / path
    for cohort, wanted in sorted(hidden.items()):
        salt, folder = read_salt(cohort), raw_dir / cohort
        for place in folder.rglob("*"):
            path = f"{cohort}/{hidden_file(place.relative_to(folder).as_posix(), salt)}"
            if path in wanted:
                found[path] = place
        if lost := wanted - set(found):
            raise InputError(
                f"{folder}: {len(lost)} file(s) of the manifest are not there under this {SALT_VARIABLE}; "
                "use the secret of the last `dvc repro ingest`, or put the files back"
            )
    return found
