"""Commands of the local server: run one, and see what it does."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from flythrough.commands.inputs import Device, Ray
from flythrough.commands.terminal import console, say
from flythrough.errors import InputError

ADDRESS = "http://127.0.0.1:8642"
Token = Annotated[
    str | None, Option(envvar="FLYTHROUGH_TOKEN", help="What clients must know; also from FLYTHROUGH_TOKEN.")
]
Address = Annotated[str, Option("--server", help="The server's address.")]


def serve(
    host: Annotated[str, Option(help="Where to listen; anything but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, Option(help="0: any that is free.", min=0, max=65535)] = 8642,
    token: Token = None,
    model: Annotated[
        list[str] | None,
        Option(help="A model's name, or a folder; again for more. The first is the default."),
    ] = None,
    data: Annotated[Path | None, Option(help="Where all is kept, instead of the user's data folder.")] = None,
    name: Annotated[
        list[str] | None, Option(help="A further host name it is called by; again for more.")
    ] = None,
    origin: Annotated[
        list[str] | None, Option(help="Pages of another origin that may use it, as http://localhost:5173.")
    ] = None,
    device: Device = None,
    ray: Ray = None,
    keep_alive: Annotated[float, Option(help="Seconds that an unused model stays loaded.")] = 600.0,
    frames: Annotated[int, Option(help="The longest video it makes, in frames.")] = 5761,
    queue: Annotated[int, Option(help="How many jobs may wait.")] = 256,
    sessions: Annotated[int, Option(help="How many live flights are in memory at a time.")] = 4,
    save_every: Annotated[
        int | None,
        Option(help="Chunks between two states that a job goes on from; the model's own number by default."),
    ] = None,
    random_weights: Annotated[
        bool, Option("--random-weights", help="No files: noise, but at the real speed and size.")
    ] = False,
) -> None:
    """Serve the studio, videos and live flights; jobs outlive it, whatever happens."""
    try:
        from flythrough.serve.app import create_app
        from flythrough.serve.daemon import Daemon
        from flythrough.serve.settings import Settings, default_data
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("flythrough"):
            raise
        raise InputError(f"serving needs {error.name}; `pip install 'flythrough[serve]'` brings it") from None

    settings = Settings(
        data=data or default_data(),
        host=host,
        port=port,
        token=token or None,
        names=tuple(name or ()),
        origins=tuple(origin or ()),
        models=tuple(model or ("mini",)),
        device=device,
        ray=ray,
        keep_alive_s=keep_alive,
        frames=frames,
        queue=queue,
        sessions=sessions,
        save_every=save_every,
        random_weights=random_weights,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "httpx2", "uvicorn.error", "python_multipart"):
        logging.getLogger(noisy).setLevel(logging.ERROR)  # a stranger's bad requests would fill the log
    app = create_app(settings)
    running = Daemon(app, announce=True)
    running.run()
    if not running.started:
        raise InputError(
            f"{host}:{port} cannot be listened at; another program may be there already, so try --port"
        )


def ps(server: Address = ADDRESS, token: Token = None) -> None:
    """Show what a server has loaded, makes and has waiting."""
    from rich.table import Table

    from flythrough.client import Client

    with Client(server, token=token) as client:
        now = client.ps()
    screen = console(least_width=110)
    models = Table("model", "device", "weights", "users", "idle", box=None, pad_edge=False)
    for one in now["models"]:
        idle = "in use" if one["users"] else f"{one['idle_s']:.0f} s"
        size = f"{one['bytes'] / 2**20:.0f} MB"
        models.add_row(one["name"], f"{one['device']}, {one['dtype']}", size, str(one["users"]), idle)
    if now["models"]:
        screen.print(models)
    else:
        say("no model is loaded; the next job or flight loads it")
    jobs = Table("video", "progress", "frames", "left", "prompt", box=None, pad_edge=False)
    for job in now["running"]:
        left = "" if job["eta_s"] is None else f"{job['eta_s']:.0f} s"
        done = f"{job['frames_done']}/{job['num_frames']}"
        jobs.add_row(job["id"], f"{job['progress']} %", done, left, job["name"] or job["prompt"][:40])
    if now["running"]:
        screen.print(jobs)
    print(f"{now['queued']} waiting, {now['sessions']['flying']} live, up {now['uptime_s']:.0f} s")
