"""Getting weights: what there is, whether it fits, and each file until its hash is right.

huggingface_hub lists repositories. The files themselves come through urllib: huggingface_hub throws away what
has arrived when a process ends, and these files are tens of gigabytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flythrough.errors import InputError, WeightsError
from flythrough.hub.download import Source, download, matches
from flythrough.hub.releases import Part, Release, release
from flythrough.hub.store import Held, default_home, folder, is_here, plain, record, write_record

ENDPOINT = "https://huggingface.co"
SPARE = 10**9  # bytes that a pull leaves free


@dataclass(frozen=True)
class Plan:
    """What a pull would do. tags: what each repository's page says of its licence today, or None."""

    release: Release
    parts: dict[str, Part]
    files: dict[str, list[Held]]  # by part
    tags: dict[str, str | None]  # by repository
    home: Path
    endpoint: str

    @property
    def missing(self) -> list[tuple[Part, Held]]:
        """The files that are not here yet, in the version that is published now."""
        return [
            (self.parts[name], file)
            for name, files in self.files.items()
            for file in files
            if not _is_current(file, self.parts[name], self.home)
        ]

    @property
    def bytes_needed(self) -> int:
        """What is still to come, half-pulled files counted."""
        return sum(file.size - _arrived(file, part, self.home) for part, file in self.missing)

    @property
    def bytes_free(self) -> int:
        return shutil.disk_usage(_existing(self.home)).free


def plan(
    name: str, chosen: Sequence[str] | None = None, *, home: Path | None = None, endpoint: str = ENDPOINT
) -> Plan:
    """Ask what is published now. chosen: names of parts; those that the model cannot do without by default.

    Raises InputError for unknown names, for an endpoint that does not answer, for a repository that lacks a
    part, and where the disk has too little room.
    """
    one, where = release(name), home or default_home()
    wanted = _chosen(one, chosen)
    if not endpoint.startswith(("http://", "https://")):
        raise InputError(f"--endpoint is {endpoint!r}; it must be a web address such as {ENDPOINT}")
    listings = {
        repository: _listing(repository, endpoint.rstrip("/"))
        for repository in dict.fromkeys(part.repository for part in wanted.values())
    }
    files = {}
    for part_name, part in wanted.items():
        files[part_name] = [file for file in listings[part.repository][0] if part.has(file.path)]
        if not files[part_name]:
            raise InputError(f"{part.repository}: has no {part.path or part_name} at {endpoint}")
    tags = {repository: tag for repository, (_, tag) in listings.items()}
    plan = Plan(one, wanted, files, tags, where, endpoint.rstrip("/"))
    if plan.bytes_needed and plan.bytes_needed + SPARE > plan.bytes_free:
        raise InputError(
            f"{name}: {plan.bytes_needed / 1e9:.1f} GB are still to come and {SPARE / 1e9:.0f} GB stays free, but "
            f"{where} has {plan.bytes_free / 1e9:.1f} GB; name another disk with --home, or fewer --parts"
        )
    return plan


def pull(plan: Plan, progress: Callable[[str, int], None] | None = None) -> None:
    """Get all that is missing; started again, it goes on where it stopped.

    progress(file, bytes) is called as bytes arrive; a negative number takes back what had to be thrown away.
    Raises InputError when the connection stays broken, WeightsError for a file whose hash is wrong.
    """
    todo = [
        (part, file) for part, file in plan.missing if not _keep(folder(part, plan.home) / file.path, file)
    ]
    for name, part in plan.parts.items():  # first, so that a pull which stops half-way is seen to be one
        known = record(part.repository, plan.home)
        write_record(part.repository, known | {f.path: f for f in plan.files[name]}, plan.home)
    for part, file in todo:
        where = f"{plan.endpoint}/{part.repository}/resolve/{file.revision}/{quote(file.path)}"
        source = Source(where, file.size, file.digest, _token(plan.endpoint))
        download(source, folder(part, plan.home) / file.path, progress)


def _keep(path: Path, file: Held) -> bool:
    """Whether a file lies here already; one of another version goes, since the record will speak of the new one."""
    if path.is_file() and not matches(path, file.size, file.digest):
        path.unlink()
    return path.is_file()


def _chosen(one: Release, chosen: Sequence[str] | None) -> dict[str, Part]:
    if chosen is None:
        return {name: part for name, part in one.parts.items() if not part.optional}
    if list(chosen) == ["all"]:
        return one.parts
    for name in chosen:
        if name not in one.parts:
            raise InputError(f"{one.name} has no part {name!r}; it has {', '.join(one.parts)}, or all")
    return {name: one.parts[name] for name in one.parts if name in chosen}


def _listing(repository: str, endpoint: str) -> tuple[list[Held], str | None]:
    """All files of a repository as it is now, and the licence that its page names."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = HfApi(endpoint=endpoint).model_info(
            repository, files_metadata=True, token=_token(endpoint) or False, timeout=30
        )
    except GatedRepoError as error:
        raise InputError(
            f"{repository}: its owner wants the terms accepted first, at {endpoint}/{repository}; "
            "then log in with `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(f"{repository}: {endpoint} has no such repository, or does not show it") from error
    except Exception as error:  # of several HTTP libraries, depending on huggingface_hub's version
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{repository}: {endpoint} does not answer as it should ({reason})") from error
    files = [_held(repository, sibling, info.sha or "main") for sibling in info.siblings or []]
    tag = getattr(info.card_data, "license_name", None) or getattr(info.card_data, "license", None)
    return files, tag if isinstance(tag, str) else None


def _held(repository: str, sibling: Any, revision: str) -> Held:
    """A file of a listing. Large files have a SHA-256, the others git's own hash of their content."""
    path, size = sibling.rfilename, sibling.size
    digest = f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}"
    if not plain(path) or not isinstance(size, int) or digest.endswith((":", "None")):
        raise WeightsError(
            f"{repository}: lists {path!r} without a size, without a hash or outside of itself"
        )
    return Held(path, size, digest, revision)


def _token(endpoint: str) -> str | None:
    """The user's own, for nobody but Hugging Face."""
    if endpoint != ENDPOINT:
        return None
    from huggingface_hub import get_token

    return get_token()


def _is_current(file: Held, part: Part, home: Path) -> bool:
    known = record(part.repository, home).get(file.path)
    return known is not None and known.digest == file.digest and is_here(file, part, home)


def _arrived(file: Held, part: Part, home: Path) -> int:
    partial = Source.partial(folder(part, home) / file.path, file.digest)
    return min(partial.stat().st_size, file.size) if partial.is_file() else 0


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
