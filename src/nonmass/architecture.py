"""What a network is made of, seen from the outside: its blocks in the order in which an image runs through them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

from nonmass.files import metric_key

Layer = torch.nn.Conv2d | torch.nn.Linear


def describe_network(network: torch.nn.Module, side_px: int) -> dict[str, Any]:
    """Blocks with the shape of what they give, parameters and multiply-adds, measured on an empty image.

    Args:
        network: From `network.build_network`; it is left in evaluation mode.
        side_px: Of the images.

    Returns:
        `parameters`, `multiply_adds` and `layers` (convolutions and linear layers) of the whole, and `blocks`: number
        and name -> the same with `kind` and, of its output, `channels`, `height_px` and `width_px` (0 where it
        is no picture). What neither holds a layer nor changes the shape, as a norm, counts to the block before it.
        Multiply-adds are those of convolutions and linear layers for one image; products inside of attention are none.
    """
    parts, shapes, multiply_adds = dict(_blocks(network)), {}, {}

    def note_shape(name: str) -> Any:
        return lambda _module, _inputs, output: shapes.update({name: _shape(output)})

    def note_cost(layer: Layer) -> Any:
        return lambda _module, _inputs, output: multiply_adds.update({layer: output.numel() * layer.weight[0].numel()})

    hooks = [part.register_forward_hook(note_shape(name)) for name, part in parts.items()]
    hooks += [layer.register_forward_hook(note_cost(layer)) for layer in _layers(network)]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 1, side_px, side_px))
    for hook in hooks:
        hook.remove()
    rows: list[dict[str, Any]] = []
    for name, shape in shapes.items():
        part, own = parts[name], list(_layers(parts[name]))
        sums = {"parameters": _parameters(part), "multiply_adds": sum(multiply_adds.get(one, 0) for one in own)}
        sums["layers"] = len(own)
        if rows and not own and shape == {key: rows[-1][key] for key in shape}:
            rows[-1] |= {key: rows[-1][key] + value for key, value in sums.items()}
        else:
            rows.append({"name": name, "kind": _kind(part), **shape, **sums})
    return {
        "parameters": _parameters(network),
        "multiply_adds": sum(multiply_adds.values()),
        "layers": len(list(_layers(network))),
        "blocks": {f"{place:02d}_{metric_key(row['name'])}": row for place, row in enumerate(rows, start=1)},
    }


def _blocks(network: torch.nn.Module, prefix: str = "") -> Iterator[tuple[str, torch.nn.Module]]:
    """The children, and in place of a chain of them the links, one level deep."""
    for name, child in network.named_children():
        is_chain = isinstance(child, torch.nn.Sequential | torch.nn.ModuleList) and not prefix
        if is_chain and list(child.children()):
            yield from _blocks(child, f"{name}.")
        else:
            yield f"{prefix}{name}", child


def _kind(part: torch.nn.Module) -> str:
    """Its class; of a chain those of its links, with their number: "6 x DepthwiseSeparableConv"."""
    links = list(part.children()) if type(part) is torch.nn.Sequential else []  # a subclass has a name of its own
    kinds = Counter(type(link).__name__ for link in links)
    return " + ".join(f"{n} x {kind}" for kind, n in kinds.items()) or type(part).__name__


def _layers(module: torch.nn.Module) -> Iterator[Layer]:
    return (one for one in module.modules() if isinstance(one, Layer))


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _shape(output: torch.Tensor) -> dict[str, int]:
    """(1, channels, height, width), or (1, channels) behind the pooling."""
    _, channels, *sides = output.shape
    height, width = sides if len(sides) == 2 else (0, 0)
    return {"channels": int(channels), "height_px": int(height), "width_px": int(width)}
