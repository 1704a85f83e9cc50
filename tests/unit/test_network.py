"""network: chance at the start, safe files, and one line for whatever is wrong with them."""

import json
import math

import pytest
import torch

from nonmass.errors import InputError
from nonmass.network import (
    NetworkParams,
    build_network,
    count_parameters,
    load_network,
    load_trained,
    save_weights,
)
from nonmass.params import validate
from nonmass.training import LrDecayParams, TrainParams, _Classifier

TINY = ("test_resnet", "test_efficientnet", "test_convnext", "test_vit")
DEFAULTS = ("mobilenetv1_100", "densenet121")

pytestmark = pytest.mark.usefixtures("torch_globals")


def noise(n=4, side=32):
    return torch.rand((n, 1, side, side), generator=torch.Generator().manual_seed(3)) * 2 - 1


def trained_like(architecture):
    """A network whose head and batch statistics have left their start."""
    torch.manual_seed(11)
    network = build_network(architecture)
    torch.nn.init.normal_(network.get_classifier().weight)
    network.train()(noise(8))
    return network.eval()


@pytest.mark.parametrize("architecture", TINY + DEFAULTS)
def test_every_image_starts_at_chance(architecture):
    network = build_network(architecture)
    logits = network(noise())
    assert logits.shape == (4, 1)
    assert torch.equal(logits, torch.zeros(4, 1))
    recipe = TrainParams(
        seed=1, epochs=1, early_stopping_epochs=1, batch_size=2, lr=0.1, focal_alpha=0.5, focal_gamma=2.0
    )
    classifier = _Classifier(network, recipe, LrDecayParams(after_epochs=0, factor=0.1))
    losses = classifier._losses(logits, torch.tensor([[0.0], [1.0], [1.0], [0.0]]))
    # Lin et al. at p = 1/2: alpha (1 - p)^gamma (-log p) = 0.5 x 0.25 x log 2, DESIGN's 0.173 halved by alpha
    assert losses.detach().numpy() == pytest.approx(0.5 * 0.25 * math.log(2), rel=1e-6)


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
    loaded = load_network(architecture, tmp_path / "one.safetensors")
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
    with pytest.raises(InputError, match=r"networks\.x\.weights: input should be 'none'"):
        validate({"timm": "densenet121", "weights": "imagenet"}, NetworkParams, "networks.x")


def test_a_network_without_a_linear_head_is_refused():
    with pytest.raises(InputError, match="dpn48b ends in Conv2d; it needs a linear classifier"):
        build_network("dpn48b")


@pytest.mark.parametrize("record", [{}, [], None, "test_resnet", {"timm": None}, {"timm": 3}, {"timm": "no_such_net"}])
def test_a_record_without_a_known_architecture_is_one_line(tmp_path, record):
    (tmp_path / "model.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"model\.json: holds no architecture of timm under 'timm'"):
        load_trained(tmp_path)


def test_a_record_leads_to_its_network(tmp_path):
    network = build_network("test_resnet")
    save_weights(network.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "model.json").write_text('{"timm": "test_resnet", "task": "detect"}')
    image = torch.zeros(1, 1, 32, 32)
    assert torch.equal(load_trained(tmp_path)(image), network.eval()(image))
