"""Driving a session: a recorded drive played, or keys from a terminal, flown and recorded."""

from flythrough.drive.command import run
from flythrough.drive.live import Recorder, fly, recorded
from flythrough.drive.play import Figures, play, read
from flythrough.drive.terminal import Hands, at_the_terminal, check_terminal

__all__ = [
    "Figures",
    "Hands",
    "Recorder",
    "at_the_terminal",
    "check_terminal",
    "fly",
    "play",
    "read",
    "recorded",
    "run",
]
