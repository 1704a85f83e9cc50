"""pretraining: the loss against its definition, and what it does to a network."""

import math

import cv2
import numpy as np
import pytest
import torch

from nonmass.augment import augment, draw
from nonmass.batches import to_input
from nonmass.determinism import make_torch_deterministic
from nonmass.errors import InputError
from nonmass.network import build_network
from nonmass.pretraining import VIEWS, PretrainParams, contrast, pretrain, share_of_rate

pytestmark = pytest.mark.usefixtures("torch_globals")

PARAMS = PretrainParams(epochs=6, batch_size=16, side_px=32, lr=3e-3, temperature=0.2)
CPU = torch.device("cpu")


def network(dropout=0.0):
    torch.manual_seed(4)
    return build_network("test_efficientnet", head="default", dropout=dropout)


def states(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_the_loss_is_the_cross_entropy_of_picking_the_other_view():
    seen = np.random.default_rng(1).normal(size=(8, 5))
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    likeness = np.exp(unit @ unit.T / 0.3)
    losses = [-np.log(likeness[i, (i + 4) % 8] / sum(likeness[i, j] for j in range(8) if j != i)) for i in range(8)]
    assert contrast(torch.tensor(seen), 0.3).item() == pytest.approx(np.mean(losses), rel=1e-12)


@pytest.mark.slow
def test_views_of_one_image_become_alike_and_those_of_others_do_not():
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (32, 4, 4), np.uint8)
    images = np.stack([cv2.resize(image, (32, 32), interpolation=cv2.INTER_CUBIC) for image in coarse])
    ids = [f"i{number}" for number in range(32)]
    torch.manual_seed(4)
    net = build_network("test_resnet")

    def loss():
        """On views that the pretraining does not draw; of features, which it never compares itself."""
        net.eval()
        views = [
            to_input(augment(torch.from_numpy(images).unsqueeze(1), draw(VIEWS, 32, 99, k, ids), VIEWS)) for k in (0, 1)
        ]
        with torch.no_grad():
            features = net.forward_head(net.forward_features(torch.cat(views)), pre_logits=True)
        return contrast(features - features.mean(0), 0.2).item()

    before = loss()
    pretrain(net, images, ids, PARAMS.model_copy(update={"epochs": 120}), 1, device=CPU, bf16=False)
    assert loss() < 0.75 * before


def test_it_is_a_function_of_seed_and_images_and_leaves_the_classifier(tiny_world):
    rows, images = tiny_world.rows("train")
    ids = rows["image_id"].tolist()
    few = PARAMS.model_copy(update={"epochs": 2})

    def trained(seed, names=ids, burnt=0):
        net, steps = network(dropout=0.5), []

        def burn(*_):
            steps.append(1)
            torch.rand(burnt if len(steps) == 3 else 0)  # of 3 an epoch

        torch.rand(burnt)
        pretrain(net, images, names, few, seed, device=CPU, bf16=False, on_batch=burn)
        assert all(weight.grad is None for weight in net.parameters())
        return states(net)

    first, start = trained(1), states(network())
    again, other, renamed = trained(1, burnt=7), trained(2), trained(1, [f"x{name}" for name in ids])
    assert all(torch.equal(first[name], again[name]) for name in first), "dropout in an epoch depends on no draw before"
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert any(not torch.equal(first[name], renamed[name]) for name in first)
    assert torch.equal(first["classifier.weight"], start["classifier.weight"])
    assert not torch.equal(first["conv_stem.weight"], start["conv_stem.weight"])


def test_the_rate_climbs_over_a_tenth_of_the_steps_and_falls_as_a_cosine():
    taken = [share_of_rate(step, 40) for step in range(40)]
    np.testing.assert_allclose(taken[:5], [0.25, 0.5, 0.75, 1, 1])
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 36)
    for share in taken[4:]:
        assert share == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11])
def test_a_few_steps_have_a_rate_too(steps):
    taken = [share_of_rate(step, steps) for step in range(steps)]
    assert taken[0] == 1
    assert all(0 < share <= 1 for share in taken)


def test_a_loss_that_is_no_number_is_one_line(tiny_world):
    rows, images = tiny_world.rows("train")
    net, steps = network(), []

    def explode(*_):
        steps.append(1)
        if len(steps) == 5:  # of 3 steps an epoch
            with torch.no_grad():
                net.conv_stem.weight.fill_(math.nan)

    with pytest.raises(InputError, match=r"pretrain: the loss is not finite in epoch 1; lower pretrain\.lr"):
        pretrain(net, images, rows["image_id"].tolist(), PARAMS, 1, device=CPU, bf16=False, on_batch=explode)
    assert len(steps) == 6


def test_weights_that_the_last_step_breaks_are_told_too(tiny_world):
    rows, images = tiny_world.rows("train")
    net, steps = network(), []

    def explode(*_):
        steps.append(1)
        if len(steps) == 3:
            with torch.no_grad():
                net.conv_stem.weight.fill_(math.inf)

    few = PARAMS.model_copy(update={"epochs": 1})
    with pytest.raises(InputError, match="not finite in epoch 0"):
        pretrain(net, images, rows["image_id"].tolist(), few, 1, device=CPU, bf16=False, on_batch=explode)


def test_a_network_of_one_size_names_the_side_that_it_takes():
    net = build_network("test_vit3", head="default", side_px=64)
    images = np.random.default_rng(3).integers(0, 256, (8, 64, 64), np.uint8)
    ids, few = list("abcdefgh"), PARAMS.model_copy(update={"epochs": 1, "batch_size": 8})
    with pytest.raises(InputError) as error:
        pretrain(net, images, ids, few, 1, device=CPU, bf16=False)
    message = "pretrain: VisionTransformer takes no images of 32 px; set pretrain.side_px to 64 (crop.side_px)"
    assert str(error.value) == message
    pretrain(net, images, ids, few.model_copy(update={"side_px": 64}), 1, device=CPU, bf16=False)


def test_a_smaller_side_is_used_for_it(tiny_world, monkeypatch):
    rows, images = tiny_world.rows("train")
    sides = []
    net = network()
    net.register_forward_pre_hook(lambda _, args: sides.append(args[0].shape[-1]))
    forward = net.forward_features
    monkeypatch.setattr(net, "forward_features", lambda batch: sides.append(batch.shape[-1]) or forward(batch))
    small = images.repeat(2, axis=1).repeat(2, axis=2)  # 64 px
    pretrain(net, small, rows["image_id"].tolist(), PARAMS.model_copy(update={"epochs": 1}), 1, device=CPU, bf16=False)
    assert set(sides) == {32}


def test_bytes_are_equal_under_deterministic_kernels(tiny_world):
    from nonmass.determinism import RuntimeParams

    runtime = RuntimeParams(threads=1, deterministic=True, precision="bf16", devices=1, nodes=1, images_mib=64)
    rows, images = tiny_world.rows("train")

    def trained():
        make_torch_deterministic(runtime, 1, "weights")
        net = build_network("test_resnet")
        few = PARAMS.model_copy(update={"epochs": 1})
        pretrain(net, images, rows["image_id"].tolist(), few, 1, device=CPU, bf16=True)
        return states(net)

    first, again = trained(), trained()
    assert all(torch.equal(first[name], again[name]) for name in first)
