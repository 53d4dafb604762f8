"""Commands of the renderer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from flythrough.commands.inputs import CameraText, Device, Fov, FramesOption, Keys, Split, parsed, seed_range
from flythrough.commands.terminal import bar, say


def render(
    out: Annotated[Path, Option(help="A video (.mp4), or a folder for pictures, poses and words.")],
    seed: Annotated[int, Option(help="Which world, 0 to 2147483648.")] = 0,
    split: Split = "test",
    camera: CameraText = "dolly",
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    fov: Fov = 70.0,
    kind: Annotated[str | None, Option(help="The kind of place; by default the seed chooses.")] = None,
    height: Annotated[int, Option(help="Pixels.")] = 256,
    width: Annotated[int, Option(help="Pixels.")] = 448,
    depth: Annotated[bool, Option("--depth", help="Also write depth in metres, depth/00000.npy ...")] = False,
    as_is: Annotated[
        bool,
        Option("--as-is", help="The poses are in the world's own axes; do not move them to its first view."),
    ] = False,
    device: Device = None,
) -> None:
    """Film a world along a camera path, with exact poses and depth."""
    from flythrough.tensors import device_named
    from flythrough.worlds.export import check_out, write
    from flythrough.worlds.walks import place
    from flythrough.worlds.world import World

    check_out(out, depth)
    path = parsed(camera, keys, frames, fov, height, width)
    world = World.from_seed(seed, split, kind)
    path = path if as_is else place(world, path)
    inside = int((~world.free(path.positions.float())).sum())
    if inside:
        say(f"the path goes through the ground or things in {inside} of {path.frames} frames")
    with bar("rendering", path.frames, "frames") as advance:
        write(world, path, out, device_named(device), depth=depth, progress=advance)
    print(f"{out}: {path.frames} frames of {world.kind} {seed} ({split})")


def sheet(
    out: Annotated[Path, Option(help="The picture to write.")] = Path("worlds.png"),
    seeds: Annotated[str, Option(help="Which worlds, as A:B for A to B - 1.")] = "0:48",
    split: Split = "test",
    columns: Annotated[int, Option(help="Pictures in a row.")] = 6,
) -> None:
    """Put the first views of many worlds on one picture."""
    from flythrough.media import check_writable, save_image
    from flythrough.worlds.sheet import contact_sheet
    from flythrough.worlds.world import World

    check_writable(out, (".png", ".jpg", ".webp"))
    start, stop = seed_range(seeds) or (0, 48)
    save_image(
        contact_sheet([World.from_seed(seed, split) for seed in range(start, stop)], columns=columns), out
    )
    print(f"{out}: {stop - start} worlds")
