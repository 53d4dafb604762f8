"""Everything needed to go on as if never stopped: weights, averages, optimizers, place in the data.

Randomness needs no place here: the loop seeds every step by its number.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from flythrough.errors import WeightsError

if TYPE_CHECKING:
    from flythrough.train.loop import Stage


class Checkpoint:
    """One file, written under another name and then renamed, so that it is whole or absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(
        self,
        stage: Stage,
        optimizers: list[torch.optim.Optimizer],
        ema: dict[str, Tensor],
        step: int,
        config: dict[str, Any],
    ) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "step": step,
            "position": stage.position,
            "model": stage.model.state_dict(),
            "ema": ema,
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "config": {name: str(value) for name, value in config.items()},
        }
        temporary = self.path.with_suffix(".part")
        torch.save(content, temporary)
        os.replace(temporary, self.path)

    def load(self, stage: Stage, optimizers: list[torch.optim.Optimizer], ema: dict[str, Tensor]) -> int:
        """Restore in place and return the step to go on from; 0 if there is no checkpoint yet."""
        if not self.path.exists():
            return 0
        device = next(stage.model.parameters()).device
        try:
            content = torch.load(self.path, map_location=device, weights_only=True)
            stage.model.load_state_dict(content["model"])
        except (RuntimeError, KeyError, EOFError, OSError, pickle.UnpicklingError) as error:
            raise WeightsError(f"{self.path}: not a checkpoint of this model ({error})") from error
        for optimizer, state in zip(optimizers, content["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        for name, tensor in content["ema"].items():
            ema[name].copy_(tensor)
        stage.position = content["position"]
        return content["step"]
