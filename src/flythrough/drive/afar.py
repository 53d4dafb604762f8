"""A recorded drive through a server's live flight: the same poses, the same prompts, and so the same frames."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Generator

from flythrough.camera.drive import Drive
from flythrough.camera.path import CameraPath
from flythrough.drive.line import Line
from flythrough.drive.play import Figures
from flythrough.media import Film

UNDER_WAY = 2  # chunks: while the frames of one are on their way, the next is made


def play_afar(drive: Drive, path: CameraPath, line: Line, figures: Figures) -> Generator[Film]:
    """Fly a drive to its end: frames (n, H, W, 3) uint8 as they come, drive.frames + 1 in all.

    path  the drive's poses, through the lens that it is flown with, in pixels of the flight's frames
    The server is told poses, not keys, so that a last chunk is filled as `Session.finish` does: the camera stays. A
    prompt is said between two chunks there, where `play` says it too. One exception: mini's first chunk is frame 0
    alone, and a server makes the next with it, so what is said at frame 7 is heard from frame 0 on, not from frame 1.
    """
    step = line.facts["chunk_frames"]
    said = prompts_by_chunk(drive, step)
    chunks = max(1, -(-drive.frames // step))
    path = path.held(chunks * step + 1)
    sent: deque[float] = deque()
    owed, before = drive.frames + 1, 0.0

    def arrived() -> Film:
        nonlocal owed, before
        film, made_s = line.chunk()
        now = time.perf_counter()
        figures.waits.append(now - max(sent.popleft(), before))  # it is begun when the one before is there
        before = now
        figures.frames += len(film)
        figures.busy_s += made_s
        film = film[:owed]
        owed -= len(film)
        return film

    for chunk in range(chunks):
        while sent and (chunk in said or len(sent) == UNDER_WAY):
            yield arrived()
        for prompt in said.get(chunk, ()):
            line.say(prompt)
        begin = chunk * step + 1 if chunk else 0
        line.fly(path.take(slice(begin, (chunk + 1) * step + 1)))
        sent.append(time.perf_counter())
    while sent:
        yield arrived()


def prompts_by_chunk(drive: Drive, step: int) -> dict[int, list[str]]:
    """What is said before each chunk of `step` frames, the first of which has frame 0 too."""
    said: dict[int, list[str]] = defaultdict(list)
    frame = 0
    for span in drive.spans():
        if span.say is not None:
            said[frame // step].append(span.say)
        frame += span.frames
    return dict(said)
