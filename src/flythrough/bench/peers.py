"""The peer beside us, if it is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

VERSION = "0.42.1"


def installed() -> bool:
    """Whether there is a diffusers to compare with."""
    return find_spec("diffusers") is not None


def diffusers(module: str = "") -> Any:
    """diffusers, or a module of it."""
    return import_module(f"diffusers.{module}".removesuffix("."))
