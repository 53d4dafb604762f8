"""`flythrough generate` and `drive` with --server: the same words and files, but a server makes the video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flythrough.commands.inputs import lens_of
from flythrough.commands.terminal import bar, between_chunks, say, say_driven
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.client import Client, Job


def generate(
    address: str,
    token: str | None,
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
    with Client(address, token=token) as client:
        info = _model(client, model)
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


def drive(
    address: str,
    token: str | None,
    out: Path,
    recording: str,
    *,
    image: Path | None,
    prompt: str,
    seed: int,
    steps: int | None,
    fov: float | None,
    keys: str,
    model: str,
    record: Path | None,
) -> None:
    """Play a recorded drive on a live flight of the server's, into the files that a drive here leaves."""
    from flythrough import drive as driving
    from flythrough.client import Client
    from flythrough.media import check_film, check_writable
    from flythrough.shot import Shot

    check_film(out)
    driving.check_line()
    if record is not None:
        check_writable(record, (".json",))
    tape, prompt = driving.begun(driving.read(recording, keys), prompt)
    with Client(address, token=token) as client:
        info = _model(client, model)
        if not info["streams"]:
            raise InputError(f"{model} makes whole clips; a live flight needs a streaming model")
        path = lens_of(image, fov, None, None, info["height"], info["width"])(recording, keys, None)
        shot = Shot(camera=path, prompt=prompt, image=image, seed=seed, steps=steps)
        with bar("driving there", path.frames, "frames") as advance, between_chunks() as stop_if_asked:

            def after(frames: int) -> None:
                advance(frames)
                if stop_if_asked():
                    raise KeyboardInterrupt

            figures = driving.run_afar(client, info, shot, out, tape, record=record, after=after)
    say_driven(out, figures)


def studio(address: str, **fields: Any) -> None:
    """Open the server's page where it flies. fields: options that nothing is asked with but a drive that is played."""
    import webbrowser

    from flythrough.client import Client

    if given := [name for name, value in fields.items() if value]:
        raise InputError(
            f"without a recorded drive the server's Studio opens, which asks for these itself; leave out --{given[0]}"
        )
    with Client(address) as client:
        page = client.studio("fly")
    opened = webbrowser.open(page)
    print(f"{page}: {'it is open' if opened else 'no browser opens here, open it'} in your browser")


def _model(client: Client, name: str) -> dict[str, Any]:
    """What the server says of a model; raises InputError where it has none of that name."""
    models = {one["id"]: one for one in client.models()}
    if name not in models:
        raise InputError(f"{client.address} has no model called {name!r}; it has {', '.join(models)}")
    return models[name]


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
