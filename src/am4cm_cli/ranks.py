"""Several processes that train one model: who this one is, and sums over all of them."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import Function

from am4cm_cli.devices import pick_device
from am4cm_cli.errors import Am4cmError
from am4cm_cli.models.norm import BatchNorm


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among those that train together; alone, it is rank 0 of 1."""

    device: torch.device
    rank: int = 0
    count: int = 1
    local_count: int = 1
    """How many share this machine's memory."""

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and talks."""
        return self.rank == 0

    def share(self, index: Tensor) -> Tensor:
        """This rank's part of (P,) indices: one run of them, about P / count long."""
        return index.tensor_split(self.count)[self.rank]

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum over ranks, on every rank; gradients come back summed too."""
        return tensor if self.count == 1 else cast(Tensor, _Sum.apply(tensor))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over ranks, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        whole = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = whole.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def join_norms(self, model: nn.Module) -> None:
        """Make batch normalisation use the statistics of the batch of all ranks."""
        for module in model.modules():
            if isinstance(module, BatchNorm):
                module.reduce = self.sum if self.count > 1 else None

    def wait(self) -> None:
        """Return when all ranks have come here."""
        if self.count > 1:
            dist.barrier()


class _Sum(Function):
    """All-reduce whose gradient is an all-reduce: every rank's loss depends on every term."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _all_reduce(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _all_reduce(gradient)


def _all_reduce(tensor: Tensor) -> Tensor:
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


@contextmanager
def join_ranks(device: str) -> Iterator[Ranks]:
    """Join the processes that torchrun started; without torchrun, be alone.

    Args:
        device: as for `pick_device`; of several GPUs each local rank takes its own.

    Raises:
        Am4cmError: there is no such device, or not one for each local rank.
    """
    if not {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"} <= os.environ.keys():
        yield Ranks(device=pick_device(device))
        return
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    own = _own_device(device, int(os.environ["LOCAL_RANK"]), local)
    # Summed on the CPU unless on CUDA: there is no such backend for other devices.
    backend = "nccl" if own.type == "cuda" else "gloo"
    dist.init_process_group(backend, device_id=own if own.type == "cuda" else None)
    try:
        yield Ranks(
            device=own,
            rank=dist.get_rank(),
            count=dist.get_world_size(),
            local_count=local,
        )
    finally:
        dist.destroy_process_group()


def _own_device(name: str, local_rank: int, local_count: int) -> torch.device:
    device = pick_device(name)
    if device.type == "cpu":
        return device
    there = torch.cuda.device_count()
    if device.type != "cuda" or device.index is not None or there < local_count:
        raise Am4cmError(
            f"--device {name}: torchrun started {local_count} processes here, and found {there} "
            "CUDA devices for them. Start one process per GPU and leave out the number, or use "
            "--device cpu."
        )
    own = torch.device("cuda", local_rank)
    torch.cuda.set_device(own)
    return own
