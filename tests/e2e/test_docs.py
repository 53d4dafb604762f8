"""What README and docs say can be typed: commands parse, Python runs, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from flythrough.camera.path import CameraPath
from flythrough.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SAYS = {"README.md": "(1, 256, 448, 3)\n(8, 256, 448, 3)\n", "docs/conventions.md": "61 "}
PROGRAM = typer.main.get_command(app)


def blocks(language: str) -> list[str]:
    """The code blocks of one language, page by page."""
    pages = (page.read_text(encoding="utf-8") for page in PAGES)
    return [block for page in pages for block in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)]


def commands() -> list[str]:
    lines = "\n".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("flythrough ")]


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_docs_parses(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command, name = PROGRAM, "flythrough"
    context = typer.Context(command)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, parent=context)

    command.make_context(name, list(words))  # raises on an unknown option or a missing argument


@pytest.mark.parametrize(("page", "said"), SAYS.items())
def test_the_python_of_the_docs_runs(
    page: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)  # some of it writes files

    for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, page, "exec"), names)

    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize("text", blocks("json"))
def test_the_paths_of_the_docs_fly(text: str, tmp_path: Path) -> None:
    (tmp_path / "walk.json").write_text(text)

    assert CameraPath.load(tmp_path / "walk.json").frames > 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"(?<!!)\[[^]]*\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
