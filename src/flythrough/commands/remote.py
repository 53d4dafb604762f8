"""`flythrough generate --server`: the same words and files, but a server makes the video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flythrough.commands.inputs import lens_of
from flythrough.commands.terminal import bar, say
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.client import Client, Job


def generate(
    address: str,
    out: Path,
    *,
    camera: str,
    image: Path | None,
    keys: str,
    frames: int | None,
    fov: float | None,
    intrinsics: Path | None,
    estimator: Path | None,
    contact_sheet: bool,
    model: str,
    **fields: Any,
) -> None:
    """Ask, show how it goes, and write what comes. Files are read here; the server sees none of their names."""
    from flythrough.client import Client
    from flythrough.media import check_writable

    check_writable(out, (".mp4",))
    with Client(address) as client:
        info = next((one for one in client.models() if one["id"] == model), None)
        if info is None:
            known = ", ".join(one["id"] for one in client.models())
            raise InputError(f"{address} has no model called {model!r}; it has {known}")
        if _told(camera, intrinsics, estimator):
            fields |= {"camera": camera, "keys": keys, "num_frames": frames, "fov_deg": fov}
        else:
            path = lens_of(image, fov, intrinsics, estimator, info["height"], info["width"])(
                camera, keys, frames
            )
            fields["camera"] = {
                "c2w": path.c2w.tolist(),
                "intrinsics": path.intrinsics.tolist(),
                "height": path.height,
                "width": path.width,
                "fps": path.fps,
            }
        job = client.create(image=image, model=model, **fields)
        if job["position"]:
            say(f"{job['position']} videos are made before it")
        job = _watched(client, job)
        if job["status"] != "completed":
            said = job["error"]["message"] if job["error"] else f"it was {job['status']}"
            raise InputError(f"{address} has not made {job['id']}: {said}")
        client.save(job, out)
        if contact_sheet:
            client.save(job, out.with_suffix(".sheet.png"), "spritesheet")
    print(f"{out}: {job['num_frames']} frames, {job['num_frames'] / job['fps']:.1f} s")


def _told(camera: str, intrinsics: Path | None, estimator: Path | None) -> bool:
    """Whether the server can fly the camera from its text, so that no file has to be read here."""
    from flythrough.camera.files import names_file

    return not names_file(camera) and intrinsics is None and estimator is None


def _watched(client: Client, job: Job) -> Job:
    """Wait, with a bar. Ctrl-C stops the video there too."""
    shown = 0
    try:
        with bar("flying there", job["num_frames"], "frames") as advance:

            def changed(now: Job) -> None:
                nonlocal shown
                advance(now["frames_done"] - shown)
                shown = now["frames_done"]

            return client.wait(job["id"], changed)
    except KeyboardInterrupt:
        client.cancel(job["id"])
        say(f"{job['id']} was cancelled; what it has stays at {client.address}")
        raise
