import numpy as np
import pytest
import timm
import torch

from nonmass.randomisation import SHARES, cascade, fresh_networks, layers_of, randomised

pytestmark = pytest.mark.usefixtures("torch_globals")

FAMILIES = ("mobilenetv2_035", "mobilenetv3_small_050", "mobilenetv4_conv_small_035", "test_resnet", "test_convnext")


def network(architecture="test_resnet", seed=7):
    torch.manual_seed(seed)
    return timm.create_model(architecture, pretrained=False, in_chans=1, num_classes=1).eval()


def changed(one, other):
    """Names of the tensors that differ."""
    after = other.state_dict()
    return {name for name, value in one.state_dict().items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("architecture", ["mobilenetv1_100", "densenet121", *FAMILIES])
def test_layers_run_from_the_logit_to_the_image(architecture):
    """As the network computes, by hooks; but for branches side by side, whose order means nothing."""
    net, order = network(architecture), []
    names = layers_of(net)
    for name in names:
        net.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name))
    with torch.no_grad():
        net(torch.zeros(1, 1, 64, 64))
    computed = [name for name in order[::-1] if name in names]
    places = [computed.index(name) for name in names if name in computed]
    assert places[0] == 0 and places[-1] == len(places) - 1
    assert np.corrcoef(places, np.arange(len(places)))[0, 1] > 0.99


@pytest.mark.parametrize("architecture", FAMILIES)
def test_the_last_layers_are_lost_and_no_other(architecture):
    trained, fresh = network(architecture), network(architecture, seed=8)
    layers = layers_of(trained)
    for n in (1, 4, len(layers)):
        lost = {name.rpartition(".")[0] for name in changed(trained, randomised(trained, fresh, n))}
        assert lost <= set(layers[:n])
        assert not changed(fresh, randomised(trained, fresh, n)) or n < len(layers)
    assert layers[0] in {name.rpartition(".")[0] for name in changed(trained, randomised(trained, fresh, 1))}


def test_the_trained_network_stays_as_it_was():
    trained, untouched = network(), network()
    randomised(trained, network(seed=8), 5)
    assert not changed(trained, untouched)


def test_a_cascade_ends_at_the_fresh_networks():
    trained = {3: network(seed=3), 1: network(seed=1)}
    fresh = fresh_networks(trained)
    stages = cascade(trained, fresh)
    counts = [n for n, _ in stages]
    assert counts[0] == 1 and counts[-1] == len(layers_of(trained[1]))
    assert len(counts) == len(SHARES) and counts == sorted(set(counts))
    assert all(not changed(fresh[seed], stages[-1][1][seed]) for seed in (1, 3))


def test_fresh_networks_are_the_same_every_time_and_differ_by_seed():
    trained = {1: network(seed=1), 2: network(seed=2)}
    first, again = fresh_networks(trained), fresh_networks({2: trained[2]})
    assert not changed(first[2], again[2])
    assert changed(first[1], first[2]) and changed(trained[2], first[2])
    assert not first[1].training
    assert first[1].get_classifier().weight.any()
