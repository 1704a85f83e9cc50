"""precision: depthwise convolutions are left in single precision, and nothing else is."""

import pytest
import timm
import torch

from nonmass.precision import keep_depthwise_single


def convolution(groups, channels=8):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(channels, channels, 3, groups=groups, padding=1))


def run(network, dtype):
    images = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        return network(images)


@pytest.mark.parametrize(("groups", "expected"), [(8, torch.float32), (4, torch.bfloat16), (1, torch.bfloat16)])
def test_depthwise_convolutions_alone_leave_mixed_precision(groups, expected):
    network = convolution(groups)
    assert run(network, torch.bfloat16).dtype == torch.bfloat16
    keep_depthwise_single(network)
    assert run(network, torch.bfloat16).dtype == expected


def test_they_give_what_they_give_in_single_precision():
    network = convolution(8)
    expected = run(network, torch.float32)
    keep_depthwise_single(network)
    assert torch.equal(run(network, torch.float32), expected)
    assert torch.equal(run(network, torch.bfloat16), expected)


def test_a_half_precision_input_and_its_gradient_pass_through():
    network = convolution(8)
    keep_depthwise_single(network)
    images = torch.randn(2, 8, 6, 6).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        network(images).sum().backward()
    assert images.grad.dtype == torch.bfloat16
    assert network[0].weight.grad.dtype == torch.float32


def test_weights_keep_their_names_and_a_second_call_changes_nothing():
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv1_100", in_chans=1, num_classes=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    keep_depthwise_single(network)
    kinds = [type(module) for module in network.modules()]
    keep_depthwise_single(network)
    assert [type(module) for module in network.modules()] == kinds
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert sum(kind.__name__ == "_SingleDepthwise" for kind in kinds) == 13  # Howard et al. 2017, table 1
