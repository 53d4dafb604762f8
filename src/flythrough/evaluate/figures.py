"""A figure beside what bounds it, and how figures are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flythrough.evaluate.parts import PARTS
from flythrough.evaluate.sheet import Sheet
from flythrough.media import written_whole

if TYPE_CHECKING:
    from rich.table import Table


@dataclass
class Figure:
    """One number of the report; columns that make no sense for it stay None.

    ceiling   the same figure for the truth, encoded and decoded by the VAE
    copied    the same figure for a copy of the first frame
    wrong     the same figure for the truth of the same world along another path
    at_least, stretch, at_most   the thresholds; a figure without them is there to be read, not passed
    """

    section: str
    name: str
    value: float
    unit: str = "dB"
    ceiling: float | None = None
    copied: float | None = None
    wrong: float | None = None
    at_least: float | None = None
    stretch: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.at_least is None:
            return ""
        if self.at_most is not None and self.value > self.at_most:
            return "no"
        if self.stretch is not None and self.value >= self.stretch:
            return "stretch"
        return "yes" if self.value >= self.at_least else "no"

    def shown(self, value: float | None) -> str:
        if value is None:
            return ""
        if value != value:
            return "none"
        return {"dB": f"{value:.1f}", "%": f"{100 * value:.0f}%"}.get(self.unit, f"{value:.2f}")


def row(section: str, name: str, values: Mapping[str, float], unit: str = "dB", **more: Any) -> Figure:
    """A figure of the model's value and of its bounds', where there are any; more: thresholds and note."""
    ceiling, copied, wrong = (values.get(bound) for bound in ("ceiling", "copied", "wrong"))
    return Figure(section, name, values["model"], unit, ceiling, copied, wrong, **more)


@dataclass
class Report:
    """All that one evaluation found. `about` says of what and how; `details` holds the parts of figures."""

    about: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    sheet: Sheet = field(default_factory=Sheet)

    def add(self, part: Report) -> None:
        """Take in what was found of another part of the same evaluation."""
        self.figures = sorted([*self.figures, *part.figures], key=lambda figure: PARTS.index(figure.section))
        self.details |= part.details
        self.about["seconds"] |= part.about["seconds"]
        self.sheet.rows += part.sheet.rows

    def write(self, out: Path) -> None:
        """JSON at `out`, and the contact sheet beside it if anything was flown; whole or not at all."""
        with written_whole(out) as part:
            part.write_text(json.dumps(self.as_json(), indent=1))
        if self.sheet.rows:
            with written_whole(out.with_suffix(".png")) as part:
                self.sheet.picture().save(part)

    def as_json(self) -> dict[str, Any]:
        rows = [asdict(figure) | {"verdict": figure.verdict} for figure in self.figures]
        return {"about": self.about, "figures": rows, "details": self.details}

    def table(self, *, notes: bool = True) -> Table:
        from rich import box
        from rich.table import Table

        about = self.about
        title = f"{about['model']}: {about['clips']} held-out worlds, {about['steps']} steps"
        table = Table(
            title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True
        )
        table.add_column("figure", overflow="fold", min_width=44 if notes else 30)
        for name in ("model", "ceiling", "copied", "wrong", "at least", "stretch"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        if notes:
            table.add_column("note", style="dim", overflow="fold")
        section = None
        for figure in self.figures:
            if section not in (None, figure.section):
                table.add_section()
            section = figure.section
            color = {"no": "red", "yes": "green", "stretch": "bold green"}.get(figure.verdict, "default")
            most = f"-{figure.shown(figure.at_most)}" if figure.at_most else ""
            table.add_row(
                figure.name,
                f"[{color}]{figure.shown(figure.value)}[/{color}]",
                *map(figure.shown, (figure.ceiling, figure.copied, figure.wrong)),
                figure.shown(figure.at_least) + most,
                figure.shown(figure.stretch),
                f"[{color}]{figure.verdict}[/{color}]",
                *([figure.note] if notes else []),
            )
        return table
