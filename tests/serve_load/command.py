"""`flythrough ...`, with the toy model among the presets: what the load scripts start and kill."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flythrough.cli import main
from tests.serving import register_toy

register_toy()
main()
