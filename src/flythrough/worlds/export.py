"""A world along a camera path, written as a video or as a folder of pictures, poses, words and depth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import VideoWriter, check_writable
from flythrough.worlds.render import Frames, prepare, render
from flythrough.worlds.world import World

AT_ONCE = 8  # frames rendered between two reports of progress


def film(world: World, path: CameraPath, device: torch.device) -> Iterator[Frames]:
    """Render a path in world coordinates, a few frames at a time; memory does not grow with them."""
    points = path.positions[::8].float()
    scene = prepare(world.mesh(points).to(device), world.light.to(device), points.to(device))
    for c2w, intrinsics in zip(path.c2w.split(AT_ONCE), path.intrinsics.split(AT_ONCE), strict=True):
        yield render(scene, c2w, intrinsics, path.height, path.width)


def check_out(out: Path, depth: bool) -> None:
    """Raise InputError unless `out` can become a video (.mp4) or a folder."""
    if out.suffix.lower() == ".mp4":
        if depth:
            raise InputError(f"{out}: a video has no depth; with --depth, --out must be a folder")
        check_writable(out)
    elif out.suffix and not out.is_dir():
        raise InputError(f"{out}: --out must be a video (.mp4) or a folder, not a {out.suffix} file")
    elif not out.is_dir():
        check_writable(out)
    elif not os.access(out, os.W_OK):
        raise InputError(f"{out}: this folder cannot be written to")


def write(
    world: World,
    path: CameraPath,
    out: Path,
    device: torch.device,
    *,
    depth: bool = False,
    progress: Callable[[int], None] = lambda frames: None,
) -> None:
    """Film a path in world coordinates to out: an .mp4, or a folder that gets

    frames/00000.png ..., camera.json (world poses), caption.txt and, with depth, depth/00000.npy (float32, metres
    along the camera's z, infinite for the sky). What of these an existing folder holds is replaced, all at once.
    """
    check_out(out, depth)
    if out.suffix.lower() == ".mp4":
        about = {
            "prompt": world.caption(),
            "world": {"seed": world.seed, "split": world.split, "kind": world.kind},
        }
        with VideoWriter(out, path.fps, about) as video:
            for shot in film(world, path, device):
                video.write(shot.rgb[0].cpu().numpy())
                progress(shot.rgb.shape[1])
        path.take(slice(video.frames)).save(out.with_suffix(".camera.json"))
        return
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        _write_folder(world, path, part, device, depth, progress)
        out.mkdir(exist_ok=True)
        for item in part.iterdir():
            target = out / item.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(item, target)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_folder(
    world: World,
    path: CameraPath,
    out: Path,
    device: torch.device,
    depth: bool,
    progress: Callable[[int], None],
) -> None:
    for folder in ("frames", "depth") if depth else ("frames",):
        (out / folder).mkdir(parents=True)
    path.save(out / "camera.json")
    (out / "caption.txt").write_text(world.caption() + "\n", encoding="utf-8")
    number = 0
    for shot in film(world, path, device):
        for picture, far in zip(shot.rgb[0].cpu().numpy(), shot.depth[0].cpu().numpy(), strict=True):
            Image.fromarray(picture).save(out / "frames" / f"{number:05d}.png")
            if depth:
                np.save(out / "depth" / f"{number:05d}.npy", far.astype(np.float32))
            number += 1
        progress(shot.rgb.shape[1])
