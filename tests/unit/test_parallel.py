"""Work over many images: nothing is done twice after an interruption, wherever it ran."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nonmass import parallel
from nonmass.errors import InputError
from nonmass.parallel import ParallelParams, forget, map_images

HERE = ParallelParams(dask_scheduler="")


def square(number, calls, breaks_at=-1):
    """Leaves a mark for each call."""
    if number == breaks_at:
        raise InputError(f"image {number} broke")
    with Path(calls).open("a") as file:
        file.write(f"{number}\n")
    return {"square": number * number, "process": os.getpid()}


def run(folder, numbers, breaks_at=-1, fingerprint="same", params=HERE):
    """Squares, and how many were computed by this run."""
    calls = folder / "calls"
    calls.write_text("")
    jobs = [(str(number), (number, str(calls), breaks_at)) for number in numbers]
    found = map_images(square, jobs, len(jobs), folder / "journal", fingerprint, params, "test")
    return {key: result["square"] for key, result in found.items()}, len(calls.read_text().split())


def squares(numbers):
    return {str(number): number * number for number in numbers}


def test_results_come_in_the_order_of_the_jobs(tmp_path):
    assert run(tmp_path, [3, 1, 2]) == (squares([3, 1, 2]), 3)
    assert list(run(tmp_path, [2, 3, 1])[0]) == ["2", "3", "1"]


def test_nothing_to_do_gives_nothing(tmp_path):
    assert run(tmp_path, []) == ({}, 0)


def test_what_was_finished_before_a_failure_is_not_done_again(tmp_path):
    with pytest.raises(InputError, match="image 5 broke"):
        run(tmp_path, range(10), breaks_at=5)
    assert run(tmp_path, range(10)) == (squares(range(10)), 5)
    assert run(tmp_path, range(10)) == (squares(range(10)), 0)


@pytest.mark.parametrize("n_bytes", [1, 10])
def test_a_line_that_was_cut_is_done_again_and_only_that(tmp_path, n_bytes):
    run(tmp_path, range(10))
    journal = tmp_path / "journal"
    journal.write_bytes(journal.read_bytes()[:-n_bytes])
    assert run(tmp_path, range(10)) == (squares(range(10)), 1)
    assert run(tmp_path, range(10))[1] == 0


@pytest.mark.parametrize("damage", [b"\0\0\0\0\n", b"\xff\xfe\n", b"3\n", b"{]\n"])
def test_a_journal_that_a_disk_damaged_is_thrown_away(tmp_path, damage):
    run(tmp_path, range(4))
    with (tmp_path / "journal").open("ab") as file:
        file.write(damage)
    assert run(tmp_path, range(4)) == (squares(range(4)), 4)


def test_another_fingerprint_or_other_code_starts_anew(tmp_path):
    run(tmp_path, range(4))
    assert run(tmp_path, range(4), fingerprint="other")[1] == 4
    lines = (tmp_path / "journal").read_text().split("\n")
    name, _, fingerprint = json.loads(lines[0])
    (tmp_path / "journal").write_text("\n".join([json.dumps([name, "other code", fingerprint]), *lines[1:]]))
    assert run(tmp_path, range(4), fingerprint="other")[1] == 4


def test_fewer_jobs_than_the_journal_knows(tmp_path):
    run(tmp_path, range(100))
    assert run(tmp_path, range(3)) == (squares(range(3)), 0)
    forget(tmp_path / "journal")
    forget(tmp_path / "journal")
    assert run(tmp_path, [1])[1] == 1


PROGRAM = """
import sys, time
from pathlib import Path
from nonmass.parallel import ParallelParams, map_images

def slow(number):
    time.sleep(0.02)
    return {"n": number}

jobs = [(str(n), (n,)) for n in range(60)]
map_images(slow, jobs, len(jobs), Path("journal"), "f", ParallelParams(dask_scheduler=""), "test")
Path("ended").touch()
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_loses_nothing_that_it_wrote(tmp_path, blow):
    (tmp_path / "program.py").write_text(PROGRAM)
    victim = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    journal, deadline = tmp_path / "journal", time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
        assert time.monotonic() < deadline and victim.poll() is None
        time.sleep(0.005)
    victim.send_signal(blow)
    assert victim.wait(timeout=60) != 0
    before = journal.read_bytes()
    whole = before[: before.rindex(b"\n") + 1]
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, check=True, timeout=60)
    after = journal.read_bytes()
    assert (tmp_path / "ended").exists() and after.startswith(whole)
    keys = [json.loads(line)[0] for line in after.decode().splitlines()[1:]]
    assert sorted(keys, key=int) == [str(n) for n in range(60)]  # each of them once


def test_a_dask_cluster_gives_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        there = ParallelParams(dask_scheduler=cluster.scheduler_address)
        numbers = range(40)
        calls = tmp_path / "calls"
        calls.write_text("")
        jobs = [(str(number), (number, str(calls))) for number in numbers]
        found = map_images(square, jobs, len(jobs), tmp_path / "journal", "same", there, "test")
        assert {key: result["square"] for key, result in found.items()} == squares(numbers)
        assert len({result["process"] for result in found.values()} - {os.getpid()}) == 2
        assert run(tmp_path, numbers, params=there) == (squares(numbers), 0)
    assert run(tmp_path, numbers) == (squares(numbers), 0)  # and goes on elsewhere


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "ftp://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr(parallel, "DASK_TIMEOUT", "0.2s")
    with pytest.raises(InputError, match=r"^parallel\.dask_scheduler: .* does not answer") as caught:
        run(tmp_path, [1], params=ParallelParams(dask_scheduler=address))
    assert address in str(caught.value) and "\n" not in str(caught.value)


def test_dask_that_is_not_installed_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"Dask is not installed; pip install 'nonmass\[dask\]'"):
        run(tmp_path, [1], params=ParallelParams(dask_scheduler="tcp://127.0.0.1:1"))
