"""pretraining: the loss against its definition, and what it does to a network."""

import cv2
import numpy as np
import pytest
import torch

from nonmass.augment import augment, draw
from nonmass.batches import to_input
from nonmass.determinism import make_torch_deterministic
from nonmass.network import build_network
from nonmass.pretraining import VIEWS, PretrainParams, contrast, pretrain

pytestmark = pytest.mark.usefixtures("torch_globals")

PARAMS = PretrainParams(epochs=6, batch_size=16, side_px=32, lr=3e-3, temperature=0.2)
CPU = torch.device("cpu")


def network():
    torch.manual_seed(4)
    return build_network("test_efficientnet", head="default")


def states(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def test_the_loss_is_the_cross_entropy_of_picking_the_other_view():
    seen = np.random.default_rng(1).normal(size=(8, 5))
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    likeness = np.exp(unit @ unit.T / 0.3)
    losses = [-np.log(likeness[i, (i + 4) % 8] / sum(likeness[i, j] for j in range(8) if j != i)) for i in range(8)]
    assert contrast(torch.tensor(seen), 0.3).item() == pytest.approx(np.mean(losses), rel=1e-12)


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
    few = PARAMS.model_copy(update={"epochs": 1})

    def trained(seed, names=ids):
        net = network()
        make = torch.get_rng_state()
        pretrain(net, images, names, few, seed, device=CPU, bf16=False)
        assert torch.equal(torch.get_rng_state(), make), "it draws from nobody else's generator"
        return states(net)

    first, start = trained(1), states(network())
    again, other, renamed = trained(1), trained(2), trained(1, [f"x{name}" for name in ids])
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert any(not torch.equal(first[name], renamed[name]) for name in first)
    assert torch.equal(first["classifier.weight"], start["classifier.weight"])
    assert not torch.equal(first["conv_stem.weight"], start["conv_stem.weight"])


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
