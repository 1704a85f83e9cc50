"""params: strict sections, and one line that names the key."""

import math
import re
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field, RootModel

from nonmass.errors import InputError
from nonmass.params import Section, load, read_section, validate


class Inner(Section):
    finding: str


class Recipe(Section):
    epochs: int = Field(ge=1)
    lr: float = Field(gt=0)
    ratio: tuple[int, int, int] = (8, 1, 1)
    develop: Inner | None = None
    filters: dict[str, Inner] = Field(default={})
    steps: tuple[Inner, ...] = ()


class Comb(Section):
    kind: Literal["comb"]
    teeth: int
    colour: str | tuple[str, ...] = ""


class Brush(Section):
    kind: Literal["brush"]


class Tool(RootModel[Annotated[Comb | Brush, Field(discriminator="kind")]]):
    pass


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"

    def write(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write


def line_of(error: pytest.ExceptionInfo[InputError]) -> str:
    text = str(error.value)
    assert text.splitlines() == [text], "not a single line"
    return text


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1e-05", 1e-5), ("0.001", 0.001), ("1.E-3", 0.001), ("+1e-3", 0.001), ("1", 1.0), (".5", 0.5)],
)
def test_every_spelling_of_a_number_is_that_number(params, text, value):
    path = params(f"train: {{epochs: 2, lr: {text}}}\n")
    lr = read_section("train", Recipe, path).lr
    assert lr == value
    assert type(lr) is float


def test_the_spellings_are_those_that_pyyaml_reads_as_text():
    assert yaml.safe_load("1e-3") == "1e-3"
    assert yaml.safe_load("1e-05") == "1e-05"


def test_a_section_is_frozen(params):
    recipe = read_section("train", Recipe, params("train: {epochs: 2, lr: 0.1, ratio: [7, 1, 2]}"))
    assert recipe.ratio == (7, 1, 2)
    with pytest.raises(ValueError, match="frozen"):
        recipe.epochs = 3


@pytest.mark.parametrize(
    ("section", "parts"),
    [
        ("epochs: 2, lr: 0.1, epoch: 3", ["train.epoch:", "unknown key", "epochs", "lr", "ratio"]),
        ("epochs: 2", ["train.lr:", "required"]),
        ("epochs: 0, lr: 0.1", ["train.epochs:", "greater than or equal to 1", "0"]),
        ("epochs: two, lr: 0.1", ["train.epochs:", "integer", "'two'"]),
        ("epochs: 2.5, lr: 0.1", ["train.epochs:", "integer", "2.5"]),
        ("epochs: true, lr: 0.1", ["train.epochs:", "integer", "True"]),
        ("epochs: '2', lr: 0.1", ["train.epochs:", "integer", "'2'"]),
        ("epochs: 2, lr: '1e-3'", ["train.lr:", "number", "'1e-3'"]),
        ("epochs: 2, lr: -1", ["train.lr:", "greater than 0", "-1"]),
        ("epochs: 2, lr: .nan", ["train.lr:", "finite"]),
        ("epochs: 2, lr: .inf", ["train.lr:", "finite"]),
        ("epochs: 2, lr: null", ["train.lr:", "number", "None"]),
        ("epochs: 2, lr: 2020-01-01", ["train.lr:", "date", "quotes"]),
        ("epochs: 2, lr: 0.1, ratio: [8, 1]", ["train.ratio: number 3 of the list is missing (got [8, 1])"]),
        ("epochs: 2, lr: 0.1, ratio: [8, 1, 1, 1]", ["train.ratio: tuple should have at most 3 items", "not 4"]),
        ("epochs: 2, lr: 0.1, ratio: 8", ["train.ratio:", "array", "8"]),
        (
            "epochs: 2, lr: 0.1, develop: {findings: mass, finding: mass}",
            ["train.develop.findings:", "allowed: finding"],
        ),
        ("epochs: 2, lr: 0.1, filters: {a: {b: c, finding: d}}", ["train.filters.a.b:", "allowed: finding"]),
        ("epochs: 2, lr: 0.1, steps: [{finding: d}, {finding: 1}]", ["train.steps.1.finding:", "string", "1"]),
        ("epochs: 2, lr: 0.1, steps: [{finding: d, e: 1}]", ["train.steps.0.e:", "unknown key", "allowed: finding"]),
        ("epochs: 2, lr: 0.1, steps: [2020-01-01]", ["train.steps.0:", "date"]),
        ("epochs: 0, lr: 0", ["train.epochs:", "train.lr:"]),
    ],
)
def test_a_wrong_value_is_one_line_with_key_and_remedy(params, section, parts):
    path = params(f"train: {{{section}}}\n")
    with pytest.raises(InputError) as error:
        read_section("train", Recipe, path)
    line = line_of(error)
    assert str(path) in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("text", "name", "parts"),
    [
        ("train: {epochs: 1}", "trains", ["'trains'", "there is: train"]),
        ("networks: {a: {x: 1}, b: {x: 1}}", "networks.c", ["'networks.c'", "there is: a, b"]),
        ("networks: {1: x, b: y}", "networks.c", ["'networks.c'", "there is: 1, b"]),
        ("train: 3", "train.epochs", ["'train.epochs'", "nothing"]),
        ("train:", "train", ["params.yaml: train:", "None"]),
        ("train: 3", "train", ["params.yaml: train:", "object", "3"]),
        ("", "train", ["mapping", "NoneType"]),
        ("- 1\n- 2", "train", ["mapping", "list"]),
        ("a: 1\na: 2", "a", ["not readable as YAML", "line 2", "duplicate key", '"a"']),
        ("a: [1, 2", "a", ["not readable as YAML", "']'"]),
        ("a: 1\nb: *c", "a", ["not readable as YAML", "line 2", "'c'"]),
        ("a: !!python/name:os.system", "a", ["not readable as YAML", "python"]),
        ("a: \x00", "a", ["not readable as YAML", "character"]),
    ],
)
def test_a_wrong_file_is_one_line(params, text, name, parts):
    path = params(text)
    with pytest.raises(InputError) as error:
        read_section(name, Recipe, path)
    line = line_of(error)
    for part in [str(path), *parts]:
        assert part in line


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(InputError, match=r"params\.yaml: not found; run in the folder that holds dvc\.yaml"):
        load(tmp_path / "params.yaml")


def test_a_folder_or_binary_file_in_its_place_is_one_line(tmp_path):
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert str(tmp_path) in line_of(error)
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError) as error:
        load(tmp_path / "params.yaml")
    assert "not readable" in line_of(error)


def test_types_that_are_no_section(params):
    path = params("backbones: [a, b]\nnetworks: {x: {finding: y}}\n")
    assert read_section("backbones", tuple[str, ...], path) == ("a", "b")
    assert read_section("networks", dict[str, Inner], path) == {"x": Inner(finding="y")}
    assert read_section("networks.x", Inner, path) == Inner(finding="y")
    with pytest.raises(InputError, match=r"networks\.x: input should be a valid string"):
        read_section("networks", dict[str, str], path)


@pytest.mark.parametrize("name", ["mine", "comb"])
@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({"kind": "comb", "teeth": "9"}, r"{}\.teeth: input should be a valid integer \(got '9'\)"),
        ({"kind": "comb"}, r"{}\.teeth: required key is missing"),
        ({"kind": "comb", "teeth": 1, "comb": 2}, r"{}\.comb: unknown key; allowed: colour, kind, teeth"),
        ({"kind": "comb", "teeth": 1, "colour": ["a", 3]}, r"{}\.colour.*{}\.colour\.1: .*string \(got 3\)"),
        ({"kind": "saw"}, r"{}: .*'saw'.*'comb', 'brush'"),
        ({"kind": "comb", "teeth": 1, 1: 2}, r"{}\.1: unknown key"),
    ],
)
def test_a_key_is_named_as_it_stands_in_the_file(name, tool, message):
    for value, kind, where in (({name: tool}, dict[str, Tool], "tools"), (tool, Tool, f"tools.{name}")):
        with pytest.raises(InputError) as error:
            validate(value, kind, where)
        assert re.match(message.replace("{}", rf"tools\.{name}"), line_of(error)), str(error.value)


def test_validate_opens_with_where():
    with pytest.raises(InputError, match=r"^profiles/a\.yaml: train\.epochs: "):
        validate({"epochs": "x", "lr": 1}, Recipe, "profiles/a.yaml: train")
    assert math.isclose(validate({"epochs": 1, "lr": 1}, Recipe, "here").lr, 1.0)


def test_the_projects_own_parameters_pass(project):
    from nonmass.determinism import RuntimeParams
    from nonmass.network import NetworkParams
    from nonmass.recipe import LrDecayParams, TrainParams

    path = project / "params.yaml"
    read_section("train", TrainParams, path)
    read_section("runtime", RuntimeParams, path)
    decays = read_section("lr_decay", dict[str, LrDecayParams], path)
    networks = read_section("networks", dict[str, NetworkParams], path)
    assert set(decays) == set(read_section("tasks", dict[str, dict], path))
    assert set(read_section("backbones", tuple[str, ...], path)) <= set(networks)
