"""Commands that fly: a clip, a clip that goes on, a drive; and a drawing of where the camera goes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from flythrough.commands.inputs import (
    CameraText,
    Device,
    Fov,
    FramesOption,
    Keys,
    Server,
    ServerToken,
    lens_of,
    parsed,
)
from flythrough.commands.terminal import bar, between_chunks, say, say_driven, waiting
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.resume import Flight


def generate(
    camera: CameraText = "dolly",
    image: Annotated[
        Path | None, Option(help="First frame; without one, a world that fits the prompt.")
    ] = None,
    prompt: Annotated[str, Option(help="The place, in words.")] = "",
    negative_prompt: Annotated[
        str, Option(help="What should not be there; for models that are guided.")
    ] = "",
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    seed: Annotated[int, Option(help="The same seed gives the same video.")] = 0,
    out: Annotated[
        Path, Option(help="The video to write: .mp4, .m3u8 (HLS), or - for standard output (NUT).")
    ] = Path("flythrough.mp4"),
    steps: Annotated[
        int | None, Option(help="Denoising steps a chunk; the model's own number by default.")
    ] = None,
    guidance_scale: Annotated[
        float | None, Option(help="How hard to follow the prompt; the model's own number by default.")
    ] = None,
    refine: Annotated[
        bool, Option("--refine/--no-refine", help="Whether an official model's second stage goes over it.")
    ] = True,
    fov: Annotated[
        float | None,
        Option(help="Horizontal field of view in degrees; by default what the picture's EXIF says, else 70."),
    ] = None,
    intrinsics: Annotated[
        Path | None, Option(help="fx fy cx cy in pixels of the picture: .npy (4), (3, 3), (F, 4), (F, 3, 3).")
    ] = None,
    estimator: Annotated[
        Path | None, Option(help="Estimate the lens: the folder of Pi3X's weights; needs the package pi3.")
    ] = None,
    contact_sheet: Annotated[
        bool, Option("--contact-sheet", help="Also write a picture of the whole clip.")
    ] = False,
    save_every: Annotated[
        int | None,
        Option(
            help="Chunks between two states that `resume` goes on from; the model's own number by default, 0: none."
        ),
    ] = None,
    model: Annotated[str, Option(help="A model's name, or a folder with its weights.")] = "mini",
    device: Device = None,
    random_weights: Annotated[
        bool, Option("--random-weights", help="No files: noise, but at the real speed and size.")
    ] = False,
    server: Server = None,
    token: ServerToken = None,
) -> None:
    """Fly a camera into a picture and write what it sees."""
    if server is not None:
        from flythrough.commands import remote

        if device is not None or random_weights:
            raise InputError("--device and --random-weights are the server's choice, so not with --server")
        return remote.generate(
            server,
            token,
            out,
            camera=camera,
            image=image,
            keys=keys,
            frames=frames,
            fov=fov,
            intrinsics=intrinsics,
            estimator=estimator,
            contact_sheet=contact_sheet,
            model=model,
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            steps=steps,
            guidance_scale=guidance_scale,
            refine=refine,
        )
    from flythrough.media import check_film
    from flythrough.order import Order
    from flythrough.pipeline import Pipeline
    from flythrough.resume import begin
    from flythrough.shot import Shot

    check_film(out)
    if contact_sheet and str(out) == "-":
        raise InputError("a contact sheet lies beside the video, so --out must be a file for it")
    plan = Pipeline.check(model)
    path = lens_of(image, fov, intrinsics, estimator, plan.height, plan.width)(camera, keys, frames)
    shot = Shot(
        camera=path,
        prompt=prompt,
        negative_prompt=negative_prompt,
        image=image,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
    )
    order = Order(
        out=out,
        shot=shot,
        model=model,
        random_weights=random_weights,
        device=device,
        refine=refine,
        contact_sheet=contact_sheet,
        save_every=save_every,
    )
    with waiting(f"loading {model}"):
        flight = begin(order)
    if random_weights:
        say("the weights are random: this shows that the program runs, not what the model can do")
    _fly(flight)


def resume(
    out: Annotated[Path, Argument(help="The video that was asked for; its state lies in OUT.resume.")],
) -> None:
    """Go on with a video that was stopped, killed or had no room; the result is as if nothing had happened."""
    from flythrough.resume import resume as taken_up

    with waiting(f"taking up {out}"):
        flight = taken_up(out, say)
    _fly(flight)


def drive(
    recording: Annotated[
        str | None,
        Argument(help="A recorded drive (.json), or keys such as 'w-40,jw-20'; without one, you drive."),
    ] = None,
    image: Annotated[
        Path | None, Option(help="First frame; without one, a world that fits the prompt.")
    ] = None,
    prompt: Annotated[
        str, Option(help="The place, in words; by default what the recording says at its beginning.")
    ] = "",
    keys: Keys = "flythrough",
    seed: Annotated[int, Option(help="The same seed and recording give the same video.")] = 0,
    out: Annotated[
        Path, Option(help="The video to write: .mp4, .m3u8 (HLS), or - for standard output (NUT).")
    ] = Path("drive.mp4"),
    record: Annotated[
        Path | None, Option(help="Where the drive goes as JSON; your own goes beside the video by default.")
    ] = None,
    steps: Annotated[
        int | None, Option(help="Denoising steps a chunk; the model's own number by default.")
    ] = None,
    fov: Annotated[
        float | None,
        Option(help="Horizontal field of view in degrees; by default what the picture's EXIF says, else 70."),
    ] = None,
    model: Annotated[str, Option(help="A streaming model's name, or a folder with its weights.")] = "mini",
    device: Device = None,
    server: Server = None,
    token: ServerToken = None,
) -> None:
    """Drive the camera with this terminal's keys, or play a recorded drive, into a video.

    With --server a drive is played there, and without one the Studio is opened in the browser, to fly in.
    """
    from contextlib import nullcontext

    if server is not None:
        from flythrough.commands import remote

        if device is not None:
            raise InputError("--device is the server's choice, so not with --server")
        fields = {"image": image, "prompt": prompt, "seed": seed, "steps": steps, "fov": fov}
        if recording is None:
            fields |= {"keys": keys != "flythrough", "out": out != Path("drive.mp4"), "record": record}
            return remote.studio(server, **fields, model=model != "mini")
        more = {"keys": keys, "model": model, "record": record}
        return remote.drive(server, token, out, recording, **fields, **more)

    from flythrough import drive as driving
    from flythrough.media import check_film, check_writable
    from flythrough.pipeline import Pipeline
    from flythrough.shot import Shot

    check_film(out)
    if recording is None:
        driving.check_terminal()
        record = record or Path("drive.json" if str(out) == "-" else out.with_suffix(".drive.json"))
    if record is not None:
        check_writable(record, (".json",))
    tape = None if recording is None else driving.read(recording, keys)
    if tape is not None:
        tape, prompt = driving.begun(tape, prompt)
    plan = Pipeline.check(model)
    path = lens_of(image, fov, None, None, plan.height, plan.width)(recording or "none-1", keys, None)
    shot = Shot(camera=path, prompt=prompt, image=image, seed=seed, steps=steps)
    with waiting(f"loading {model}"):
        pipeline = Pipeline.load(model, device=device)
    shown = bar("driving", path.frames, "frames") if tape else nullcontext(lambda _: None)
    with shown as advance, between_chunks() as stop_if_asked:

        def after(frames: int) -> None:
            advance(frames)
            if stop_if_asked():
                raise KeyboardInterrupt

        figures = driving.run(pipeline, shot, out, drive=tape, record=record, keys=keys, after=after)
    say_driven(out, figures)


def _fly(flight: Flight) -> None:
    """Make a video to its end, or until Ctrl-C, and say what there is."""
    out, shot = flight.order.out, flight.order.shot
    shown = bar("flying", shot.frames, "frames", done=flight.frames)
    try:
        with flight, shown as advance, between_chunks() as asked_to_stop:
            for count in flight:
                advance(count)
                if asked_to_stop() and flight.frames < shot.frames:
                    flight.save()
                    raise KeyboardInterrupt
    finally:
        if flight.frames:
            text = f"{out}: {flight.frames} frames, {flight.frames / shot.fps:.1f} s"
            print(text, file=sys.stderr if str(out) == "-" else sys.stdout)
        if flight.resumable:
            say(f"`flythrough resume {shlex.quote(str(out))}` goes on with it")


def camera_show(
    path: Annotated[str, Argument(help="Keys, a preset or a file.")],
    out: Annotated[Path, Option(help="The picture to write: .png, .svg or .pdf.")] = Path("camera.png"),
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    fov: Fov = 70.0,
) -> None:
    """Draw a path: from above, from the side, speeds and lens."""
    from flythrough.camera.show import draw
    from flythrough.media import check_writable

    check_writable(out, (".png", ".svg", ".pdf"))
    flown = parsed(path, keys, frames, fov)
    draw(flown, out, title=path if len(path) < 40 else "")
    print(f"{out}: {flown.frames} frames, {flown.seconds:.1f} s")
