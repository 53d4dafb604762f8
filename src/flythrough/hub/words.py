"""What the commands say about releases, plans and what is here."""

from __future__ import annotations

from pathlib import Path

from flythrough.hub.pull import Plan
from flythrough.hub.releases import RELEASES, Part, release
from flythrough.hub.store import complete, default_home, folder, held, is_here


def about_plan(plan: Plan) -> str:
    """What a pull would fetch, under which terms, and whether there is room."""
    lines = [f"{plan.release.name}: {plan.release.what}", ""]
    for name, part in plan.parts.items():
        size = sum(file.size for file in plan.files[name])
        lines += [f"{name:13} {_gb(size):>9}  {part.what}, from {part.repository}", *_terms(part)]
        if tag := plan.tags[part.repository]:
            lines.append(f"{'':25}the repository's page is tagged: {tag}")
    left = [name for name in plan.release.parts if name not in plan.parts]
    if left:
        lines += ["", f"not asked for: {', '.join(left)} (--parts takes names, or all)"]
    room = f"{_gb(plan.bytes_needed)} to come, {_gb(plan.bytes_free)} free in {plan.home}"
    return "\n".join([*lines, "", room])


def about_all(home: Path | None = None) -> str:
    """Every release: its parts, their size, and which are here."""
    lines = [f"in {home or default_home()}"]
    for one in RELEASES.values():
        needed = [part for part in one.parts.values() if not part.optional]
        asked = bool(held(one.parts["transformer"], home))
        state = (
            "complete"
            if all(complete(part, home) for part in needed)
            else "incomplete"
            if asked
            else "not here"
        )
        lines += ["", f"{one.name}: {state}; {one.what}"]
        lines += [
            f"  {name:13} {_size(part, home):>9}  {_state(part, home)}" for name, part in one.parts.items()
        ]
    return "\n".join(lines)


def about(name: str, home: Path | None = None) -> str:
    """One release: files with their hashes, and the terms of each part."""
    one = release(name)
    lines = [f"{one.name}: {one.what}"]
    for part_name, part in one.parts.items():
        lines += ["", f"{part_name} ({_state(part, home)}): {part.what}", *_terms(part)]
        lines.append(f"{'':25}https://huggingface.co/{part.repository}, {part.path or 'all of it'}")
        for file in held(part, home):
            missing = "" if is_here(file, part, home) else "  not here"
            lines.append(f"  {_gb(file.size):>9}  {folder(part, home) / file.path}{missing}")
            lines.append(f"{'':13}{file.digest}, revision {file.revision}")
    return "\n".join(lines)


def _terms(part: Part) -> list[str]:
    return [f"{'':25}{part.licence.terms}", f"{'':25}{part.licence.url}"]


def _state(part: Part, home: Path | None) -> str:
    if complete(part, home):
        return "here"
    if held(part, home):
        return "pulled in part"
    return "not here, optional" if part.optional else "not here"


def _size(part: Part, home: Path | None) -> str:
    files = held(part, home)
    if files:
        return _gb(sum(file.size for file in files))
    return f"{part.gigabytes:.3g} GB" if part.gigabytes else "?"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
