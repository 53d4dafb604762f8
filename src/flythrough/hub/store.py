"""Pulled weights on this machine. Nothing here connects to anything, and nothing pulled is ever executed.

Below the home folder, files lie as in their repository: models/OWNER/NAME/path. Beside them, pulled.json says
of every file that was asked for its size, hash and revision. A file has its name only once its hash was right.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path, PurePosixPath

from flythrough.errors import InputError, WeightsError
from flythrough.hub.releases import RELEASES, Part, Release, release

RECORD = "pulled.json"


@dataclass(frozen=True)
class Held:
    """A file of a repository that was asked for. digest: sha256:... or, of small files, git:..."""

    path: str
    size: int
    digest: str
    revision: str


def default_home() -> Path:
    """Where the system keeps programs' data of a user, in a folder of ours."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "flythrough"


def parts(name: str, home: Path | None = None) -> dict[str, Path]:
    """The parts of a release that are here and whole: its part's name -> the file or folder to load.

    Raises InputError if one that the model cannot do without is missing, and says how to get it.
    """
    found = {}
    for part_name, part in release(name).parts.items():
        if complete(part, home):
            found[part_name] = folder(part, home) / part.path
        elif not part.optional:
            raise InputError(
                f"{name}: its {part_name} is not here, or not whole; `flythrough models pull {name}` gets it"
            )
    return found


def held(part: Part, home: Path | None = None) -> list[Held]:
    """The files of a part that were asked for, whether they have arrived or not."""
    return [file for file in record(part.repository, home).values() if part.has(file.path)]


def is_here(file: Held, part: Part, home: Path | None = None) -> bool:
    """Whether a file has arrived: it has its name and its size."""
    path = folder(part, home) / file.path
    return path.is_file() and path.stat().st_size == file.size


def complete(part: Part, home: Path | None = None) -> bool:
    files = held(part, home)
    return bool(files) and all(is_here(file, part, home) for file in files)


def removable(name: str, home: Path | None = None) -> list[Path]:
    """The files that only this release needs, of those releases whose transformer was asked for here."""
    others = [one for one in RELEASES.values() if one.name != name and held(one.parts["transformer"], home)]
    return [
        folder(part, home) / file.path
        for part, file in _files(release(name), home)
        if not _shared(part, file, others)
    ]


def remove(name: str, home: Path | None = None) -> int:
    """Delete what only this release needs, half-pulled files too; returns the bytes that are free again."""
    freed = 0
    gone = set(removable(name, home))
    for path in sorted(gone):
        for file in (path, *path.parent.glob(f"{escape(path.name)}.*.part")):
            freed += file.stat().st_size if file.is_file() else 0
            file.unlink(missing_ok=True)
        _drop_empty(path.parent, _models(home))
    for repository in {part.repository for part in release(name).parts.values()}:
        kept = {p: f for p, f in record(repository, home).items() if _place(repository, home) / p not in gone}
        if (_place(repository, home) / RECORD).is_file():
            write_record(repository, kept, home)
    return freed


def record(repository: str, home: Path | None = None) -> dict[str, Held]:
    """What was asked for of a repository; raises WeightsError if the record is not one of ours."""
    path = _place(repository, home) / RECORD
    if not path.is_file():
        return {}
    try:
        files = [Held(**about) for about in json.loads(path.read_text("utf-8"))["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: is damaged; delete it and pull again") from error
    return {file.path: file for file in files if plain(file.path)}


def write_record(repository: str, files: dict[str, Held], home: Path | None = None) -> None:
    path = _place(repository, home) / RECORD
    if not files:
        path.unlink(missing_ok=True)
        _drop_empty(path.parent, _models(home))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{RECORD}.part")
    temporary.write_text(json.dumps({"files": [asdict(file) for file in files.values()]}, indent=1) + "\n")
    os.replace(temporary, path)


def folder(part: Part, home: Path | None = None) -> Path:
    """Where the files of a part's repository lie."""
    return _place(part.repository, home)


def plain(path: str) -> bool:
    """Whether a path of a repository stays inside it, on any system."""
    pieces = path.split("/")
    return not PurePosixPath(path).is_absolute() and not any(
        piece in ("", ".", "..") or set(piece) & set("\\:\0") for piece in pieces
    )


def _files(one: Release, home: Path | None) -> list[tuple[Part, Held]]:
    return [(part, file) for part in one.parts.values() for file in held(part, home)]


def _shared(part: Part, file: Held, others: list[Release]) -> bool:
    return any(
        other.repository == part.repository and other.has(file.path)
        for one in others
        for other in one.parts.values()
    )


def _models(home: Path | None) -> Path:
    return (home or default_home()) / "models"


def _place(repository: str, home: Path | None) -> Path:
    return _models(home).joinpath(*repository.split("/"))


def _drop_empty(where: Path, top: Path) -> None:
    """Delete a folder and those above it, as far as they are empty."""
    while where != top and where.is_dir() and not any(where.iterdir()):
        where.rmdir()
        where = where.parent
