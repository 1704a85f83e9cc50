"""Clean clones of the last commit, with numbers so small that the graph takes a minute or two."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


def attempt(command, cwd, **variables):
    """Run a command line in a clone, with the clone's own code and this environment's programs."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "PYTHONPATH": str(cwd / "src"), **variables}
    environment |= {"GIT_CONFIG_GLOBAL": str(Path(__file__).with_name("gitconfig"))}
    return subprocess.run(["bash", "-c", command], cwd=cwd, env=environment, capture_output=True, text=True)


def run(command, cwd, **variables):
    """The same; what it wrote. It must end well."""
    done = attempt(command, cwd, **variables)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def clone_of_last_commit(folder):
    run(f"git clone -q {shlex.quote(str(ROOT))} {shlex.quote(str(folder))}", folder.parent)
    return folder


def change_params(folder, change):
    """Call `change` with the content of params.yaml."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    change(params)
    yaml.dump(params, folder / "params.yaml")
