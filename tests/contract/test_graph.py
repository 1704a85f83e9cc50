"""dvc.yaml, crossval/dvc.yaml and leak/dvc.yaml against the code: what a stage imports and reads, DVC watches for it.

A dep that is missing here would let DVC keep a stale result; one too many would retrain for nothing.
"""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
from dvc.repo import Repo

from nonmass.bench.data import STAGES
from nonmass.params import load

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


@cache
def graph():
    """A folder with the graph, in which what params switch off, cross-validation and the leak experiment, is on."""
    folder = Path(tempfile.mkdtemp())
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    for name in ("dvc.yaml", "crossval/dvc.yaml", "leak/dvc.yaml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for off, on in (("\nfolds: []\n", "\nfolds: [1, 2, 3]\n"), ("\nleak: []\n", "\nleak: [detect, classify]\n")):
        assert off in params
        params = params.replace(off, on)
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    return folder


def test_folds_and_leaks_are_switched_off():
    """Else a bare `dvc checkout` or `dvc status` would miss what nobody has run."""
    with Repo(str(ROOT)) as repo:
        assert {stage.path_in_repo for stage in repo.index.stages} == {"dvc.yaml"}


def address_of(stage):
    """As DVC says it in the root, wherever the tests run."""
    return stage.name if stage.path_in_repo == "dvc.yaml" else f"{stage.path_in_repo}:{stage.name}"


@cache
def stages():
    """Stage address -> (command words, paths of deps, names of params), with the matrix resolved."""
    resolved = {}
    with Repo(str(graph())) as repo:
        for stage in repo.index.stages:
            deps = [dep for dep in stage.deps if not hasattr(dep, "params")]
            params = [name for dep in stage.deps if hasattr(dep, "params") for name in dep.params]
            resolved[address_of(stage)] = (stage.cmd.split(), {dep.def_path for dep in deps}, set(params))
    return resolved


def module_file(name):
    path = SRC / Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def is_code(file):
    """Whether a file holds more than a docstring; an empty `__init__.py` decides nothing."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(file.read_text(encoding="utf-8")).body)


@cache
def direct_imports(file):
    """Files of the package that a file imports, also inside functions, packages on the way included."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".") for name in names if name.split(".")[0] == "nonmass"]
    prefixes = {".".join(part[:n]) for part in parts for n in range(1, len(part) + 1)}
    return {found for found in map(module_file, prefixes) if found and is_code(found)}


BESIDE = {".R", ".j2", ".css", ".js", ".yaml"}


@cache
def closure(script):
    """A script, every module it leads to, and the R, template, style and YAML files beside those."""
    seen, todo = set(), [script]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += direct_imports(file)
    folders = {file.parent for file in seen} - {SRC / "nonmass", ROOT / "stages"}
    beside = {file for folder in folders for file in folder.iterdir() if file.suffix in BESIDE}
    return {str(file.relative_to(ROOT)) for file in seen | beside}


def sections_read(script, words):
    """What `read_section` is asked for in a script, with the command line's words in place of its variables."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    given = dict(zip([argument.arg for argument in main.args.args], words, strict=False))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read_section":
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield name.value
            else:
                pieces = [given[p.value.id] if isinstance(p, ast.FormattedValue) else p.value for p in name.values]
                yield "".join(pieces)


@pytest.mark.parametrize("address", sorted(stages()))
def test_deps_are_the_files_that_the_script_imports(address):
    words, deps, _ = stages()[address]
    code = {dep for dep in deps if dep.startswith(("src/", "stages/"))}
    if "src/nonmass" in code:  # the whole package, for the stage that checks all settings classes
        assert code == {"src/nonmass", words[1]}
        return
    needed = closure(ROOT / words[1])
    missing, extra = sorted(needed - code), sorted(code - needed)
    assert not missing and not extra, f"{address}: dvc.yaml lacks {missing}, names without need {extra}"


def watched(section):
    """What DVC watches of a section: all of it, but of `train` its keys without the axis, or a new seed would
    train the others again."""
    if section != "train":
        return {section}
    return {f"train.{key}" for key in load(ROOT / "params.yaml")["train"] if key != "seeds"}


@pytest.mark.parametrize("address", sorted(stages()))
def test_params_are_the_sections_that_the_script_reads(address):
    words, deps, params = stages()[address]
    read = {name for section in sections_read(ROOT / words[1], words[2:]) for name in watched(section)}
    whole_file = "load" in re.findall(r"\bload\b", (ROOT / words[1]).read_text(encoding="utf-8"))
    assert read - WHERE_ALONE == params
    assert whole_file == ("params.yaml" in deps)


@pytest.mark.parametrize("address", sorted(stages()))
def test_paths_of_the_graph_stand_in_the_command(address):
    """Every dep that is data is an argument, or lies in one: no script knows a path of its own."""
    words, deps, _ = stages()[address]
    for dep in deps:
        if not dep.startswith(("src/", "stages/")) and dep not in {"params.yaml", "data/checked.txt"}:
            assert any(dep == word or Path(word) in Path(dep).parents for word in words[2:]), dep


@cache
def edges():
    """Pairs (stage, stage that it needs)."""
    with Repo(str(graph())) as repo:
        return {(address_of(one), address_of(other)) for one, other in repo.index.graph.edges}


@pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie, which DVC uses
@pytest.mark.parametrize("aside", ["crossval/dvc.yaml:", "leak/dvc.yaml:"])
def test_the_graph_proper_needs_nothing_of_those_aside(aside):
    """Or a plain `dvc repro` would train all folds; a folder as a dep, such as `models`, is enough for that."""
    crossed = {(one, other) for one, other in edges() if aside in other and aside not in one}
    assert not crossed
    assert any(aside in one and other == "crop" for one, other in edges())


def test_every_stage_runs_in_the_root():
    with Repo(str(graph())) as repo:
        assert {Path(stage.wdir) for stage in repo.index.stages} == {graph()}


# Says where work runs, never what it gives; as a param it would crop everything again on another cluster.
WHERE_ALONE = {"parallel"}
NETWORK_STAGES = {
    "check",
    "train_detect",
    "train_classify",
    "predict_detect",
    "predict_classify",
    "explain",
    "networks",
}
NETWORK_STAGES |= {f"{aside}/dvc.yaml:{name}" for aside in ("crossval", "leak") for name in ("train", "predict")}


SCRIPTS = sorted({words[1] for words, _, _ in stages().values()})

# Each script in a child of one process that holds what all may import; a child ends where it asks for torch, whose
# own import takes seconds.
IMPORTS_TORCH = """
import os, runpy, sys
import numpy, pandas, pydantic

def torch_ends_it(event, arguments):
    if event == "import" and arguments[0].partition(".")[0] == "torch":
        say(True)

def say(found):
    print(found, flush=True)
    os._exit(0)

assert "torch" not in sys.modules
for script in sys.argv[1:]:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, script
    else:
        sys.addaudithook(torch_ends_it)
        runpy.run_path(script, run_name="stage")
        say("torch" in sys.modules)
"""


@cache
def imports_torch():
    """Script -> whether torch is among what it imports."""
    command = [sys.executable, "-c", IMPORTS_TORCH, *SCRIPTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(zip(SCRIPTS, done.stdout.split(), strict=True))


@pytest.mark.parametrize("script", SCRIPTS)
def test_only_stages_with_a_network_import_torch(script):
    """torch costs seconds at the start of every stage that imports it."""
    names = {address.split("@")[0] for address, (words, _, _) in stages().items() if words[1] == script}
    assert imports_torch()[script] == str(names <= NETWORK_STAGES)


def test_the_benchmark_runs_the_commands_of_the_graph():
    words = {address.split("@")[0]: " ".join(command[1:]) for address, (command, _, _) in stages().items()}
    assert {name: f"stages/{command}" for name, command in STAGES.items()} == {name: words[name] for name in STAGES}
