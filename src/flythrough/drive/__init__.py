"""Driving: a recorded drive played, here or at a server, or keys from a terminal, flown and recorded."""

from flythrough.drive.afar import play_afar
from flythrough.drive.command import run, run_afar
from flythrough.drive.line import Line, check_line
from flythrough.drive.live import Recorder, fly, recorded
from flythrough.drive.play import Figures, begun, play, read
from flythrough.drive.terminal import Hands, at_the_terminal, check_terminal

__all__ = [
    "Figures",
    "Hands",
    "Line",
    "Recorder",
    "at_the_terminal",
    "begun",
    "check_line",
    "check_terminal",
    "fly",
    "play",
    "play_afar",
    "read",
    "recorded",
    "run",
    "run_afar",
]
