"""training: on a problem with a known answer, and on networks whose validation losses are scripted."""

import logging
import math
import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from nonmass import tables
from nonmass.batches import BatchOrder
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.errors import InputError
from nonmass.network import build_network
from nonmass.params import validate
from nonmass.training import LrDecayParams, Part, TrainParams, quieten, train

pytestmark = pytest.mark.usefixtures("torch_globals")

RECIPE = {"seed": 1, "epochs": 6, "early_stopping_epochs": 15, "batch_size": 8, "lr": 1e-3}
FOCAL = {"focal_alpha": 0.5, "focal_gamma": 2.0}
NEVER = {"after_epochs": 0, "factor": 0.1}


def run(network, train_part, val_part, decay=None, on_epoch=None, precision="32-true", **changes):
    return train(
        network,
        train_part,
        val_part,
        TrainParams(**{**RECIPE, **FOCAL, **changes}),
        LrDecayParams(**(decay or NEVER)),
        precision=precision,
        on_epoch=on_epoch or (lambda history: None),
    )


@pytest.fixture(autouse=True)
def quiet():
    quieten()


@pytest.fixture
def parts(tiny_world):
    return Part(*tiny_world.rows("train")), Part(*tiny_world.rows("val"))


def half_bright(truths):
    """8 x 8 px: the right half is white for truth 1, the left half for truth 0."""
    images = np.zeros((len(truths), 8, 8), np.uint8)
    for image, truth in zip(images, truths, strict=True):
        image[:, 4:] = 255 * truth
        image[:, :4] = 255 * (1 - truth)
    return Part(pd.DataFrame({"image_id": [f"i{row}" for row in range(len(truths))], "truth": truths}), images)


PAIR = half_bright([0, 1, 0, 1])  # one batch of 4 an epoch


class Scripted(torch.nn.Module):
    """Always right, as sure as the script says: the surer, the lower the validation loss.

    With one batch an epoch, epoch e is validated at the logits +-certainty[e]. Training steps see
    a gradient that always points the same way, so that Adam moves `weight` by the learning rate.
    """

    def __init__(self, certainty):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("validations", torch.tensor(0))
        self.certainty = certainty
        self.weights_seen = []

    def forward(self, images):
        side = images[:, :, :, 4:].mean((2, 3)) - images[:, :, :, :4].mean((2, 3))
        if self.training:
            self.weights_seen.append(self.weight.item())
            return side * 1e-3 * self.weight
        certainty = self.certainty[self.validations.item()]
        self.validations += 1
        return side / 2 * certainty


def script(certainty, **changes):
    network = Scripted(certainty)
    trained = run(network, PAIR, PAIR, epochs=len(certainty), batch_size=4, **changes)
    return network, trained


def fresh(architecture="test_efficientnet", seed=1):
    make_torch_deterministic(RuntimeParams(threads=1, deterministic=True, precision="32-true"), seed, "weights")
    return build_network(architecture)


def test_a_separable_problem_is_learnt(parts):
    trained = run(fresh(), *parts)
    history = tables.HISTORY.check(trained.history, "history")
    assert history["epoch"].tolist() == list(range(6))
    chance = 0.5 * 0.25 * math.log(2)
    assert history["train_loss"].iloc[-1] < 0.3 * chance
    assert history["val_loss"].iloc[-1] < 0.8 * chance
    assert history["val_auc"].iloc[-1] > 0.9
    assert (history["learning_rate"] == 1e-3).all()


def test_shuffled_truth_is_not_learnt(parts):
    rng = np.random.default_rng(3)
    blind = [Part(part.rows.assign(truth=rng.permutation(part.rows["truth"])), part.images) for part in parts]
    assert run(fresh(), *blind).history["val_auc"].iloc[-1] < 0.9


def test_two_runs_are_bit_equal_whatever_the_order_of_the_rows(parts):
    train_part, val_part = parts
    first = run(fresh(), train_part, val_part, epochs=2)
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.default_rng(9).random(5)
    again = run(fresh(), train_part, val_part, epochs=2)
    turned = np.arange(len(train_part.rows))[::-1]
    other_rows = Part(train_part.rows.iloc[turned].reset_index(drop=True), train_part.images[turned])
    other = run(fresh(), other_rows, val_part, epochs=2)
    for trained in (again, other):
        pd.testing.assert_frame_equal(
            trained.history.drop(columns="train_loss"), first.history.drop(columns="train_loss")
        )
        assert trained.weights.keys() == first.weights.keys()
        assert all(torch.equal(trained.weights[name], first.weights[name]) for name in first.weights)
    pd.testing.assert_frame_equal(again.history, first.history)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    seeded = run(fresh(), train_part, val_part, epochs=2, seed=2)
    assert not all(torch.equal(seeded.weights[name], first.weights[name]) for name in first.weights)


def test_each_epoch_sees_every_image_once_in_the_order_of_its_own():
    n = 10
    images = np.repeat(np.arange(n, dtype=np.uint8), 64).reshape(n, 8, 8)
    rows = pd.DataFrame({"image_id": [f"i{row}" for row in range(n)], "truth": [0, 1] * 5})
    seen = []

    class Watching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, batch):
            values = ((batch[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
            seen.append((self.training, values))
            return self.weight * batch.mean((2, 3))

    run(Watching(), Part(rows, images), Part(rows, images), epochs=3, batch_size=4)
    order = BatchOrder(rows["image_id"].tolist(), 4, RECIPE["seed"])
    expected = []
    for epoch in range(3):
        order.set_epoch(epoch)
        expected += [(True, batch) for batch in order]
        expected += [(False, batch) for batch in BatchOrder(rows["image_id"].tolist(), 4, None)]
    assert seen == expected
    assert expected[0] != expected[6]


def test_the_history_holds_the_losses_of_the_script():
    certainty = [0.5, 1.0, 2.0]
    _, trained = script(certainty)
    miss = expit(-np.array(certainty))
    np.testing.assert_allclose(trained.history["val_loss"], -0.5 * miss**2 * np.log1p(-miss), rtol=1e-5)
    np.testing.assert_allclose(trained.history["train_loss"], 0.5 * 0.25 * math.log(2), rtol=0.01)
    assert trained.history["val_auc"].tolist() == [1.0] * 3


def test_a_network_that_is_always_wrong_has_auc_0():
    assert script([-1.0])[1].history["val_auc"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("certainty", "best"), [([1, 2, 3], 2), ([3, 2, 1], 0), ([1, 3, 2, 3, 1], 1), ([2, 2, 2], 0), ([1], 0)]
)
def test_the_weights_kept_are_those_of_the_lowest_validation_loss(certainty, best):
    network, trained = script(certainty)
    assert trained.best_epoch == best
    assert trained.weights["validations"].item() == best + 1
    steps = network.weights_seen  # before each step; so the weight after epoch e is entry e + 1
    after_best = steps[best + 1] if best + 1 < len(steps) else network.weight.item()
    assert trained.weights["weight"].item() == after_best
    assert trained.weights["weight"].device.type == "cpu"


@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("best", [0, 2])
def test_it_stops_after_so_many_epochs_without_a_lower_loss(patience, best):
    certainty = [*range(1, best + 2), *([best + 1] * 9)]  # an equal loss is no lower one
    _, trained = script(certainty, early_stopping_epochs=patience)
    assert trained.best_epoch == best
    assert len(trained.history) == best + 1 + patience


def test_one_lower_loss_starts_the_count_afresh():
    _, trained = script([2, 1, 1, 3, 1, 1, 1, 9], early_stopping_epochs=3)
    assert (trained.best_epoch, len(trained.history)) == (3, 7)


@pytest.mark.parametrize(
    ("after_epochs", "certainty", "falls_in"),
    [
        (0, [1] * 8, []),
        (1, [1] * 5, [2, 3, 4]),
        (2, [1] * 7, [3, 5]),
        (3, [1, 2, 2, 2, 2, 2], [5]),
        (2, [1, 1, 2, 2, 3, 3, 4], []),
        (5, [9, 1, 1, 1, 1, 1, 1], [6]),
        (5, [9, 1, 1, 1, 1, 1], []),
    ],
)
def test_the_learning_rate_falls_after_exactly_so_many_epochs(after_epochs, certainty, falls_in):
    network, trained = script(certainty, decay={"after_epochs": after_epochs, "factor": 0.1}, lr=0.01)
    expected = [0.01 * 0.1 ** sum(epoch >= fall for fall in falls_in) for epoch in range(len(certainty))]
    np.testing.assert_allclose(trained.history["learning_rate"], expected, rtol=1e-12)
    # and the steps were really taken with it
    steps = np.diff([*network.weights_seen, network.weight.item()])
    np.testing.assert_allclose(steps, expected, rtol=0.02)


def test_on_epoch_sees_the_whole_history_after_every_epoch():
    histories = []
    _, trained = script([1, 2, 3], on_epoch=histories.append)
    assert [len(history) for history in histories] == [1, 2, 3]
    pd.testing.assert_frame_equal(histories[-1], trained.history)
    pd.testing.assert_frame_equal(histories[0], trained.history.iloc[:1])


@pytest.mark.parametrize(("lonely", "truths"), [("train", (0, 0)), ("val", (1, 1)), ("train", ())])
def test_a_part_of_one_class_is_one_line(lonely, truths):
    part = Part(pd.DataFrame({"image_id": list("ab")[: len(truths)], "truth": truths}), np.zeros((2, 8, 8), np.uint8))
    given = {"train": (part, PAIR), "val": (PAIR, part)}[lonely]
    with pytest.raises(InputError, match=f"part '{lonely}' holds one class only"):
        run(Scripted([1]), *given)


class Exploding(Scripted):
    """Its logits leave the numbers in training or in validation."""

    def __init__(self, where, value):
        super().__init__([1] * 3)
        self.where, self.value = where, value

    def forward(self, images):
        logits = super().forward(images)
        explodes = ("train" if self.training else "val") == self.where and len(self.weights_seen) > 1
        return logits * self.value if explodes else logits


@pytest.mark.parametrize(("where", "named"), [("train", "step 0"), ("val", "validation")])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_one_line(where, named, value):
    with pytest.raises(InputError, match=f"train: the loss is not finite in epoch 1, {named}; lower train.lr"):
        run(Exploding(where, value), PAIR, PAIR, epochs=3, batch_size=4)


def test_half_precision_learns_too(parts):
    trained = run(fresh(), *parts, precision="bf16-mixed", epochs=4)
    assert trained.history["val_auc"].iloc[-1] > 0.9
    assert all(value.dtype in (torch.float32, torch.int64) for value in trained.weights.values())


def test_an_interrupted_training_does_not_pass_for_a_finished_one():
    def interrupt(history):
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises((SystemExit, KeyboardInterrupt)) as stop:
            script([1, 2, 3], on_epoch=interrupt)
        assert getattr(stop.value, "code", 1) != 0
    finally:
        signal.signal(signal.SIGINT, handler)


def test_it_writes_no_file_and_no_advertising(tmp_path, monkeypatch, capsys, caplog):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="root"):
        script([1, 2])
    assert list(tmp_path.iterdir()) == []
    shown = capsys.readouterr()
    assert "val_loss" in shown.out, "the progress bar"
    assert shown.err == ""
    assert [record.message for record in caplog.records] == []


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"epochs": 0}, "greater than or equal to 1"),
        ({"early_stopping_epochs": 0}, "greater than or equal to 1"),
        ({"batch_size": 1}, "greater than or equal to 2"),
        ({"lr": 0.0}, "greater than 0"),
        ({"lr": math.inf}, "finite"),
        ({"lr": 1e9}, "less than or equal to 1"),
        ({"focal_alpha": 1.0}, "less than 1"),
        ({"focal_gamma": -1.0}, "greater than or equal to 0"),
        ({"seed": "1"}, "integer"),
    ],
)
def test_impossible_recipes_are_named(change, part):
    with pytest.raises(InputError, match=rf"train\.{next(iter(change))}: .*{part}"):
        validate({**RECIPE, **FOCAL, **change}, TrainParams, "train")


@pytest.mark.parametrize("change", [{"after_epochs": -1}, {"factor": 1.0}, {"factor": 0.0}])
def test_impossible_decays_are_named(change):
    with pytest.raises(InputError, match=rf"lr_decay\.{next(iter(change))}: "):
        validate({**NEVER, **change}, LrDecayParams, "lr_decay")


def test_a_terminated_training_does_not_look_finished(parts):
    with pytest.raises(SystemExit) as left:
        run(fresh(), *parts, epochs=5, on_epoch=lambda _history: os.kill(os.getpid(), signal.SIGTERM))
    assert left.value.code == 128 + signal.SIGTERM
