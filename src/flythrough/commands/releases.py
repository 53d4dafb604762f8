"""Commands of official weights."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from flythrough.commands.inputs import Home, ReleaseName, Yes
from flythrough.commands.terminal import bar, confirm


def pull(
    name: ReleaseName,
    parts: Annotated[
        str | None,
        Option(help="Parts by name, with commas, or all; by default those the model cannot do without."),
    ] = None,
    home: Home = None,
    endpoint: Annotated[str, Option(help="Where to get them.")] = "https://huggingface.co",
    yes: Yes = False,
) -> None:
    """Get a release's weights. Stopped or broken, the same command goes on where it was."""
    from flythrough import hub
    from flythrough.hub.words import about_plan

    chosen = None if parts is None else [part.strip() for part in parts.split(",")]
    plan = hub.plan(name, chosen, home=home, endpoint=endpoint)
    print(about_plan(plan), flush=True)
    if plan.missing:
        confirm("Get these files, under these terms?", yes)
        with bar("pulling", plan.bytes_needed / 1e6, "MB") as advance:
            hub.pull(plan, lambda _, count: advance(count / 1e6))
    print(f"{name}: {', '.join(plan.parts)} here")


def list_all(home: Home = None) -> None:
    """Say which releases there are, and what of them is here."""
    from flythrough.hub.words import about_all

    print(about_all(home))


def show(name: ReleaseName, home: Home = None) -> None:
    """Show a release's files, their hashes and the terms of each part."""
    from flythrough.hub.words import about

    print(about(name, home))


def rm(name: ReleaseName, home: Home = None, yes: Yes = False) -> None:
    """Delete a release's weights, but for what another release here needs too."""
    from flythrough import hub
    from flythrough.hub.store import removable

    files = removable(name, home)
    if files:
        confirm(f"Delete {len(files)} files in {home or hub.default_home()}?", yes)
    print(f"{name}: {hub.remove(name, home) / 1e9:.1f} GB freed")
