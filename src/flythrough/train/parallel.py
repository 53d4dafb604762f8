"""Several GPUs of one host: a process for each, the same weights in all of them, other clips in each.

torchrun starts the processes and describes them in their environment; without it nothing here does anything.
Stages call methods of their model other than forward, so there is no wrapper around it: the loop averages the
gradients itself, as one flat bucket.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, distributed, nn


def connect(device: torch.device) -> torch.device:
    """Join the other processes of torchrun, if there are any, and return this process's own device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)  # Triton launches on the current device, not on that of its arguments
    if not distributed.is_initialized():
        # numbers that the host decides on travel through gloo, so that they never wait for a GPU
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return device


def disconnect() -> None:
    """Leave together: to be called by every process when its work is done."""
    if count() > 1:
        distributed.barrier()
        distributed.destroy_process_group()


def rank() -> int:
    """The number of this process; 0 leads: it alone logs, saves and reports."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def agree(number: float) -> float:
    """The leader's number, in every process. Clocks differ, and all must stop after the same step."""
    if count() == 1:
        return number
    shared = torch.tensor(number, dtype=torch.float64)
    distributed.broadcast(shared, 0)
    return float(shared)


@torch.no_grad()
def share_weights(model: nn.Module) -> None:
    """Every process begins with the leader's parameters and buffers."""
    if count() > 1:
        for tensor in (*model.parameters(), *model.buffers()):
            held = tensor.contiguous()  # a broadcast needs plain memory, and convolutions are channels-last
            distributed.broadcast(held, 0)
            tensor.copy_(held)


@torch.no_grad()
def average_gradients(model: nn.Module) -> None:
    """Replace every gradient by its mean over the processes; one all_reduce for the whole model."""
    if count() == 1:
        return
    gradients = [_gradient(parameter) for parameter in model.parameters() if parameter.requires_grad]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    means = flat.split([gradient.numel() for gradient in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def _gradient(parameter: nn.Parameter) -> Tensor:
    """What this process's clips did not touch still takes part: all must send the same bucket."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
