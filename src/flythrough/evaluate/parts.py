"""The parts of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

PARTS = ("vae", "truth", "control", "back", "minute", "prompts")


def apart(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Those that know nothing of each other, the longest first; `vae` and `truth` share the filming of clips."""
    groups = (("vae", "truth"), ("prompts",), ("control",), ("back",), ("minute",))
    wanted = [tuple(part for part in group if part in parts) for group in groups]
    return [group for group in wanted if group]
