"""Seeds, threads and deterministic kernels: the only module that touches global state."""

import hashlib
import os
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from nonmass.params import Section


class RuntimeParams(Section):
    """How the network stages run. Results are bit-equal for equal values on one kind of machine.

    Attributes:
        threads: Of torch, on the CPU.
        deterministic: Only kernels that give the same bits every time.
        precision: Of the training: 32, bf16 (mixed), or auto: bf16 where the processor multiplies it itself.
        devices: Processes a node, each with a GPU or a share of the CPU; a batch is divided among them.
        nodes: Machines, as torchrun or SLURM start them.
        images_mib: Larger sets of images are mapped from a file instead of held in memory.
    """

    threads: int = Field(ge=1, le=1024)
    deterministic: bool
    precision: Literal["auto", 32, "bf16"]
    devices: int = Field(ge=1)
    nodes: int = Field(ge=1)
    images_mib: int = Field(ge=1)


def seed_of(*key: int | str) -> int:
    """A 128-bit seed that is a function of its key alone, e.g. `(seed, "order", epoch)`.

    Stateless randomness: no draw depends on which draws came before it, so runs may be resumed,
    reordered and spread over workers without changing a number. Numbers and texts of NumPy count
    as Python's, so that it does not matter which library an image id came through.
    """
    text = "\x1f".join(f"{'str' if isinstance(part, str) else 'int'}:{part}" for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def generator(*key: int | str) -> np.random.Generator:
    """A fresh NumPy generator for a key; see `seed_of`."""
    return np.random.Generator(np.random.Philox(seed_of(*key)))


def make_torch_deterministic(params: RuntimeParams, *key: int | str) -> None:
    """Fix torch's threads, kernels and global generator (which draws initial weights and dropout).

    Sums are split over threads, so another thread count gives other last digits.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # must stand before CUDA starts
    import torch

    torch.set_num_threads(params.threads)
    torch.use_deterministic_algorithms(params.deterministic)
    # Nothing here reads memory that it has not written; filling it beforehand takes a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not params.deterministic
    torch.backends.cudnn.allow_tf32 = False  # precision 32 is single precision, on every GPU
    seed_torch(*key)


def seed_torch(*key: int | str) -> None:
    """Set torch's global generator (initial weights, dropout) to a function of a key; see `seed_of`."""
    import torch

    torch.manual_seed(seed_of(*key) % 2**63)


def choose_precision(params: RuntimeParams) -> Literal["32-true", "bf16-mixed"]:
    """The precision of the training in Lightning's words: as params say; for `auto`, bfloat16 where it is native.

    Elsewhere bfloat16 is emulated and slower than single precision. The choice changes the
    trained weights, so the train stage records it.
    """
    wanted = params.precision
    if wanted == "auto":
        wanted = "bf16" if _multiplies_bfloat16() else 32
    return "bf16-mixed" if wanted == "bf16" else "32-true"


def processor_name() -> str:
    """The GPU's name, or the processor's model as Linux tells it: what rounds, and may round otherwise elsewhere."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, "unknown processor")


def _multiplies_bfloat16() -> bool:
    """Whether the GPU, or the processor where there is none, has instructions for bfloat16 products."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    processor = torch.cpu.get_capabilities()
    return bool(processor.get("avx512_bf16") or processor.get("amx_bf16"))
