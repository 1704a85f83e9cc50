"""Profiles: named sets of values for params.yaml, applied without touching its comments."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from nonmass.errors import InputError


def apply_profile(params: CommentedMap, profile: Mapping[str, Any], name: str) -> dict[str, tuple[Any, Any]]:
    """Set the values of a profile in params, in place, and say what changed.

    A profile is flat: a dotted key, as in `dvc exp run -S`, and the value that replaces whatever
    stands there. All profiles name the same keys, so the last one applied is the one in force.

    Args:
        params: The content of params.yaml, comments included.
        profile: Dotted key -> new value.
        name: Of the profile, for messages.

    Returns:
        Dotted key -> (value before, value now), for the values that differ.

    Raises:
        InputError: A key is not in params.
    """
    changes = {}
    for key, value in profile.items():
        *sections, last = key.split(".")
        at: Any = params
        for section in sections:
            at = at.get(section) if isinstance(at, Mapping) else None
        if not isinstance(at, Mapping) or last not in at:
            raise InputError(f"profile {name}: params.yaml has no key {key}")
        if at[last] != value:
            changes[key] = (deepcopy(at[last]), value)
            at[last] = _like(at[last], value)  # type: ignore[index]
    return changes


def _like(before: Any, value: Any) -> Any:
    """The value in the style of what it replaces, with the comments that hang on that: ruamel keeps both inside it."""
    if isinstance(before, CommentedMap) and isinstance(value, Mapping):
        before.clear()
        before.update(value)
        return before
    if isinstance(before, CommentedSeq) and isinstance(value, list):
        before[:] = value
        return before
    return value
