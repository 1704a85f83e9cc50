"""The train stage, killed without warning at many moments: it ends with the bytes of a run that never was."""

import json

import pytest

from nonmass.determinism import generator

pytestmark = pytest.mark.slow

PARAMS = {
    "networks": {"tiny": {"timm": "test_efficientnet", "weights": "none"}},
    "train": {"epochs": 8, "batch_size": 8, "weight_averaging": 0.9, "dropout": 0.2, "weight_decay": 0.01},
    "augment": {"mirror": 0.5, "shift": 0.1},
    "runtime": {"threads": 1, "deterministic": True, "precision": 32},
}

# Imports torch once; each run is a process of its own, forked from it, which a true SIGKILL ends. With `until`, it
# kills itself right before (-) or after (+) its n-th write reaches the disk or gets its name.
PROGRAM = """
import json, os, runpy, signal, sys, time

script, arguments, runs = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
sys.argv = [script, *arguments]
main = runpy.run_path(script, run_name="stage")["main"]
from pathlib import Path
task, backbone, seed, *paths = arguments


def die_at(moment):
    calls = 0

    def watch(name):
        real = getattr(os, name)

        def call(*given, **options):
            nonlocal calls
            calls += 1
            if calls == abs(moment) and moment < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*given, **options)
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(os, name, call)

    watch("fsync")
    watch("replace")


import sklearn.metrics

whole_s = None  # of the first run, which nobody kills
for run in runs:
    model = Path(run["folder"])
    for name in ("history.csv", "model.safetensors", "model.json"):  # as DVC does before it runs a stage again
        (model / name).unlink(missing_ok=True)
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            sys.stderr = open(os.devnull, "w")
            if "moment" in run:
                die_at(run["moment"])
            main(task, backbone, int(seed), *map(Path, paths), model)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if "share" in run:
        time.sleep(run["share"] * whole_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    states = sorted(path.name for path in Path(".train").rglob("*.safetensors") if not path.name.startswith("."))
    whole_s = whole_s or time.monotonic() - begun
    ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    print(json.dumps({"ended": ended, "states": len(states)}), flush=True)
"""


@pytest.fixture
def runs_of(tiny_world, write_params, python, project):
    def run(runs):
        write_params(**PARAMS)
        arguments = ["classify", "tiny", "1", str(tiny_world.split_csv), str(tiny_world.images_dir)]
        done = python("-c", PROGRAM, str(project / "stages" / "train.py"), json.dumps(arguments), json.dumps(runs))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def outputs(folder):
    return {name: (folder / name).read_bytes() for name in ("history.csv", "model.json", "model.safetensors")}


def assert_ended_alike(folder, ended):
    assert (ended[0]["ended"], ended[-1]["ended"]) == (0, 0)
    assert sum(run["ended"] == -9 for run in ended) >= 10
    assert any(run["states"] for run in ended), "some were killed after an epoch"
    assert outputs(folder / "killed") == outputs(folder / "whole")
    assert not list((folder / ".train").rglob("*.*")), "neither states nor halves of files"


def test_killed_at_random_moments(runs_of, tmp_path):
    shares = generator(1, "kill").uniform(0.0, 0.9, 20)
    kills = [{"folder": "killed", "share": float(share)} for share in shares]
    assert_ended_alike(tmp_path, runs_of([{"folder": "whole"}, *kills, {"folder": "killed"}]))


def test_killed_while_a_file_is_written(runs_of, tmp_path):
    """Around each write of an epoch: the state flushed, the state named, the history named; and those of the model."""
    moments = [sign * number for number in (1, 2, 3, 4, 5, 6) for sign in (-1, 1)]
    kills = [{"folder": "killed", "moment": moment} for moment in moments]
    assert_ended_alike(tmp_path, runs_of([{"folder": "whole"}, *kills, {"folder": "killed"}]))
