"""The processes of a training, each with a device: how they start, and what they know together."""

import logging
import math
from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException

from nonmass.determinism import RuntimeParams
from nonmass.errors import InputError


def launch(runtime: RuntimeParams, precision: str) -> Fabric:
    """Start as many processes as params say: on GPUs where there are any, else on the CPU.

    The other processes run the calling script from its start. Those that torchrun or SLURM has
    started already are recognised by their environment; a single one asks for neither.

    Args:
        runtime: Devices and nodes.
        precision: In Lightning's words; see `determinism.choose_precision`.

    Raises:
        InputError: There are not so many devices, or SLURM was asked for another number of tasks.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    is_single = runtime.devices * runtime.nodes == 1
    try:
        fabric = Fabric(
            accelerator="cuda" if torch.cuda.is_available() else "cpu",
            devices=runtime.devices,
            num_nodes=runtime.nodes,
            strategy="auto" if is_single else "ddp",
            precision=precision,
            plugins=[LightningEnvironment()] if is_single else None,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:  # other devices or tasks than there are
        raise InputError(f"params.yaml: runtime.devices, runtime.nodes: {error}") from None
    fabric.launch()
    return fabric


def on_device(network: torch.nn.Module, fabric: Fabric) -> torch.nn.Module:
    """The network where it is trained; on several GPUs its norms see whole batches, which torch has for GPUs alone."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return network.to(fabric.device)


def in_order(like: torch.Tensor, done: Sequence[tuple[Sequence[int], torch.Tensor]], fabric: Fabric) -> torch.Tensor:
    """What all processes have computed, in the order of the rows, in each of them.

    Args:
        like: (n, 1), of the wanted shape, type and device.
        done: Rows and their values (b, 1), of this process; may be empty. No row is any other's, too.
        fabric: The processes.

    Returns:
        (n, 1). In a single process a row without a value is infinite.
    """
    values = torch.full_like(like, 0.0 if fabric.world_size > 1 else math.inf)
    if done:  # there may be fewer batches than processes
        rows = torch.tensor([row for some, _ in done for row in some], device=like.device)
        values = values.index_copy(0, rows, torch.cat([some for _, some in done]))
    if fabric.world_size > 1:
        torch.distributed.all_reduce(values)
    return values
