"""weights: a colour network's file starts a gray one that answers alike; what is no such file is one line."""

import hashlib
import os
import pickle

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data import resolve_model_data_config

from nonmass import weights
from nonmass.errors import InputError
from nonmass.network import NetworkParams, build_network, save_weights, weights_record
from nonmass.params import validate
from nonmass.weights import initial_state, weights_file

FAMILIES = (
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

pytestmark = pytest.mark.usefixtures("torch_globals")


def colour_network(architecture, **arguments):
    torch.manual_seed(6)
    size = {"img_size": SIDE} if timm.get_pretrained_cfg(architecture).fixed_input_size else {}
    return timm.create_model(architecture, pretrained=False, **size, **arguments).eval()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a network's state into the project; gives its path there."""
    monkeypatch.chdir(tmp_path)

    def to_file(network, name="start.safetensors"):
        save_file({key: value.contiguous() for key, value in network.state_dict().items()}, name)
        return name

    return to_file


def gray_and_colour(network):
    """The same gray image, as the pipeline gives it and as timm would give it to the colour network."""
    gray = torch.rand((2, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(3))
    gray[:, :, :, SIDE // 2 :] = 0.0  # black padding
    config = resolve_model_data_config(network)
    mean, std = (torch.tensor(config[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    return gray * 2 - 1, (gray - mean) / std


@pytest.mark.parametrize("architecture", ["edgenext_xx_small", "deit_tiny_patch16_224", "test_vit"])
def test_a_stem_with_a_bias_and_no_border_answers_as_the_colour_network(write, architecture):
    original = colour_network(architecture)
    network = build_network(architecture, weights=write(original), side_px=SIDE).eval()
    gray, colour = gray_and_colour(original)
    with torch.no_grad():
        torch.testing.assert_close(
            network.forward_features(gray), original.forward_features(colour), rtol=1e-4, atol=1e-4
        )


def test_without_a_bias_only_a_constant_is_missing_inside_the_border(write):
    original = colour_network("regnetx_002")
    network = build_network("regnetx_002", weights=write(original), side_px=SIDE).eval()
    gray, colour = gray_and_colour(original)
    with torch.no_grad():
        missing = (original.stem.conv(colour) - network.stem.conv(gray))[:, :, 1:-1, 1:-1]
    assert missing.abs().max() > 0.01
    torch.testing.assert_close(missing, missing[:1, :, :1, :1].expand_as(missing), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_family_takes_all_but_its_classifier_from_a_file(write, architecture):
    original = colour_network(architecture)
    torch.manual_seed(9)
    network = build_network(architecture, weights=write(original), side_px=SIDE)
    config = timm.get_pretrained_cfg(architecture)
    changed = {
        name.rpartition(".")[0]
        for name, value in network.state_dict().items()
        if not torch.equal(value, original.state_dict()[name]) and "pos_embed" not in name
    }
    assert changed == {config.first_conv, config.classifier}
    assert torch.equal(network.eval()(torch.zeros(1, 1, SIDE, SIDE)), torch.zeros(1, 1))


@pytest.mark.parametrize("classes", [0, 7, 21841])
def test_any_number_of_classes_is_dropped(write, classes):
    original = colour_network("test_convnext", num_classes=classes)
    state = initial_state("test_convnext", weights.Path(write(original)), SIDE)
    assert state["head.fc.weight"].shape[0] == 1
    assert torch.equal(state["stages.0.blocks.0.conv_dw.weight"], original.stages[0].blocks[0].conv_dw.weight)


def test_the_default_head_is_fresh_and_drawn_from_the_seed(write):
    file, heads = write(colour_network("test_resnet", num_classes=1)), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(build_network("test_resnet", weights=file, head="default").fc.weight)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "tresnet_m"])
def test_a_model_of_our_own_starts_another_unchanged(write, tmp_path, architecture):
    torch.manual_seed(1)
    ours = build_network(architecture, side_px=SIDE)
    save_weights(ours.state_dict(), tmp_path / "model.safetensors")
    network = build_network(architecture, weights="model.safetensors", side_px=SIDE)
    assert all(torch.equal(value, ours.state_dict()[name]) for name, value in network.state_dict().items())


def test_a_transformer_s_file_fits_another_side(write):
    file = write(colour_network("test_vit"))
    assert build_network("test_vit", weights=file, side_px=96)(torch.zeros(2, 1, 96, 96)).shape == (2, 1)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_of_torch_serves_as_well(write, tmp_path, wrapped):
    original = colour_network("test_resnet")
    state = {f"module.{name}": value for name, value in original.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, "start.pth")
    by_torch, by_safetensors = (
        initial_state("test_resnet", tmp_path / name, None) for name in ("start.pth", write(original))
    )
    assert all(torch.equal(by_torch[name], by_safetensors[name]) for name in by_torch if not name.startswith("fc."))


class Intruder:
    def __reduce__(self):
        return os.mkdir, ("was_here",)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "list", "code"])
def test_what_is_not_weights_is_one_line_and_never_run(write, tmp_path, damage):
    content = (tmp_path / write(colour_network("test_resnet"))).read_bytes()
    broken = {"empty": b"", "cut": content[: len(content) // 2], "text": b"hello", "code": pickle.dumps(Intruder())}
    path = tmp_path / ("start.pth" if damage in ("code", "list") else "start.safetensors")
    torch.save([1, 2], path) if damage == "list" else path.write_bytes(broken[damage])
    with pytest.raises(InputError, match=r"not readable as weights: .*; take safetensors") as error:
        build_network("test_resnet", weights=path.name)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 400
    assert not (tmp_path / "was_here").exists()


def test_weights_of_another_architecture_are_one_line(write):
    file = write(colour_network("test_efficientnet"))
    with pytest.raises(
        InputError, match=r"start\.safetensors: not weights of test_resnet: .*; correct `networks`"
    ) as error:
        build_network("test_resnet", weights=file)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 400


def test_a_missing_weight_is_not_drawn_instead(write):
    network = colour_network("test_resnet")
    del network.layer2[0].conv1
    with pytest.raises(InputError, match=r"not weights of test_resnet: .*layer2\.0\.conv1"):
        build_network("test_resnet", weights=write(network))


def test_a_missing_file_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^data/weights/x\.safetensors: no such file of initial weights"):
        build_network("test_resnet", weights="data/weights/x.safetensors")


@pytest.mark.parametrize("source", ["none", "imagenet", "data/weights/a.safetensors", "w.pth"])
def test_sources_that_params_may_name(source):
    assert validate({"timm": "test_resnet", "weights": source}, NetworkParams, "networks.x").weights == source


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("imagnet", "neither none, imagenet, nor the path of a file that ends in .safetensors"),
        ("weights.pkl", "neither none, imagenet, nor the path"),
        ("/root/w.safetensors", "a path that leads out of the project; copy or link the file into it"),
        ("../w.safetensors", "a path that leads out of the project"),
        ("models/detect/b/1/model.safetensors", "a model of this graph"),
        (None, "input should be a valid string"),
    ],
)
def test_sources_that_are_none_are_one_line(source, message):
    with pytest.raises(InputError, match=f"networks.x.weights: {message}"):
        validate({"timm": "test_resnet", "weights": source}, NetworkParams, "networks.x")


def settings(**values):
    return validate({"timm": "test_resnet", "weights": "none", **values}, NetworkParams, "networks.x")


def test_the_record_holds_the_hash_of_the_file(write):
    assert weights_record(settings()) == {"weights_sha256": ""}
    file = write(colour_network("test_resnet"))
    digest = hashlib.sha256(weights.Path(file).read_bytes()).hexdigest()
    assert weights_record(settings(weights=file)) == {"weights_sha256": digest}
    assert weights_record(settings(weights=file, weights_sha256=digest)) == {"weights_sha256": digest}


def test_another_file_than_the_pinned_one_is_refused_with_its_hash(write):
    file = write(colour_network("test_resnet"))
    digest = hashlib.sha256(weights.Path(file).read_bytes()).hexdigest()
    with pytest.raises(InputError, match=rf"start\.safetensors: not the weights that params name: .* is {digest}"):
        weights_record(settings(weights=file, weights_sha256="0" * 64))
    with pytest.raises(InputError, match=r"networks\.x\.weights_sha256: string should match pattern"):
        settings(weights_sha256="abc")


def test_without_a_network_imagenet_says_at_once_where_to_put_which_file(python, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    done = python("-c", "from nonmass.network import build_network; build_network('test_resnet', weights='imagenet')")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("nonmass.errors.InputError: networks: no ImageNet weights of test_resnet (ConnectError")
    assert "fetch https://huggingface.co/timm/test_resnet.r160_in1k/resolve/main/model.safetensors" in last
    assert last.endswith("say `networks.<backbone>.weights: data/weights/test_resnet.safetensors`")
    assert "Retrying" not in done.stderr


def test_what_the_cache_of_the_hub_holds_needs_no_network(write, monkeypatch):
    file = write(colour_network("test_resnet"))

    def cached(repository, name, local_files_only=False):
        assert (repository, name, local_files_only) == ("timm/test_resnet.r160_in1k", "model.safetensors", True)
        return file

    monkeypatch.setattr(weights, "hf_hub_download", cached)
    assert str(weights_file("test_resnet", "imagenet")) == file
    network = build_network("test_resnet", weights="imagenet")
    assert torch.equal(network.layer1[0].conv1.weight, colour_network("test_resnet").layer1[0].conv1.weight)


def test_an_architecture_without_pretrained_weights_says_so():
    with pytest.raises(
        InputError, match="timm offers no pretrained weights of test_maxvit; take `weights: none` or a PATH"
    ):
        weights_file("test_maxvit", "imagenet")
