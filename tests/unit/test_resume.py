"""resume: a training that goes on ends as if it had never stopped, and never goes on from another's state."""

import errno
import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from test_training import Part, fresh, recipe_of, run

from nonmass import resume
from nonmass.errors import InputError
from nonmass.resume import FOLDER, State, StateFile, fingerprint, parse

pytestmark = pytest.mark.usefixtures("torch_globals")

RECIPES = {
    "plain": {},
    "decay": {"decay": {"after_epochs": 1, "factor": 0.5}, "lr": 0.02},
    "warm cosine": {"warmup_epochs": 2, "schedule": "cosine"},
    "average": {"weight_averaging": 0.9, "weight_decay": 0.05},
    "last": {"kept_epoch": "last", "lr": 0.05},
    "augmented": {"augment": {"mirror": 0.5, "shift": 0.1, "speckle": 0.1}},
    "pretrained": {"pretrain": {"epochs": 1}},
    "stopped early": {"early_stopping_epochs": 1, "lr": 0.05},
    "bf16": {"precision": "bf16-mixed"},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def parts(tiny_world):
    return Part(*tiny_world.rows("train")), Part(*tiny_world.rows("val"))


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def undisturbed(parts, known):
    """A training of so many epochs that nothing disturbed; each is done once."""

    def train(epochs):
        if epochs not in known:
            known[epochs] = run(fresh(), *parts, epochs=epochs, saved=StateFile("other", "fingerprint"))
        return known[epochs]

    return train


def interrupted(parts, after_epoch, **changes):
    """A training that Ctrl-C ends in the epoch after this one."""

    def interrupt(history):
        if len(history) == after_epoch + 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SystemExit):
        run(fresh(dropout=0.3), *parts, on_epoch=interrupt, **changes)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.kept_epoch == other.kept_epoch
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_a_training_stopped_twice_ends_as_one_that_never_was(parts, changes):
    changes = {"epochs": 5, **changes}
    whole = run(fresh(dropout=0.3), *parts, saved=StateFile("other", "fingerprint"), **changes)
    stops = [epoch for epoch in (0, 2) if epoch + 1 < len(whole.history)]
    for epoch in stops:
        interrupted(parts, epoch, **changes)
    seen = []
    resumed = run(fresh(dropout=0.3), *parts, on_epoch=seen.append, **changes)
    assert_same(resumed, whole)
    assert len(seen[0]) == stops[-1] + 1, "it went on, and showed the history at once"


def test_a_finished_state_gives_the_same_without_a_step(parts):
    whole = run(fresh(), *parts, epochs=2)
    steps = []

    class Watched(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

    network = fresh()
    network.register_forward_hook(lambda *_: steps.append(1))
    assert_same(run(network, *parts, epochs=2), whole)
    assert steps == []


def test_pretraining_is_not_done_twice(parts, monkeypatch):
    interrupted(parts, 0, pretrain={"epochs": 1})
    monkeypatch.setattr("nonmass.training.pretrain", lambda *_, **__: pytest.fail("done again"))
    run(fresh(dropout=0.3), *parts, pretrain={"epochs": 1})


def test_pretrained_weights_are_kept_before_the_first_epoch(parts, monkeypatch):
    changes = {"epochs": 1, "pretrain": {"epochs": 1}}
    whole = run(fresh(), *parts, saved=StateFile("other", "fingerprint"), **changes)
    with monkeypatch.context() as patch:
        patch.setattr("nonmass.training._Learner.run_epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(fresh(), *parts, **changes)
    monkeypatch.setattr("nonmass.training.pretrain", lambda *_, **__: pytest.fail("done again"))
    assert_same(run(fresh(), *parts, **changes), whole)


def test_a_resumed_training_says_so_and_a_new_one_does_not(parts, capsys):
    run(fresh(), *parts, epochs=1)
    assert "going on" not in capsys.readouterr().err
    run(fresh(), *parts, epochs=2)
    assert "going on after epoch 1, which was saved\n" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["empty", "cut", "one byte less", "one byte more", "text", "header", "foreign"])
def test_a_damaged_state_is_said_in_one_line_and_the_training_starts_anew(parts, undisturbed, damage, capsys):
    whole = undisturbed(epochs=2)
    run(fresh(), *parts, epochs=1)
    path = StateFile("model", "fingerprint").path
    content = path.read_bytes()
    foreign = resume.save({"weight": torch.zeros(1)})
    broken = {"empty": b"", "cut": content[: len(content) // 2], "one byte less": content[:-1]}
    broken |= {"one byte more": content + b"\0", "text": b"{}", "header": b"\xff" * 8 + content[8:], "foreign": foreign}
    path.write_bytes(broken[damage])
    capsys.readouterr()
    assert_same(run(fresh(), *parts, epochs=2), whole)
    assert f"{path}: damaged; the training starts anew\n" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_the_last_good_state(parts, undisturbed, monkeypatch, fault, place):
    whole = undisturbed(epochs=3)
    with monkeypatch.context() as patch:
        calls, real = [], getattr(os, place)

        def full(*arguments, **options):
            calls.append(arguments)
            if len(calls) == 2:
                raise OSError(fault, os.strerror(fault))
            return real(*arguments, **options)

        patch.setattr(os, place, full)
        with pytest.raises(InputError) as error:
            run(fresh(), *parts, epochs=3)
    path = StateFile("model", "fingerprint").path
    assert str(error.value).startswith(f"{path}: not written: {os.strerror(fault)}; make room")
    assert len(parse(path.read_bytes()).history) == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing half written is left"
    assert_same(run(fresh(), *parts, epochs=3), whole)


def test_states_of_other_fingerprints_are_neither_read_nor_kept(tmp_path):
    old, new, elsewhere = StateFile("a/b", "old"), StateFile("a/b", "new"), StateFile("a/c", "old")
    for file in (old, elsewhere):
        file.write(State({"x": torch.ones(2)}, []))
    assert new.read() is None
    assert not old.path.exists()
    assert elsewhere.path.exists()
    new.write(State({"x": torch.ones(2)}, [{"epoch": 0}]))
    new.remove()
    assert [path.name for path in FOLDER.iterdir()] == ["a-c"]


def test_a_state_comes_back_bit_by_bit():
    rng = np.random.default_rng(1)
    rows = [{"epoch": row, "val_loss": float(loss)} for row, loss in enumerate(rng.random(50) / 3)]
    tensors = {"a": torch.tensor(3), "b.c": torch.rand(2, 3, 4, 5), "half": torch.rand(3).bfloat16()}
    file = StateFile("model", "print")
    file.write(State(tensors, rows))
    back = parse(file.read())
    assert back.history == rows
    assert back.tensors.keys() == tensors.keys()
    assert all(torch.equal(back.tensors[name], value) for name, value in tensors.items())


def test_a_folder_instead_of_a_state_is_one_line():
    file = StateFile("model", "print")
    file.path.mkdir(parents=True)
    with pytest.raises(InputError, match="not readable: Is a directory; delete it"):
        file.read()


def told(tmp_path, script="pass", rows=None, image=7, **settings):
    path = tmp_path / "script.py"
    path.write_text(script)
    frame = pd.DataFrame({"image_id": ["a", "b"], "truth": [0, 1], "patient_id": "p"}) if rows is None else rows
    images = np.full((2, 4, 4), image, np.uint8)
    return fingerprint({"recipe": recipe_of().model_dump(), **settings}, [frame, frame[:1]], [images, images[:1]], path)


def test_whatever_decides_a_training_changes_its_fingerprint(tmp_path, monkeypatch):
    base = told(tmp_path)
    assert told(tmp_path) == base
    turned = pd.DataFrame({"image_id": ["a", "b"], "truth": [1, 0], "patient_id": "p"})
    others = [
        told(tmp_path, script="pass # other"),
        told(tmp_path, rows=turned),
        told(tmp_path, rows=turned.assign(truth=[0, 1], image_id=["a", "c"])),
        told(tmp_path, image=8),
        told(tmp_path, precision="bf16-mixed"),
        told(tmp_path, recipe=recipe_of(lr=2e-3).model_dump()),
        told(tmp_path, recipe=recipe_of(seed=2).model_dump()),
    ]
    monkeypatch.setattr(torch, "__version__", "0.0")
    others.append(told(tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    others.append(told(tmp_path))
    monkeypatch.undo()
    source = tmp_path / "code" / "resume.py"
    source.parent.mkdir()
    for name in resume.MODULES:
        source.with_name(f"{name}.py").write_text("")
    monkeypatch.setattr(resume, "__file__", str(source))
    others.append(told(tmp_path))
    for name in resume.MODULES:
        source.with_name(f"{name}.py").write_text("changed")
        others.append(told(tmp_path))
    assert len({base, *others}) == 1 + len(others)


def test_a_part_that_is_divided_elsewhere_is_another_training(tmp_path):
    images = np.zeros((3, 2, 2), np.uint8)
    rows = pd.DataFrame({"image_id": ["a", "b", "c"], "truth": [0, 1, 0]})
    (tmp_path / "s").write_text("")
    prints = {fingerprint({}, [rows[:cut], rows[cut:]], [images[:cut], images[cut:]], tmp_path / "s") for cut in (1, 2)}
    assert len(prints) == 2
