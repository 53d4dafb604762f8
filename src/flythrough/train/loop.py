"""The training loop: next batch, loss, step, log, save. Every stage runs through it, on one GPU or many."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from flythrough.train import parallel
from flythrough.train.optimizer import build_optimizers, lr_scale
from flythrough.train.resume import Checkpoint

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How long, how fast, and where to. A run ends after `steps` or after `minutes`, whichever comes first.

    Steps and rates do not depend on the number of GPUs: each of them adds a batch of its own to every step.
    """

    folder: Path
    steps: int
    minutes: float | None = None
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    warmup: int = 100
    decay_share: float = 0.25  # the last quarter of the run brings the learning rate down to zero
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    log_every: int = 20
    save_minutes: float = 5.0
    sample_every: int = 2000
    seed: int = 0


class Stage(Protocol):
    """What a stage of training brings to the loop."""

    @property  # how far into the data, in numbers and tensors; saved, so that a resumed run goes on from there
    def position(self) -> Any: ...

    @position.setter
    def position(self, position: Any) -> None: ...

    @property
    def model(self) -> nn.Module: ...

    def next_batch(self, share: float) -> Any: ...  # share of the run that is done, 0 to 1

    def loss(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]: ...

    def validate(self) -> dict[str, float]: ...

    def sample(self) -> Tensor | None: ...  # a film (F, H, W, 3) uint8, for those who would rather look


@dataclass(frozen=True)
class Progress:
    step: int
    share: float  # of the run, 0 to 1
    scalars: dict[str, float]


def train(stage: Stage, run: RunConfig) -> Generator[Progress, None, None]:
    """Train stage.model, yielding after every logged step; resumes from run.folder if it holds a checkpoint.

    Stopping the iteration (Ctrl-C, close()) saves first. At the end the averaged weights are in stage.model.
    Under torchrun every process runs this loop to its end; only the leader logs, saves and yields.
    """
    leads = parallel.rank() == 0
    torch.manual_seed(run.seed)
    model, optimizers = stage.model, build_optimizers(stage.model, run.muon_lr, run.adam_lr)
    parallel.share_weights(model)
    ema = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    checkpoint = Checkpoint(run.folder / "checkpoint.pt")
    step = first = checkpoint.load(stage, optimizers, ema)
    writer = _tensorboard(run.folder) if leads else None
    start = saved = time.monotonic()
    sums: dict[str, Tensor] = {}
    try:
        while (share := parallel.agree(_share(run, step, start))) < 1:
            torch.manual_seed(_seed(run.seed, step))
            scale = lr_scale(step - first, run.warmup, share, run.decay_share)
            for optimizer, lr in zip(optimizers, (run.muon_lr, run.adam_lr), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = lr * scale

            loss, scalars = stage.loss(stage.next_batch(share))
            loss.backward()
            parallel.average_gradients(model)
            scalars["gradient_norm"] = nn.utils.clip_grad_norm_(model.parameters(), run.clip_norm)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            step += 1
            _average(ema, model, min(run.ema_decay, (step + 1) / (step + 10)))

            if not leads:
                continue
            for name, value in {"loss": loss, **scalars}.items():
                sums[name] = sums.get(name, torch.zeros_like(value.detach())) + value.detach()
            if step % run.log_every == 0:
                means = {name: float(value) / run.log_every for name, value in sums.items()}
                means["steps_per_second"] = (step - first) / (time.monotonic() - start)
                sums.clear()
                _log(writer, step, means)
                yield Progress(step, share, means)
            if step % run.sample_every == 0:
                with averaged(model, ema):
                    scores = stage.validate()
                    _show(writer, run.folder / "samples" / f"{step:06}.mp4", step, stage.sample())
                _log(writer, step, scores)
                yield Progress(step, share, scores)
            if time.monotonic() - saved > run.save_minutes * 60:
                checkpoint.save(stage, optimizers, ema, step, asdict(run))
                saved = time.monotonic()
    finally:
        if leads:
            checkpoint.save(stage, optimizers, ema, step, asdict(run))
        if writer is not None:
            writer.close()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(ema[name])


class averaged:
    """Inside the block the model holds its averaged weights."""

    def __init__(self, model: nn.Module, ema: dict[str, Tensor]) -> None:
        self.model, self.ema = model, ema

    def __enter__(self) -> None:
        self.live = {name: parameter.detach().clone() for name, parameter in self.model.named_parameters()}
        self._set(self.ema)

    def __exit__(self, *error: object) -> None:
        self._set(self.live)

    @torch.no_grad()
    def _set(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.copy_(weights[name])


def _share(run: RunConfig, step: int, start: float) -> float:
    by_steps = step / max(1, run.steps)
    by_time = (time.monotonic() - start) / (run.minutes * 60) if run.minutes else 0.0
    return max(by_steps, by_time)


def _seed(seed: int, step: int) -> int:
    """Every step of every process has a seed of its own, so a resumed run needs no stored random state."""
    return ((seed << 40) + step * 4096 + parallel.rank()) % 2**63


@torch.no_grad()
def _average(ema: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(ema.values()), [p.detach() for p in model.parameters()], 1 - decay)


def _tensorboard(folder: Path) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))


def _log(writer: SummaryWriter | None, step: int, scalars: dict[str, float]) -> None:
    if writer is not None:
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)


def _show(writer: SummaryWriter | None, path: Path, step: int, film: Tensor | None) -> None:
    """A film as a video beside the checkpoint, and four of its frames, one below the other, in TensorBoard."""
    if film is None:
        return
    if writer is not None:
        at = torch.linspace(0, len(film) - 1, 4).round().long()
        writer.add_image("sample", film[at].flatten(0, 1).cpu(), step, dataformats="HWC")
    try:
        from flythrough.media import VideoWriter

        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, 16.0, {"step": step}) as video:
            video.write(film.cpu().numpy())
    except ImportError:  # a machine for training may have no video codecs
        return
