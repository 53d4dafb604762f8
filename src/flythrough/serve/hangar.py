"""Where live flights stay while nobody flies them: a snapshot each, and beside it what a list of them shows."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from flythrough.media.files import save_bytes
from flythrough.session import Session

NAME = re.compile(r"flight_[0-9a-f]{24}")


class Facts(BaseModel):
    """What is known of a flight without its memory. Times are Unix seconds."""

    id: str
    model: str
    prompt: str
    keys: str
    width: int
    height: int
    fps: float
    rewinds: int
    frames_made: int = 0
    poses_known: int = 0
    created_at: float
    last_used_at: float
    forked_from: str | None = None


class FlightInfo(Facts):
    """A live flight. state: flying, paused, idle (in memory, nobody there) or stored; bytes: on disk."""

    object: Literal["flight"] = "flight"
    state: Literal["flying", "paused", "idle", "stored"]
    seconds: float
    bytes: int


class FlightList(BaseModel):
    """All flights, the one used last first."""

    object: Literal["list"] = "list"
    data: list[FlightInfo]


class FlightDeleted(BaseModel):
    """A flight that is gone."""

    id: str
    object: Literal["flight.deleted"] = "flight.deleted"
    deleted: bool = True


def new_id() -> str:
    """A name that nobody can guess."""
    return f"flight_{secrets.token_hex(12)}"


class Hangar:
    """A folder of flights. Only names that `new_id` makes lead to a file."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder if need be, and clears what a crash has left half-written."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        for path in folder.iterdir():
            whole = NAME.fullmatch(path.stem) and self._facts(path.stem).is_file()
            if NAME.search(path.name) and path.is_file() and not whole:
                path.unlink(missing_ok=True)

    def all(self) -> list[Facts]:
        """Every flight that can be brought back; damaged ones are passed over."""
        found = []
        for path in self._folder.glob("flight_*.json"):
            try:
                facts = Facts.model_validate_json(path.read_bytes())
            except (OSError, ValidationError):
                continue
            if NAME.fullmatch(facts.id) and facts.id == path.stem and self.snapshot(facts.id).is_file():
                found.append(facts)
        return found

    def keep(self, session: Session, facts: Facts) -> None:
        """Write a flight; what was there of it before is replaced. Raises InputError or OSError."""
        session.snapshot(self.snapshot(facts.id))
        save_bytes(self._facts(facts.id), json.dumps(facts.model_dump()).encode())

    def remove(self, id: str) -> None:
        """Delete a flight's files, if there are any."""
        self._facts(id).unlink(missing_ok=True)
        self.snapshot(id).unlink(missing_ok=True)

    def bytes(self, id: str) -> int:
        """What a flight takes of the disk."""
        path = self.snapshot(id)
        return path.stat().st_size if path.is_file() else 0

    def snapshot(self, id: str) -> Path:
        """The file that `Session.restore` reads."""
        return self._path(id, ".safetensors")

    def _facts(self, id: str) -> Path:
        return self._path(id, ".json")

    def _path(self, id: str, suffix: str) -> Path:
        assert NAME.fullmatch(id)
        return self._folder / f"{id}{suffix}"
