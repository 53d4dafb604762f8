"""One picture and a camera path become a flight through a world.

from flythrough import CameraPath, Pipeline, Shot

pipeline = Pipeline.load("mini")
for frames in pipeline.generate(Shot(camera=CameraPath.parse("w-40,jw-20"), prompt="hills at dawn")):
    ...  # (n, 256, 448, 3) uint8
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flythrough.camera.path import CameraPath
    from flythrough.client import AsyncClient, Client
    from flythrough.errors import InputError, WeightsError
    from flythrough.pipeline import Pipeline
    from flythrough.session import Session
    from flythrough.shot import Shot

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "CameraPath",
    "Client",
    "InputError",
    "Pipeline",
    "Session",
    "Shot",
    "WeightsError",
    "__version__",
]

_HOMES = {
    "AsyncClient": "client",
    "CameraPath": "camera.path",
    "Client": "client",
    "InputError": "errors",
    "Pipeline": "pipeline",
    "Session": "session",
    "Shot": "shot",
    "WeightsError": "errors",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import flythrough` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'flythrough' has no attribute {name!r}")
    return getattr(import_module(f"flythrough.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
