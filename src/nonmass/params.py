"""Reads one section of params.yaml into a strict, frozen object; knows no section by name."""

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, RootModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from nonmass.errors import InputError

PARAMS_FILE = Path("params.yaml")

T = TypeVar("T")


class Section(BaseModel):
    """Base of every settings class: unknown keys and silent conversions are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def load(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """The whole file as plain Python values.

    YAML 1.2 rules (ruamel.yaml), as DVC itself applies them: `1e-3`, `1e-03` and `0.001` are the
    same number, which PyYAML would read as text, text and a number.

    Raises:
        InputError: The file is missing, is not YAML, or is not a mapping.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run in the folder that holds dvc.yaml") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{path}: not readable as YAML: {line}{error.problem}") from None
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of sections, found {type(content).__name__}")
    return content


def read_section(name: str, kind: type[T], path: Path = PARAMS_FILE) -> T:
    """One section of params.yaml, checked.

    Args:
        name: Key of the section; dots lead to a nested one (`networks.mobilenet_448`).
        kind: What it must be: a `Section`, or any type pydantic can check (`tuple[str, ...]`).
        path: The parameter file.

    Raises:
        InputError: Section missing, unknown key, wrong type or impossible value; names the key
            and what is allowed there.
    """
    value: Any = load(path)
    for depth, key in enumerate(name.split(".")):
        if not isinstance(value, dict) or key not in value:
            where = ".".join(name.split(".")[: depth + 1])
            known = ", ".join(sorted(map(str, value))) if isinstance(value, dict) else "nothing"
            raise InputError(f"{path}: section '{where}' is missing; there is: {known}")
        value = value[key]
    return validate(value, kind, f"{path}: {name}")


def validate(value: Any, kind: type[T], where: str) -> T:
    """Check plain values against a type; `where` opens the message of the `InputError`."""
    _refuse_odd_values(value, where)
    # Through JSON, because pydantic's strict mode then takes a list for a tuple, as YAML has
    # no tuples, and still takes no text for a number.
    text = json.dumps(value)
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        faults = [_describe(detail, kind, where, json.loads(text)) for detail in error.errors()]
        raise InputError("; ".join(dict.fromkeys(faults))) from None


def _refuse_odd_values(value: Any, where: str) -> None:
    """YAML knows dates, sets and bytes too; a date is mostly a text that lacks its quotes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_odd_values(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_odd_values(inner, f"{where}.{index}")
    elif not isinstance(value, str | int | float | None):
        kind = type(value).__name__
        raise InputError(f"{where}: expected a number, text, list or mapping, found a {kind}; put text in quotes")


def _describe(error: ErrorDetails, kind: Any, where: str, content: Any) -> str:
    key = ".".join([where, *_keys(error["loc"], content)])
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {_known_keys(kind, error['loc'])}"
    if error["type"] == "missing" and isinstance(error["loc"][-1], int):
        return f"{key}: number {error['loc'][-1] + 1} of the list is missing (got {error['input']})"
    if error["type"] == "missing":
        return f"{key}.{error['loc'][-1]}: required key is missing"
    message = error["msg"].removeprefix("Value error, ")
    got = "" if isinstance(error["input"], dict) else f" (got {error['input']!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{got}"


def _keys(location: tuple[int | str, ...], content: Any) -> list[str]:
    """Those parts of a location that lead somewhere; pydantic adds tags of unions and names of types to them."""
    keys = []
    for part in location:
        is_key = isinstance(content, dict) and part in content
        if is_key or (isinstance(content, list) and isinstance(part, int) and part < len(content)):
            content = content[part]
            keys.append(str(part))
    return keys


def _known_keys(kind: Any, location: tuple[int | str, ...]) -> str:
    """The keys allowed beside an unknown one, found by walking the settings classes."""
    for part in location[:-1]:
        kind = _unwrapped(kind)
        if isinstance(kind, UnionType):
            kind = _of_tag(kind, part)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:
            members = [member for member in getattr(kind, "__args__", ()) if member is not ...]
            kind = members[-1] if members else None  # of dict[str, X], tuple[X, ...], list[X]
    kind = _unwrapped(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "allowed: " + ", ".join(sorted(kind.model_fields))
    return "not allowed here"


def _unwrapped(kind: Any) -> Any:
    """X of `X | None` and of a root model of X."""
    if isinstance(kind, type) and issubclass(kind, RootModel):
        kind = kind.model_fields["root"].annotation
    if not isinstance(kind, UnionType):
        return kind
    members = [member for member in kind.__args__ if member is not NoneType]
    return members[0] if len(members) == 1 else kind


def _of_tag(kind: UnionType, tag: int | str) -> Any:
    """The member of a tagged union whose discriminator allows `tag`; pydantic puts the tag into the location."""
    tagged = (member for member in kind.__args__ if issubclass(member, BaseModel))
    return next((m for m in tagged if any(tag in get_args(f.annotation) for f in m.model_fields.values())), None)
