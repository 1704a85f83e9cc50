"""network: chance at the start, safe files, and one line for whatever is wrong with them."""

import json
import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from nonmass.errors import InputError
from nonmass.network import (
    NetworkParams,
    build_network,
    count_parameters,
    load_ensemble,
    load_network,
    load_trained,
    save_weights,
)
from nonmass.params import validate

TINY = (
    "test_byobnet",
    "test_coatnet",
    "test_convnext",
    "test_efficientnet",
    "test_mambaout",
    "test_nfnet",
    "test_resnet",
    "test_vit",
)
SIDE = 64
DEFAULTS = ("mobilenetv1_100", "densenet121")

pytestmark = pytest.mark.usefixtures("torch_globals")


def noise(n=4, side=SIDE):
    return torch.rand((n, 1, side, side), generator=torch.Generator().manual_seed(3)) * 2 - 1


def trained_like(architecture):
    """A network whose head and batch statistics have left their start."""
    torch.manual_seed(11)
    network = build_network(architecture, side_px=SIDE)
    torch.nn.init.normal_(network.get_classifier().weight)
    network.train()(noise(8))
    return network.eval()


@pytest.mark.parametrize("architecture", TINY + DEFAULTS)
def test_every_image_starts_at_chance(architecture):
    network = build_network(architecture, side_px=SIDE)
    logits = network(noise())
    assert network.training
    assert logits.shape == (4, 1)
    assert torch.equal(logits, torch.zeros(4, 1))
    truth = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    losses = sigmoid_focal_loss(logits, truth, alpha=0.5, gamma=2.0, reduction="none")
    # Lin et al. at p = 1/2: alpha (1 - p)^gamma (-log p) = 0.5 x 0.25 x log 2, DESIGN's 0.173 halved by alpha
    assert losses.detach().numpy() == pytest.approx(0.5 * 0.25 * math.log(2), rel=1e-6)


@pytest.mark.parametrize("architecture", TINY)
def test_every_family_trains_and_comes_back(tmp_path, architecture):
    """Build, one step, save, load, predict; with dropout, which only training sees."""
    torch.manual_seed(2)
    network = build_network(architecture, side_px=SIDE, dropout=0.2)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    truth = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    torch.nn.functional.binary_cross_entropy_with_logits(network(noise()), truth).backward()
    optimiser.step()
    save_weights(network.state_dict(), tmp_path / "3" / "model.safetensors")
    (tmp_path / "3" / "model.json").write_text(json.dumps({"timm": architecture, "side_px": SIDE}))
    ensemble = load_ensemble(tmp_path, [3])
    assert list(ensemble) == [3]
    with torch.inference_mode():
        expected = network.eval()(noise())
        assert expected.abs().max() > 0
        assert torch.equal(ensemble[3](noise()), expected)


def test_the_default_head_is_timms_own():
    torch.manual_seed(1)
    assert build_network("test_resnet", head="default").get_classifier().weight.abs().max() > 0


def test_dropout_is_dropout_of_features():
    torch.manual_seed(1)
    network = build_network("test_resnet", head="default", dropout=0.5)
    images = noise(64)
    with torch.no_grad():
        dropped = network.forward_head(network.forward_features(images), pre_logits=True)
    share = (dropped == 0).float().mean().item()
    with torch.no_grad():
        kept = build_network("test_resnet").forward_head(network.forward_features(images), pre_logits=True)
    assert share - (kept == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("architecture", ["dpn48b", "deit_tiny_distilled_patch16_224", "levit_128s"])
def test_heads_that_are_no_linear_layer_start_at_zero_too(architecture):
    """A convolution, two layers whose mean is the logit, a layer behind a norm."""
    network = build_network(architecture, side_px=64)
    assert torch.equal(network.eval()(noise(2, 64)), torch.zeros(2, 1))


@pytest.mark.parametrize(("architecture", "side"), [("crossvit_tiny_240", 64), ("inception_v3", 64)])
def test_images_of_a_side_that_a_network_cannot_take_are_one_line(architecture, side):
    with pytest.raises(InputError) as error:
        build_network(architecture, side_px=side)
    line = str(error.value)
    assert line.startswith(f"networks: {architecture} takes no gray images of {side} px")
    assert line.endswith("change networks, crop.side_px or train.dropout")
    assert len(line.splitlines()) == 1 and len(line) < 500


def test_initial_weights_come_from_torchs_seed():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(torch.cat([value.flatten() for value in build_network("test_resnet").parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_the_network_learns_in_every_layer():
    network = build_network("test_efficientnet")
    torch.nn.init.normal_(network.get_classifier().weight)
    network(noise()).square().sum().backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_parameters_are_counted_by_hand():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 5), torch.nn.BatchNorm2d(3), torch.nn.Linear(3, 1))
    assert count_parameters(network) == (3 * 25 + 3) + (3 + 3) + (3 + 1)


@pytest.mark.parametrize("architecture", TINY)
def test_a_saved_network_comes_back_bit_by_bit(tmp_path, architecture):
    network = trained_like(architecture)
    save_weights(network.state_dict(), tmp_path / "one.safetensors")
    save_weights(network.state_dict(), tmp_path / "other" / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "other" / "two.safetensors").read_bytes()
    loaded = load_network(architecture, tmp_path / "one.safetensors", SIDE)
    assert not loaded.training
    with torch.inference_mode():
        expected = network(noise())
        assert expected.std() > 0
        assert torch.equal(loaded(noise()), expected)
    save_weights(loaded.state_dict(), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "one.safetensors").read_bytes()


def refused(architecture, path):
    with pytest.raises(InputError) as error:
        load_network(architecture, path)
    line = str(error.value)
    assert line.startswith(str(path))
    assert "train" in line, "says what to do"
    assert len(line.splitlines()) == 1
    assert len(line) < len(str(path)) + 350
    return line


def test_a_missing_file_is_one_line(tmp_path):
    assert "no weights" in refused("test_resnet", tmp_path / "model.safetensors")


@pytest.mark.parametrize("damage", ["empty", "cut", "header", "text", "folder", "pickle"])
def test_a_damaged_file_is_one_line(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    save_weights(build_network("test_resnet").state_dict(), path)
    content = path.read_bytes()
    if damage == "folder":
        path = tmp_path
    elif damage == "pickle":
        torch.save(build_network("test_resnet").state_dict(), path)
    else:
        broken = {"empty": b"", "cut": content[: len(content) // 2], "header": b"\xff" * 8 + content[8:], "text": b"{}"}
        path.write_bytes(broken[damage])
    assert "not the weights of test_resnet" in refused("test_resnet", path)


def test_weights_of_another_architecture_name_what_differs(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(build_network("test_efficientnet").state_dict(), path)
    assert "Missing key" in refused("test_resnet", path)
    wide = build_network("test_resnet").state_dict()
    wide["fc.weight"] = torch.zeros(2, wide["fc.weight"].shape[1])
    save_weights(wide, path)
    assert "fc.weight" in refused("test_resnet", path)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mobilenet_v1_100", "mobilenetv1_100"),
        ("densenet-121", "densenet121"),
        ("test_resnet.r160_in1k", "test_resnet"),
        ("hf-hub:timm/test_resnet", "test_resnet"),
    ],
)
def test_an_unknown_architecture_suggests_a_known_one(name, near):
    with pytest.raises(InputError) as error:
        validate({"timm": name, "weights": "none"}, NetworkParams, "networks.x")
    assert str(error.value).startswith("networks.x.timm: timm has no such architecture; near: ")
    assert near in str(error.value)


def test_an_architecture_like_no_other_is_refused_too():
    with pytest.raises(InputError, match=r"networks\.x\.timm: timm has no such architecture \(got '§§'\)"):
        validate({"timm": "§§", "weights": "none"}, NetworkParams, "networks.x")


@pytest.mark.parametrize("record", [{}, [], None, "test_resnet", {"timm": None}, {"timm": 3}, {"timm": "no_such_net"}])
def test_a_record_without_a_known_architecture_is_one_line(tmp_path, record):
    (tmp_path / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"model\.json: holds no architecture of timm under 'timm'"):
        load_trained(tmp_path)


def test_a_record_with_an_odd_side_is_one_line(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"timm": "test_resnet", "side_px": "64"}))
    with pytest.raises(InputError, match=r"model\.json: holds no side of images under 'side_px'; train"):
        load_trained(tmp_path)


def test_a_record_leads_to_its_network(tmp_path):
    network = build_network("test_resnet")
    save_weights(network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_text('{"timm": "test_resnet", "task": "detect"}')
    image = torch.zeros(1, 1, 32, 32)
    assert torch.equal(load_trained(tmp_path)(image), network.eval()(image))
