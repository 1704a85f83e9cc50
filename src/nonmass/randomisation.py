"""Networks whose weights are lost from the logit downwards: the test of an explanation by Adebayo et al. 2018.

A map that stays as it was when the network has forgotten what it learnt explains the image, not the network
(Sanity checks for saliency maps, arXiv:1810.03292).
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch

from nonmass.determinism import seed_torch
from nonmass.network import build_network

# Shares of the layers below the last one that are lost with it. With 1 nothing is left that was learnt.
SHARES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)

Networks = Mapping[int, torch.nn.Module]


def fresh_networks(trained: Networks) -> dict[int, torch.nn.Module]:
    """Seed -> a network of the same architecture as timm starts it; for one seed always the same.

    Args:
        trained: Seed -> network of timm.

    Returns:
        Networks in evaluation mode. Where training starts the last layer at zero, this one does not: it would give
        no map.
    """
    networks = {}
    for seed, network in trained.items():
        seed_torch("randomisation", seed)
        about: Any = network.pretrained_cfg  # timm's own, where it says what it has built
        networks[seed] = build_network(about["architecture"], head="default").eval()
    return networks


def layers_of(network: torch.nn.Module) -> list[str]:
    """Names of the modules that hold weights or statistics of their own, from the logit to the image.

    The order is the reverse of that in which the network names them, which in timm's convolutional families is
    the order of the computation.
    """
    holders = dict.fromkeys(name.rpartition(".")[0] for name in network.state_dict())
    return list(holders)[::-1]


def randomised(trained: torch.nn.Module, fresh: torch.nn.Module, n_layers: int) -> torch.nn.Module:
    """A copy of a network whose last layers are those of another one of its architecture.

    Args:
        trained: Stays as it is.
        fresh: As `fresh_networks` gives it.
        n_layers: How many, from the logit on.
    """
    lost = set(layers_of(trained)[:n_layers])
    drawn = {name: value for name, value in fresh.state_dict().items() if name.rpartition(".")[0] in lost}
    network = copy.deepcopy(trained)
    network.load_state_dict(drawn, strict=False)
    return network


def cascade(trained: Networks, fresh: Networks) -> list[tuple[int, dict[int, torch.nn.Module]]]:
    """How many layers are lost, and the networks without them, for each of `SHARES`.

    Args:
        trained: Seed -> network.
        fresh: Seed -> network of the same architecture.
    """
    n_below = len(layers_of(next(iter(trained.values())))) - 1
    counts = [1 + round(share * n_below) for share in SHARES]
    return [(n, {seed: randomised(network, fresh[seed], n) for seed, network in trained.items()}) for n in counts]
