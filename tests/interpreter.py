"""Kernels without a GPU: Triton's interpreter, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run_in_interpreter(file: str) -> None:
    """Run a test file as a script with Triton interpreting, which it decides on when it is imported."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, file],
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
