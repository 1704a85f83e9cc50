"""training: on a problem with a known answer, and on networks whose validation losses are scripted."""

import logging
import math
import os
import signal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from nonmass import tables
from nonmass.augment import AugmentParams
from nonmass.batches import BatchOrder
from nonmass.determinism import RuntimeParams, make_torch_deterministic
from nonmass.errors import InputError
from nonmass.network import build_network
from nonmass.params import validate
from nonmass.pretraining import PretrainParams
from nonmass.processes import in_order, launch
from nonmass.recipe import LearningRate, LrDecayParams, Recipe, TrainParams, average_of, follow, make_optimiser
from nonmass.resume import StateFile, parse
from nonmass.training import Part, train

pytestmark = pytest.mark.usefixtures("torch_globals")

RECIPE = {
    **{"seeds": (1,), "epochs": 6, "early_stopping_epochs": 15, "batch_size": 8, "lr": 1e-3},
    **{"warmup_epochs": 0, "schedule": "plateau", "weight_decay": 0.0, "weight_averaging": 0.0},
    **{"kept_epoch": "lowest_loss", "head": "zero", "dropout": 0.0, "focal_alpha": 0.5, "focal_gamma": 2.0},
}
NEVER = {"after_epochs": 0, "factor": 0.1}
NO_CHANGES = dict.fromkeys(AugmentParams.model_fields, 0.0)
NO_PRETRAINING = {"epochs": 0, "batch_size": 8, "side_px": 32, "lr": 1e-3, "temperature": 0.2}
RUNTIME = RuntimeParams(threads=1, deterministic=True, precision=32, devices=1, nodes=1, images_mib=1024)


def recipe_of(decay=None, augment=None, pretrain=None, seed=1, **changes):
    return Recipe(
        train=TrainParams(**{**RECIPE, **changes}),
        decay=LrDecayParams(**(decay or NEVER)),
        augment=AugmentParams(**{**NO_CHANGES, **(augment or {})}),
        pretrain=PretrainParams(**{**NO_PRETRAINING, **(pretrain or {})}),
        seed=seed,
    )


def run(network, train_part, val_part, on_epoch=None, precision="32-true", saved=None, **changes):
    return train(
        network,
        train_part,
        val_part,
        recipe_of(**changes),
        launch(RUNTIME, precision),
        saved=saved or StateFile("model", "fingerprint"),
        on_epoch=on_epoch or (lambda history: None),
    )


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def anew():
    """Nothing is left to go on from."""
    return lambda: StateFile("model", "fingerprint").remove()


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
    trained = run(network, PAIR, PAIR, **{"epochs": len(certainty), "batch_size": 4, **changes})
    StateFile("model", "fingerprint").remove()
    return network, trained


def fresh(architecture="test_efficientnet", seed=1, **changes):
    make_torch_deterministic(RUNTIME, seed, "weights")
    return build_network(architecture, **changes)


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


def test_two_runs_are_bit_equal_whatever_the_order_of_the_rows(parts, anew):
    train_part, val_part = parts
    changes = {"epochs": 2, "augment": {"mirror": 0.5, "rotation_deg": 10.0, "speckle": 0.1}}
    first = run(fresh(), train_part, val_part, **changes)
    anew()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.default_rng(9).random(5)
    again = run(fresh(), train_part, val_part, **changes)
    anew()
    turned = np.arange(len(train_part.rows))[::-1]
    other_rows = Part(train_part.rows.iloc[turned].reset_index(drop=True), train_part.images[turned])
    other = run(fresh(), other_rows, val_part, **changes)
    anew()
    for trained in (again, other):
        pd.testing.assert_frame_equal(
            trained.history.drop(columns="train_loss"), first.history.drop(columns="train_loss")
        )
        assert trained.weights.keys() == first.weights.keys()
        assert all(torch.equal(trained.weights[name], first.weights[name]) for name in first.weights)
    pd.testing.assert_frame_equal(again.history, first.history)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    seeded = run(fresh(), train_part, val_part, **changes, seed=2)
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
    order = BatchOrder(rows["image_id"].tolist(), 4, 1)
    expected = []
    for epoch in range(3):
        expected += [(True, batch) for batch in order.batches(epoch)]
        expected += [(False, batch) for batch in BatchOrder(rows["image_id"].tolist(), 4, None).batches(0)]
    assert seen == expected
    assert expected[0] != expected[6]


def test_training_images_are_changed_and_validation_images_are_not(parts):
    seen = {True: set(), False: set()}

    class Watching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, batch):
            pictures = ((batch[:, 0] + 1) * 127.5).round().to(torch.uint8)
            seen[self.training] |= {picture.numpy().tobytes() for picture in pictures}
            return self.weight * batch.mean((2, 3))

    run(Watching(), *parts, epochs=2, augment={"gain": 0.5})
    whole = [{image.tobytes() for image in part.images} for part in parts]
    assert seen[False] == whole[1]
    assert len(seen[True] & whole[0]) <= 2
    assert len(seen[True]) > 1.9 * len(whole[0]), "drawn anew each epoch"


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
    assert trained.kept_epoch == best
    assert trained.weights["validations"].item() == best + 1
    steps = network.weights_seen  # before each step; so the weight after epoch e is entry e + 1
    after_best = steps[best + 1] if best + 1 < len(steps) else network.weight.item()
    assert trained.weights["weight"].item() == after_best
    assert trained.weights["weight"].device.type == "cpu"


@pytest.mark.parametrize("certainty", [[1, 2, 3], [3, 2, 1], [1]])
def test_the_weights_kept_are_those_of_the_last_epoch_if_the_recipe_says_so(certainty):
    network, trained = script(certainty, kept_epoch="last")
    assert trained.kept_epoch == len(certainty) - 1
    assert trained.weights["validations"].item() == len(certainty)
    assert trained.weights["weight"].item() == network.weight.item()


def test_it_still_stops_by_the_validation_loss_where_the_last_epoch_is_kept():
    _, trained = script([1, 3, 2, 2, 2], early_stopping_epochs=2, kept_epoch="last")
    assert (trained.kept_epoch, len(trained.history)) == (3, 4)


@pytest.mark.parametrize("patience", [1, 2, 3])
@pytest.mark.parametrize("best", [0, 2])
def test_it_stops_after_so_many_epochs_without_a_lower_loss(patience, best):
    certainty = [*range(1, best + 2), *([best + 1] * 9)]  # an equal loss is no lower one
    _, trained = script(certainty, early_stopping_epochs=patience)
    assert trained.kept_epoch == best
    assert len(trained.history) == best + 1 + patience


def test_one_lower_loss_starts_the_count_afresh():
    _, trained = script([2, 1, 1, 3, 1, 1, 1, 9], early_stopping_epochs=3)
    assert (trained.kept_epoch, len(trained.history)) == (3, 7)


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


def rates(n_batches, epochs, decay=NEVER, falls=False, **changes):
    """What each step is taken with, if validation losses fall or stay."""
    params = TrainParams(**{**RECIPE, "lr": 0.01, "epochs": epochs, **changes})
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    rate = LearningRate(optimiser, params, LrDecayParams(**decay), n_batches)
    taken = []
    for epoch in range(epochs):
        for batch in range(n_batches):
            rate.before_step(epoch * n_batches + batch)
            taken.append(rate.now)
        rate.after_epoch(epoch, 1.0 / (epoch + 1) if falls else 1.0)
    return taken


def test_the_warm_up_is_a_straight_line():
    np.testing.assert_allclose(rates(4, 3, warmup_epochs=2), [0.01 * min(step, 8) / 8 for step in range(1, 13)])


def test_the_decay_waits_for_the_warm_up():
    taken = rates(2, 5, {"after_epochs": 1, "factor": 0.5}, warmup_epochs=2)
    np.testing.assert_allclose(taken, [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005])


def test_the_cosine_is_torchs_own_and_leaves_out_the_decay():
    ours = rates(5, 4, {"after_epochs": 1, "factor": 0.5}, schedule="cosine")
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 20)
    theirs = []
    for _ in range(20):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    warm = rates(5, 4, schedule="cosine", warmup_epochs=1)
    np.testing.assert_allclose(warm[:5], [0.002, 0.004, 0.006, 0.008, 0.01])
    assert warm[5] == 0.01
    assert np.all(np.diff(warm[5:]) < 0)
    assert warm[-1] < 0.0002


def test_without_decay_the_optimiser_is_adam():
    states = []
    for kind in ("ours", "adam"):
        network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 1))
        with torch.no_grad():
            for number, weight in enumerate(network.parameters()):
                weight.copy_(torch.linspace(-1, 1, weight.numel()).view_as(weight) + number)
        params = TrainParams(**RECIPE)
        optimiser = make_optimiser(network, params) if kind == "ours" else torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(3):
            optimiser.zero_grad()
            network(torch.ones(2, 4)).square().sum().backward()
            optimiser.step()
        states.append(torch.cat([weight.detach().flatten() for weight in network.parameters()]))
    torch.testing.assert_close(*states, rtol=1e-6, atol=1e-7)


def test_weights_decay_and_biases_and_norms_do_not():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    optimiser = make_optimiser(network, TrainParams(**{**RECIPE, "lr": 0.1, "weight_decay": 0.5}))
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    for name, weight in network.named_parameters():
        factor = 1 - 0.1 * 0.5 if name == "0.weight" else 1.0
        torch.testing.assert_close(weight.detach(), factor * before[name])


def test_the_average_follows_weights_and_statistics():
    network = torch.nn.BatchNorm2d(1)
    averaged = average_of(network)
    values, decay = [3.0, 5.0, -2.0, 8.0], 0.15
    expected = 0.0
    for step, value in enumerate(values):
        with torch.no_grad():
            network.weight.fill_(value)
            network.running_mean.fill_(10 * value)
        follow(averaged, network, decay, step)
        share = 1 - min(decay, (1 + step) / (10 + step)) if step else 1.0
        expected += share * (value - expected)
    assert averaged.module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert averaged.module.running_mean.item() == pytest.approx(10 * expected, rel=1e-6)


def test_the_average_is_what_is_validated_and_kept():
    seen = {True: [], False: []}

    class Slope(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            seen[self.training].append(self.weight.item())
            return self.weight * (images[:, :, :, 4:].mean((2, 3)) - images[:, :, :, :4].mean((2, 3))) / 2

    network = Slope()
    trained = run(network, PAIR, PAIR, epochs=4, batch_size=4, weight_averaging=0.15, lr=0.01)
    weights = [*seen[True][1:], network.weight.item()]  # after each step
    averages = weights[:1]
    for step, weight in enumerate(weights[1:], start=1):
        averages.append(averages[-1] + (1 - min(0.15, (1 + step) / (10 + step))) * (weight - averages[-1]))
    np.testing.assert_allclose(seen[False], averages, rtol=1e-5)
    assert trained.kept_epoch == 3, "the loss falls from epoch to epoch"
    assert trained.weights["weight"].item() == seen[False][3] != network.weight.item()


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
        super().__init__([1] * 6)
        self.where, self.value = where, value

    def forward(self, images):
        logits = super().forward(images)
        explodes = ("train" if self.training else "val") == self.where and len(self.weights_seen) > 2
        return logits * self.value if explodes else logits


@pytest.mark.parametrize("where", ["train", "val"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_names_the_batch_and_leaves_the_last_good_state(where, value):
    saved = StateFile("model", "fingerprint")
    with pytest.raises(InputError) as error:
        run(Exploding(where, value), PAIR, PAIR, epochs=3, batch_size=2, saved=saved)
    first = BatchOrder(PAIR.rows["image_id"].tolist(), 2, 1 if where == "train" else None).batches(1)[0]
    named = ", ".join(f"i{row}" for row in first)
    place = "epoch 1" if where == "train" else "epoch 1, validation"
    assert f"train: the loss is not finite in {place}, batch 0 ({named}); lower train.lr" in str(error.value)
    kept = parse(saved.path.read_bytes()).history
    assert [row["epoch"] for row in kept] == [0]


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
        MemoryError(),
    ],
)
def test_too_little_memory_names_batch_and_side(fault):
    class Greedy(Scripted):
        def forward(self, images):
            raise fault

    with pytest.raises(InputError, match=r"out of memory on cpu with batches of 4 images of 8 px; lower train\.batch"):
        script_with(Greedy([1]))


def test_too_little_memory_names_the_params_of_the_pretraining(parts, monkeypatch):
    network = fresh()
    monkeypatch.setattr(network, "forward_features", lambda batch: (_ for _ in ()).throw(MemoryError()))
    line = (
        r"^pretrain: out of memory on cpu with batches of 8 images of 32 px; lower pretrain\.batch_size or pretrain\."
    )
    with pytest.raises(InputError, match=line):
        run(network, *parts, pretrain={"epochs": 1})


def test_too_little_memory_for_the_optimiser_is_one_line_too(monkeypatch):
    def greedy(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("nonmass.training.make_optimiser", greedy)
    with pytest.raises(InputError, match=r"train: out of memory on cpu with batches of 4 images of 8 px"):
        script_with(Scripted([1]))


def script_with(network):
    return run(network, PAIR, PAIR, epochs=1, batch_size=4)


def test_another_error_stays_what_it_is():
    class Broken(Scripted):
        def forward(self, images):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        script_with(Broken([1]))


def test_more_devices_than_a_machine_has_are_one_line(monkeypatch):
    monkeypatch.setattr("nonmass.processes.Fabric", lambda **_: (_ for _ in ()).throw(RuntimeError("no such devices")))
    with pytest.raises(InputError, match=r"runtime\.devices, runtime\.nodes: no such devices"):
        launch(RUNTIME, "32-true")


def test_half_precision_learns_too(parts):
    trained = run(fresh(), *parts, precision="bf16-mixed", epochs=4)
    assert trained.history["val_auc"].iloc[-1] > 0.9
    assert all(value.dtype in (torch.float32, torch.int64) for value in trained.weights.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_batch_and_says_how_to_go_on(number, parts, capsys):
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(SystemExit) as left:
        run(fresh(), *parts, epochs=5, on_epoch=lambda history: os.kill(os.getpid(), number))
    assert left.value.code == 128 + number
    assert capsys.readouterr().err.endswith(
        "stopped: 1 of at most 5 epochs are saved; run the same command again, and the training goes on from there\n"
    )
    assert StateFile("model", "fingerprint").path.is_file()
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_pretraining_which_then_starts_anew(number, parts, capsys, monkeypatch):
    network, seen = fresh(), []
    forward = network.forward_features

    def interrupt(images):
        seen.append(1)
        if len(seen) == 3:  # of 5 batches; the first tries the side
            os.kill(os.getpid(), number)
        return forward(images)

    monkeypatch.setattr(network, "forward_features", interrupt)
    with pytest.raises(SystemExit) as left:
        run(network, *parts, pretrain={"epochs": 1})
    assert left.value.code == 128 + number
    assert len(seen) == 3
    assert capsys.readouterr().err.endswith(
        "stopped: nothing of the pretraining is saved; run the same command again, and the pretraining starts anew\n"
    )
    assert not StateFile("model", "fingerprint").path.is_file()


def test_a_signal_after_the_last_batch_of_the_pretraining_is_not_lost(parts, monkeypatch):
    monkeypatch.setattr("nonmass.training.pretrain", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as left:
        run(fresh(), *parts, pretrain={"epochs": 1})
    assert left.value.code == 128 + signal.SIGTERM
    assert not StateFile("model", "fingerprint").path.is_file()


def test_a_pretraining_without_a_finite_loss_saves_nothing(parts):
    network = fresh()
    with torch.no_grad():
        next(network.parameters()).fill_(math.nan)
    with pytest.raises(InputError, match="pretrain: the loss is not finite in epoch 0"):
        run(network, *parts, pretrain={"epochs": 1})
    assert not StateFile("model", "fingerprint").path.is_file()


@pytest.mark.parametrize("is_first", [True, False])
def test_the_first_process_alone_shows_the_pretraining(is_first, parts, capsys, monkeypatch):
    monkeypatch.setattr("lightning_fabric.Fabric.is_global_zero", is_first)
    run(fresh(), *parts, epochs=1, pretrain={"epochs": 1})
    assert ("pretraining" in capsys.readouterr().err) == is_first


def test_a_process_without_a_batch_gets_what_the_others_have(monkeypatch):
    def of_the_other(values):
        values += torch.tensor([[1.0], [2.0]])

    monkeypatch.setattr("torch.distributed.all_reduce", of_the_other)
    here = in_order(torch.zeros(2, 1), [], SimpleNamespace(world_size=2))
    assert here.tolist() == [[1.0], [2.0]]


def test_a_second_signal_acts_at_once(parts):
    def insist(history):
        signal.raise_signal(signal.SIGINT)  # in this thread; sent to the process, two may become one on a busy machine
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(fresh(), *parts, epochs=5, on_epoch=insist)


def test_the_bar_tells_loss_auc_and_rate_and_nothing_is_advertised(capsys, caplog, monkeypatch):
    monkeypatch.setattr("nonmass.progress.REFRESH_S", 0.0)
    with caplog.at_level(logging.INFO):
        run(fresh(), half_bright([0, 1] * 8), PAIR, epochs=2, batch_size=4, precision="bf16-mixed")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "epoch 2/2" in shown.err
    assert "validation AUC" in shown.err
    assert "loss 0." in shown.err
    assert "image/s" in shown.err
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


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
        ({"seeds": ["1"]}, "integer"),
        ({"seeds": []}, "at least 1"),
        ({"seeds": [1, 2, 1]}, "names a seed twice"),
        ({"seeds": [-1]}, "greater than or equal to 0"),
        ({"schedule": "step"}, "'plateau' or 'cosine'"),
        ({"weight_averaging": 1.0}, "less than 1"),
        ({"dropout": 1.0}, "less than 1"),
        ({"warmup_epochs": -1}, "greater than or equal to 0"),
    ],
)
def test_impossible_recipes_are_named(change, part):
    with pytest.raises(InputError, match=rf"train\.{next(iter(change))}.*: .*{part}"):
        validate({**RECIPE, **change, "seeds": list(change.get("seeds", RECIPE["seeds"]))}, TrainParams, "train")


@pytest.mark.parametrize("change", [{"after_epochs": -1}, {"factor": 1.0}, {"factor": 0.0}])
def test_impossible_decays_are_named(change):
    with pytest.raises(InputError, match=rf"lr_decay\.{next(iter(change))}: "):
        validate({**NEVER, **change}, LrDecayParams, "lr_decay")
