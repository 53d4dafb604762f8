"""`flythrough batch`: the films of a manifest, here one after another or on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Exit, Option

from flythrough.commands.inputs import Device, Ray
from flythrough.commands.terminal import between_chunks, progress_bar, say
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.commands.manifest import Film
    from flythrough.pipeline import Pipeline
    from flythrough.resume import Flight
    from flythrough.spread import Cluster


class Stopped(Exception):
    """Somebody wants it to end; what there is can be gone on with."""


def batch(
    manifest: Annotated[
        Path,
        Argument(help="One JSON object a line: prompt, camera, image, frames, seed, steps, model, name..."),
    ],
    out: Annotated[Path, Option(help="The folder to write name.mp4 into.")],
    ray: Ray = None,
    model: Annotated[
        str, Option(help="For lines without a model: a name, or a folder with weights.")
    ] = "mini",
    device: Device = None,
    save_every: Annotated[
        int | None,
        Option(
            help="Chunks between two states that a film goes on from; the model's own number by default.",
            min=1,
        ),
    ] = None,
    random_weights: Annotated[
        bool, Option("--random-weights", help="No files: noise, but at the real speed and size.")
    ] = False,
) -> None:
    """Make all films of a manifest. Run again, it goes on: what is finished stays, what was begun continues."""
    from flythrough.commands.manifest import Line, read

    films = read(manifest, out, Line(model=model))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: this folder cannot be made ({error.strerror or error})") from None
    todo = _unfinished(manifest, films, random_weights)
    if len(todo) < len(films):
        say(f"{len(films) - len(todo)} of {len(films)} films are there already")
    if not todo:
        return
    made: list[str] = []
    try:
        with redirect_stdout(sys.stderr), _cluster(ray, device) as cluster:  # Ray tells of workers that died
            failed = _make_all(todo, _Work(cluster, device, random_weights, save_every), made)
    finally:
        for text in made:
            print(text)
    print(f"{len(todo) - failed} made, {len(films) - len(todo)} were there, {failed} failed", file=sys.stderr)
    if failed:
        raise Exit(1)


@contextmanager
def _cluster(address: str | None, device: str | None) -> Iterator[Cluster | None]:
    """The cluster that was asked for, left at the end."""
    if address is None:
        yield None
        return
    from flythrough.spread import Cluster

    cluster = Cluster(address, device)
    try:
        yield cluster
    finally:
        cluster.close()


class _Work:
    """How a film is made."""

    def __init__(
        self, cluster: Cluster | None, device: str | None, random_weights: bool, save_every: int | None
    ) -> None:
        self.cluster, self._device, self._save_every = cluster, device, save_every
        self._random_weights = random_weights
        self._here: tuple[tuple[str, bool], Pipeline] | None = None
        self.stopping = False

    @property
    def at_once(self) -> int:
        return self.cluster.at_once if self.cluster else 1

    def stop(self) -> None:
        """End at the next chunk."""
        self.stopping = True
        if self.cluster is not None:
            self.cluster.leave()

    def make(self, film: Film, tell: Callable[[int, int], None]) -> int:
        """Make what is missing of a film, and return its frames; tell is given frames there are, and how many more.

        Raises InputError, LostError, Stopped.
        """
        from flythrough.spread import LeftError

        if self.stopping:
            raise Stopped
        try:
            with self._pipeline(film) as pipeline, self._flight(film, pipeline) as flight:
                tell(flight.frames, 0)
                for count in flight:
                    tell(flight.frames, count)
                    if self.stopping and flight.frames < film.camera.frames:
                        flight.save()
                        raise Stopped
        except LeftError:
            raise Stopped from None
        return flight.frames

    def _flight(self, film: Film, pipeline: Pipeline) -> Flight:
        from flythrough.order import Keep, Order
        from flythrough.resume import begin, resume

        def ready(_: Order) -> Pipeline:
            return pipeline

        if Keep(film.out).asked.is_file():
            return resume(film.out, say, ready)
        line = film.line
        order = Order(
            out=film.out,
            shot=film.shot(),
            model=line.model,
            random_weights=self._random_weights,
            device=self._device,
            refine=line.refine,
            save_every=self._save_every,
        )
        return begin(order, ready)

    @contextmanager
    def _pipeline(self, film: Film) -> Iterator[Pipeline]:
        line = film.line
        if self.cluster is not None:
            from flythrough.spread import Choice

            choice = Choice(model=line.model, random_weights=self._random_weights, refine=line.refine)
            with self.cluster.using(choice) as pipeline:
                yield pipeline
            return
        from flythrough.pipeline import Pipeline

        which = line.model, line.refine
        if self._here is None or self._here[0] != which:
            self._here = None  # first, so that two need not fit
            load: Callable[..., Pipeline] = Pipeline.random if self._random_weights else Pipeline.load
            self._here = which, load(line.model, device=self._device, refine=line.refine)
        yield self._here[1]


def _make_all(films: list[Film], work: _Work, made: list[str]) -> int:
    """Make films, as many at once as there is room for; how many failed. made: gets a line for each that did not."""
    failed = 0
    with progress_bar("frames") as screen, between_chunks() as asked_to_stop:
        total = screen.add_task("all", total=sum(film.camera.frames for film in films))

        def one(film: Film) -> int:
            bar: Any = None

            def tell(done: int, more: int) -> None:
                nonlocal bar
                if bar is None:
                    bar = screen.add_task(film.line.name, total=film.camera.frames)
                    screen.advance(total, done - more)  # of an earlier run
                screen.update(bar, completed=done)
                screen.advance(total, more)

            try:
                return work.make(film, tell)
            finally:
                if bar is not None:
                    screen.remove_task(bar)

        pool = ThreadPoolExecutor(work.at_once)
        waiting: dict[Future[int], Film] = {pool.submit(one, film): film for film in films}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in done:
                    failed += not _told(waiting.pop(future), future, screen, made)
                if asked_to_stop():
                    raise KeyboardInterrupt
        finally:
            if waiting:
                work.stop()
            pool.shutdown(cancel_futures=True)
    return failed


def _told(film: Film, future: Future[int], screen: Any, made: list[str]) -> bool:
    """Note what became of a film; whether it is there."""
    try:
        frames = future.result()
    except Stopped:
        return False
    except Exception as error:  # whatever it is, the others go on
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        screen.console.print(
            f"line {film.number}: {' '.join(reason.split())}", markup=False, highlight=False, soft_wrap=True
        )
        return False
    made.append(f"{film.out}: {frames} frames, {frames / film.camera.fps:.1f} s")
    return True


def _unfinished(manifest: Path, films: list[Film], random_weights: bool) -> list[Film]:
    """The films that are not there yet; raises InputError where another one is in the way, each named first."""
    wrong, missing = 0, []
    for film in films:
        try:
            if not film.is_there(random_weights):
                missing.append(film)
        except InputError as error:
            wrong += 1
            print(f"{manifest}: line {film.number}: {error}", file=sys.stderr)
    if wrong:
        raise InputError(
            f"{manifest}: {wrong} films are in the way, so nothing was started; move them, or use --out"
        )
    return missing
