"""The train stage in two processes on the CPU: the loss curve of one process with the same global batch."""

import os
import subprocess
import sys

import numpy as np
import pytest

from nonmass import tables

pytestmark = pytest.mark.slow

# Single precision: the processes' sums are added in another order than one process adds its own. Measured: 5e-8.
RELATIVE = 1e-5
# LayerNorm: batch normalisation would see half a batch in each process, which torch joins on GPUs alone.
PARAMS = {
    "networks": {"tiny": {"timm": "test_convnext", "weights": "none"}},
    "train": {"epochs": 3, "weight_averaging": 0.5, "weight_decay": 0.01},
    "augment": {"mirror": 0.5, "gain": 0.1},
}
SLURM = {
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_JOB_NAME": "train",
    "SLURM_JOB_ID": "31",
    "SLURM_NODELIST": "127.0.0.1",
}


def started_by(way, script, arguments, folder):
    """Exit codes and what was said, of all the processes that somebody has to start."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    places = [{}]
    command = [sys.executable, script, *arguments]
    if way == "torchrun":
        command[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    if way == "slurm":
        ranks = [{"SLURM_PROCID": rank, "SLURM_LOCALID": rank, "SLURM_NODEID": "0"} for rank in "01"]
        places = [{**SLURM, **rank} for rank in ranks]
    processes = [
        subprocess.Popen(command, cwd=folder, env={**clean, **place}, stderr=subprocess.PIPE, text=True)
        for place in places
    ]
    return [(process.communicate(timeout=120)[1], process.returncode) for process in processes]


@pytest.mark.parametrize(
    ("batch_size", "ways"),
    [(7, ("one", "fabric", "torchrun", "slurm")), (16, ("one", "fabric"))],
    ids=["", "one has no batch to validate"],
)
def test_two_processes_give_the_curve_of_one(batch_size, ways, tiny_world, write_params, project, tmp_path):
    params = {**PARAMS, "train": {**PARAMS["train"], "batch_size": batch_size}}
    histories = {}
    for way in ways:
        devices = 1 if way == "one" else 2
        write_params(**params, runtime={"threads": 1, "deterministic": True, "precision": 32, "devices": devices})
        model = tmp_path / way
        arguments = ["classify", "tiny", "1", str(tiny_world.split_csv), str(tiny_world.images_dir), str(model)]
        for said, code in started_by(way, str(project / "stages" / "train.py"), arguments, tmp_path):
            assert code == 0, said
        histories[way] = tables.HISTORY.read(model / "history.csv")
        assert sorted(path.name for path in model.iterdir()) == ["history.csv", "model.json", "model.safetensors"]
    for way, history in histories.items():
        for column in ("train_loss", "val_loss"):
            np.testing.assert_allclose(history[column], histories["one"][column], rtol=RELATIVE, err_msg=way)
    assert histories["one"]["train_loss"].nunique() == 3
