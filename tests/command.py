"""The installed command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("flythrough")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def flythrough(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `flythrough words...` in a folder and wait for it."""
    return subprocess.run([COMMAND, *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
