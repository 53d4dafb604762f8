"""Session: a flight in progress. Push where the camera goes, get what it sees.

The stream is the loop of `_made`: as soon as a chunk's poses are there, `flight/maker.py` makes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flythrough.camera import intrinsics as lens_of
from flythrough.camera.keys import MOST_FRAMES, Dialect, LiveKeys, named, segments
from flythrough.camera.path import FOV_DEG, FPS, CameraPath
from flythrough.camera.pose import check_poses
from flythrough.conditioning import CameraEncoding
from flythrough.errors import InputError
from flythrough.film import Coming, Delivery, Later, films
from flythrough.flight.lanes import Helper, meet
from flythrough.flight.maker import ChunkMaker
from flythrough.flight.moment import Moment, taken, unpack, unpack_speech
from flythrough.flight.receipt import Receipt
from flythrough.flight.snapshot import fingerprint, read_snapshot, write_snapshot
from flythrough.flight.speech import Part, Speech
from flythrough.flight.terms import Opening, Terms
from flythrough.flight.track import NUMBERS, from_rows, to_rows
from flythrough.media import Film
from flythrough.model.transformer import SanaWM
from flythrough.refinement import Refinement
from flythrough.sampling.graphs import Steps
from flythrough.shot import check_prompt
from flythrough.tensors import dims
from flythrough.text.base import Reader, Words
from flythrough.vae.base import VideoVAE

CHANGE = 4  # chunks that a new prompt takes to be alone
RECEIPTS = 64


class Session:
    """One stream of frames. Memory and time of a push do not depend on how long the flight has lasted.

    session.push("w-16,dw-8")                  # keys held for so many frames, or poses and lenses
    session.say("the same place, at night")    # heard from the next chunk on
    session.snapshot("flight.safetensors")     # and `Session.restore`, in this process or another
    session.rewind(3)                          # three chunks back
    other = session.fork()                     # two futures

    The same pushes give the same frames, bit for bit, on one machine, device and number of threads.
    """

    def __init__(
        self,
        model: SanaWM,
        vae: VideoVAE,
        opening: Opening,
        *,
        encoding: CameraEncoding,
        sigmas: tuple[float, ...],
        seed: int = 0,
        first_plus_one: bool = False,
        refine: Refinement | None = None,
        read: Reader | None = None,
        name: str = "a model",
        fps: float = FPS,
        keys: str | Dialect = "flythrough",
        lens: Tensor | None = None,
        rewinds: int = 0,
        on_chunk: Callable[[Receipt], None] | None = None,
        steps: Steps | None = None,
    ) -> None:
        """Arguments that last, see `Terms`, and:

        refine    a second stage, which is given the latents of every chunk in order and returns those to be decoded
        read      turns the prompts of `say` into words
        rewinds   chunks that `rewind` can take back. Each keeps a whole memory: of mini 32 MB in float32
        on_chunk  is called with the receipt of every chunk; `receipts` has the last ones
        steps     the model's, if flights share them
        """
        self.model, self.vae, self.opening = model, vae, opening
        self._device = opening.latent.device
        rows, columns = dims(opening.latent, "B C T h w", B=1, T=1)[3:]
        self._size = rows * vae.spatial_stride, columns * vae.spatial_stride  # height and width of a frame
        own = lens_of.from_fov(FOV_DEG, *self._size) if lens is None else lens
        self.terms = Terms(
            encoding=encoding,
            sigmas=sigmas,
            seed=seed,
            first_plus_one=first_plus_one,
            fps=fps,
            keys=named(keys),
            name=name,
            lens=tuple(own.tolist()),
        )
        self.read, self.on_chunk = read, on_chunk
        self._maker = ChunkMaker(steps or Steps(model), vae, opening, self.terms, self._size)
        self.receipts: deque[Receipt] = deque(maxlen=RECEIPTS)
        speech = Speech(Part(opening.prompt, opening.words))
        self._now = Moment(model.new_state(), speech, refine)
        self._way: deque[np.ndarray] = deque(maxlen=MOST_FRAMES)  # rows of a Track, for `path`
        self._rewinds = rewinds
        self._moments: deque[Moment] = deque(maxlen=rewinds + 1)  # after each chunk, the last one is now
        self._mark = ""
        self._catching_up = False
        self._coming: Coming | None = None
        self._helper = Helper()
        self._keep()

    def push(self, camera: Tensor | str, intrinsics: Tensor | None = None) -> Film:
        """Go on along a camera's poses, or under held keys.

        camera      c2w (n, 4, 4), in the same axes as all before, or keys such as "w-40,jw-20"
        intrinsics  (n, 4) in pixels, of poses; keys go on with the lens there is
        Returns the frames (m, H, W, 3) uint8 that can be made of what is known now. A chunk waits until all its
        poses are there, and the first one for pose 7 too, so m may be 0; `finish` gives what is still owed.
        Raises InputError where poses, lens or keys are none; nothing has happened then.
        """
        if isinstance(camera, str):
            if intrinsics is not None:
                raise InputError("keys were pushed with intrinsics; they go on with the lens there is")
            films = [self.hold(held, frames) for held, frames in segments(camera, self.terms.keys)]
            return np.concatenate(films)
        if intrinsics is None:
            raise InputError("poses were pushed without intrinsics; give (n, 4), in pixels")
        return self._film(self._checked(camera, intrinsics))

    def fly(self, c2w: Tensor, intrinsics: Tensor, together: int = 0) -> Iterator[Film]:
        """`push` and `finish` of a whole path, a film for each chunk.

        c2w, intrinsics  (n, 4, 4) and (n, 4), as for `push`
        together         so many chunks belong together: at the end of each group all that was made has been given
        Elsewhere in a group the session is up to a chunk ahead of its films: while one is used, the next is made.
        """
        rows = self._checked(c2w, intrinsics)
        with self._helper.at_work(self._device):
            yield from films(self._made(rows), lambda: self._in_step(together))
        yield self.finish()

    @contextmanager
    def later(self) -> Iterator[Coming]:
        """Have the frames of all pushes in the block later, from what it gives; the pushes themselves return none.

        On a CPU the last stage works beside the next block: flights that must not fall behind make more frames so, in
        half of the cores, and each is there a little later.
        """
        self._coming = Coming(self._empty())
        try:
            with self._helper.at_work(self._device):
                yield self._coming
        finally:
            self._coming = None

    def catch_up(self) -> None:
        """Have a `fly` under way give what was made before it makes more: its next film leaves nothing over."""
        self._catching_up = True

    def hold(self, keys: Iterable[str], frames: int = 1) -> Film:
        """Fly so many frames of 1/16 s with these keys held: letters of the dialect, or "w+d"; none: coast or stay.

        A flight's first pose is where it starts, so its first keys give one pose more, as in a key string. After
        pushed poses the camera goes on from the last one, at rest; the horizon is that of the poses' axes.
        """
        if not 1 <= frames <= MOST_FRAMES:
            raise InputError(f"keys are held for {frames} frames; possible are 1 to {MOST_FRAMES}")
        letters, now = set(keys) - {"+"}, self._now
        live = self._at_the_controls()
        poses = [] if now.track.known else [live.c2w]
        own = torch.tensor(self.terms.lens, dtype=torch.float64)
        lens = now.track.rows[-1, 16:] if now.track.known else own
        film = [self._empty()]
        for _ in range(frames):  # one by one, so that a chunk's moment holds the keys of its last pose
            poses.append(live.step(letters))
            now.keys = live
            film.append(self._film(to_rows(torch.stack(poses), lens.expand(len(poses), 4))))
            poses = []
        return np.concatenate(film)

    def say(self, prompt: str, over: int = CHANGE, *, words: Words | None = None) -> None:
        """Change the prompt. The next chunk hears of it, and from the `over`th on there is nothing else.

        words  of the prompt, where the session was given no `read`
        Raises InputError where over is not 1 (at once) to 12.
        """
        check_prompt(prompt)
        speech = self._now.speech
        if words is None:
            if prompt == speech.target.prompt:
                return
            if self.read is None:
                raise InputError(
                    "the session cannot read a prompt; give its words, or a reader when it opens"
                )
            words = self.read(prompt, "")
        self._now.speech = speech.said(prompt, words, self._now.state.chunks, over)

    def finish(self) -> Film:
        """The frames (m, H, W, 3) of all poses not seen yet: the camera stays where it is until the chunk is full."""
        if not self.poses_known:
            raise InputError("the flight has no poses yet; push some first")
        owed = self.poses_known - self.frames_made
        film = self._empty()
        while owed > len(film):
            stay = self._maker.needed(self._now) - self.poses_known
            film = np.concatenate([film, self._film(self._now.track.rows[-1:].expand(stay, NUMBERS))])
        return film[:owed]

    def snapshot(self, path: str | Path) -> dict[str, int]:
        """Write the whole flight to one safetensors file, to be taken up by `restore`; an old file is replaced.

        Returns the bytes of each part: `state`, and beside it what grows with the picture, `tails` (the last frames
        before convolutions in time), `window` (exact memory of the frames in sight), `vae`, `refiner`; `words`,
        `track`, and `path`, 160 bytes for every frame flown.
        """
        self._helper.settle()
        meet(self._device)
        tensors, facts = self._now.pack()
        tensors |= {"opening": self.opening.latent, "path": self._rows()}
        facts |= {"model": self._identity(), "opening": self.opening.prompt, "terms": asdict(self.terms)}
        return write_snapshot(Path(path), tensors, facts)

    @classmethod
    def restore(
        cls,
        path: str | Path,
        model: SanaWM,
        vae: VideoVAE,
        *,
        second_stage: Callable[[Opening, int], Refinement | None] | None = None,
        read: Reader | None = None,
        rewinds: int = 0,
        on_chunk: Callable[[Receipt], None] | None = None,
        steps: Steps | None = None,
    ) -> Session:
        """Take up a flight where it was when `snapshot` was called, bit for bit. Chunks before cannot be taken back.

        second_stage  makes the flight's second stage of its opening and seed
        Raises InputError, one sentence, where the file is damaged, foreign or of a model with other weights or dtype.
        """
        path = Path(path)
        tensors, facts = read_snapshot(path, next(model.parameters()).device)
        terms, speech = Terms.from_dict(facts["terms"]), unpack_speech(tensors, facts)
        latent = taken(tensors, "opening")
        opening = Opening(latent=latent, words=speech.target.words, prompt=facts["opening"])
        session = cls(
            model,
            vae,
            opening,
            **(vars(terms) | {"lens": torch.tensor(terms.lens, dtype=torch.float64)}),
            refine=second_stage(opening, terms.seed) if second_stage else None,
            read=read,
            rewinds=rewinds,
            on_chunk=on_chunk,
            steps=steps,
        )
        if facts["model"] != session._identity():
            raise InputError(
                f"{path}: is of a flight with {terms.name}, whose weights, dtype or stages are not those loaded here"
            )
        way = taken(tensors, "path")
        with torch.inference_mode():
            refinement = session._now.refinement
            session._now = unpack(tensors, facts, model, speech, terms.keys, refinement)
        session._way.extend(way.cpu().numpy())
        session._moments.clear()
        session._keep()
        return session

    def rewind(self, chunks: int) -> None:
        """Go back to where the flight was when it had made so many chunks less.

        What was said or pushed since is forgotten: go on with the pose of pixel frame `poses_known`.
        Raises InputError beyond the start, and beyond the `rewinds` that the session keeps.
        """
        most = self.rewindable
        if not 1 <= chunks <= most:
            hint = (
                f"it can take back {most}" if most else "it keeps none; open it with rewinds=8, for instance"
            )
            raise InputError(f"the flight cannot be rewound by {chunks} chunks; {hint}")
        self._helper.settle()
        for _ in range(chunks):
            self._moments.pop()
        known = self.poses_known
        self._now = self._moments[-1].copy()
        for _ in range(min(len(self._way), known - self.poses_known)):
            self._way.pop()
        while self.receipts and self.receipts[-1].chunk >= self.chunks_made:
            self.receipts.pop()

    def fork(self) -> Session:
        """A second flight from here, on its own from now on. What both remember lies in memory once."""
        self._helper.settle()
        meet(self._device)
        other = copy(self)
        other._helper = Helper()
        other._now, other._moments = self._now.copy(), self._moments.copy()
        other._way, other.receipts = self._way.copy(), self.receipts.copy()
        return other

    @property
    def path(self) -> CameraPath:
        """Where the camera has been told to go, every pose so far, of a longer flight the last hour's."""
        if not self._way:
            raise InputError("the flight has no poses yet; push some first")
        return CameraPath(*from_rows(self._rows()), *self._size, self.terms.fps)

    def where(self, frames: range) -> CameraPath:
        """The poses and lenses of some pixel frames that have been pushed, of a longer flight the last hour's."""
        shift = len(self._way) - self.poses_known
        rows = torch.from_numpy(np.stack([self._way[shift + frame] for frame in frames]))
        return CameraPath(*from_rows(rows), *self._size, self.terms.fps)

    @property
    def rewindable(self) -> int:
        """How many chunks `rewind` can take back now."""
        return len(self._moments) - 1 if self._rewinds else 0

    @property
    def prompt(self) -> str:
        """The prompt said last."""
        return self._now.speech.target.prompt

    @property
    def heard(self) -> tuple[tuple[str, float], ...]:
        """What the chunk made last was told: prompts and their shares, the newest last."""
        return self._now.speech.shares(self.chunks_made - 1)

    @property
    def latents(self) -> Tensor | None:
        """(1, C, n, h, w) of the chunk made last, before it is refined."""
        return self._now.latents

    @property
    def chunk_frames(self) -> int:
        """Pixel frames a chunk: the natural number of poses to push at once."""
        return self._maker.chunk_frames

    @property
    def chunks_made(self) -> int:
        return self._now.state.chunks

    @property
    def frames_made(self) -> int:
        """Pixel frames that have been returned."""
        return self._maker.frames_made(self._now)

    @property
    def poses_known(self) -> int:
        """Pixel frames whose poses have been pushed."""
        return self._now.track.known

    def _checked(self, c2w: Tensor, intrinsics: Tensor) -> Tensor:
        """Pushed poses as rows of a Track. Raises InputError where they are none."""
        rows = to_rows(c2w, intrinsics)
        if len(rows):
            check_poses(c2w.detach().to("cpu", torch.float64), "pushed poses")
            lens_of.check_intrinsics(rows[:, 16:], *self._size, "pushed poses")
            self._now.keys = None
        return rows

    def _film(self, rows: Tensor) -> Film:
        if self._coming is not None:
            self._coming.add(self._made(rows))
            return self._empty()
        return np.concatenate([self._empty(), *films(self._made(rows))])

    def _in_step(self, together: int) -> bool:
        """Whether films must catch up with the session now."""
        asked, self._catching_up = self._catching_up, False
        return asked or (together > 0 and self._now.state.chunks % together == 0)

    def _made(self, rows: Tensor) -> Iterator[Delivery | Later]:
        """Take poses and lenses in, and make each chunk as soon as its last one is there."""
        while len(rows):
            needed = self._maker.needed(self._now)
            news, rows = rows.tensor_split([needed - self.poses_known])
            self._now.track = self._now.track.extended(news)
            self._way.extend(news.numpy().copy())
            if self.poses_known == needed:
                delivery = self._maker.make(self._now, self._helper, self._receive)
                self._keep()
                yield delivery

    def _receive(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        if self.on_chunk:
            self.on_chunk(receipt)

    def _keep(self) -> None:
        if self._rewinds:
            now, kept = self._now, self._now.copy()
            self._moments.append(kept)
            self._helper.do(lambda: setattr(kept, "vae", now.vae))  # the decoder may not be there yet

    def _at_the_controls(self) -> LiveKeys:
        """The camera under its keys, where the last pose left it."""
        now = self._now
        if now.keys is not None:
            return now.keys
        last = from_rows(now.track.rows[-1:])[0][0] if now.track.known else None
        return LiveKeys(self.terms.keys, last)

    def _rows(self) -> Tensor:
        """The way so far, (n, 20)."""
        return torch.from_numpy(np.stack(self._way)) if self._way else torch.zeros(0, NUMBERS).double()

    def _identity(self) -> str:
        """Tells whether another model could go on with this flight: it could not."""
        if not self._mark:
            refiner = self._now.refinement.model if self._now.refinement else None
            self._mark = fingerprint(self.model, self.vae, refiner)
        return self._mark

    def _empty(self) -> Film:
        return np.zeros((0, *self._size, 3), np.uint8)
