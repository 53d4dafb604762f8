"""A manifest: films to make, one JSON object a line, with the fields of `flythrough generate`."""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flythrough.commands.inputs import lens_of
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.camera.path import CameraPath
    from flythrough.shot import Shot

LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Line:
    """What may stand in a line. Paths are relative to the manifest; a camera may be a file too."""

    name: str = ""  # of the film, without .mp4; the line's number where none is given
    prompt: str = ""
    negative_prompt: str = ""
    camera: str = "dolly"
    keys: str = "flythrough"
    image: str | None = None
    frames: int | None = None
    seed: int = 0
    steps: int | None = None
    guidance_scale: float | None = None
    fov: float | None = None
    refine: bool = True
    model: str = "mini"


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film that a line asks for, all of it checked but not in memory."""

    line: Line
    number: int
    out: Path
    image: Path | None
    camera: CameraPath

    def shot(self) -> Shot:
        from flythrough.shot import Shot

        line = self.line
        return Shot(
            camera=self.camera,
            prompt=line.prompt,
            negative_prompt=line.negative_prompt,
            image=self.image,
            seed=line.seed,
            steps=line.steps,
            guidance_scale=line.guidance_scale,
        )

    def is_there(self, random_weights: bool) -> bool:
        """Whether this very film is there whole; raises InputError if another one is, or the beginning of another.

        Of a finished film nothing tells which picture it was made from.
        """
        from flythrough.media import check_film, complete_frames, pieces, read_metadata
        from flythrough.order import Keep

        check_film(self.out)
        keep = Keep(self.out)
        begun = keep.asked.is_file()
        if not begun and not self.out.exists():
            return False
        shot, model = self.shot(), self.line.model
        asked = _plain(shot.metadata())
        if begun:
            order, facts = keep.read()
            about, same = _plain(order.shot.metadata()) | facts["about"], _alike(order.shot.image, shot.image)
        else:
            about, same = read_metadata(self.out), True
        differs = [key for key, value in asked.items() if about.get(key) != value]
        if not Path(model).is_dir() and about.get("model") != model + ", random weights" * random_weights:
            differs.append("model")
        if not same:
            differs.append("image")
        if differs:
            raise InputError(f"{self.out} is another film, with another {' and '.join(differs)}")
        whole = complete_frames(self.out) == self.camera.frames and not pieces.scan(self.out)[1]
        if whole and begun:
            keep.clear()  # killed when nothing else was left to do
        return whole


def read(manifest: Path, out: Path, default: Line) -> list[Film]:
    """The films of a manifest, to be written into `out`.

    default  what a line that does not say so has
    Raises InputError if any line is wrong, when each of these has been named on standard error.
    """
    try:
        rows = manifest.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"{manifest}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    films: dict[str, Film] = {}
    wrong = 0
    for number, text in enumerate(rows, 1):
        if not text.strip():
            continue
        try:
            film = _film(text, number, manifest.parent, out, default)
            twin = films.setdefault(film.line.name.casefold(), film)
            if twin is not film:
                raise InputError(f"line {twin.number} is called {film.line.name!r} too; names must differ")
        except InputError as error:
            wrong += 1
            print(f"{manifest}: line {number}: {error}", file=sys.stderr)
    if wrong:
        raise InputError(f"{manifest}: {wrong} of its lines cannot be made, so nothing was started")
    if not films:
        raise InputError(
            f'{manifest}: there is no line in it, such as {{"prompt": "hills", "camera": "w-40"}}'
        )
    return list(films.values())


def _film(text: str, number: int, home: Path, out: Path, default: Line) -> Film:
    """One line; raises InputError."""
    from flythrough.pipeline import Pipeline

    line = _line(text, number, default)
    plan = Pipeline.check(line.model)
    image = None if line.image is None else home / line.image
    camera = home / line.camera
    is_file = len(line.camera) < LONGEST_NAME and camera.is_file()
    parse = lens_of(image, line.fov, None, None, plan.height, plan.width)
    path = parse(str(camera) if is_file else line.camera, line.keys, line.frames)
    film = Film(line=line, number=number, out=out / f"{line.name}.mp4", image=image, camera=path)
    film.shot()  # says what is wrong with it
    return film


def _line(text: str, number: int, default: Line) -> Line:
    """A line's fields, each of its type; raises InputError."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"this is not JSON ({error})") from None
    if not isinstance(given, dict):
        raise InputError('this is no JSON object; a line is like {"prompt": "hills", "camera": "w-40"}')
    values: dict[str, Any] = {}
    for one in fields(Line):
        assert one.default is not MISSING
        value = given.pop(one.name, None)
        values[one.name] = (
            getattr(default, one.name) if value is None else _typed(one.name, str(one.type), value)
        )
    if given:
        known = ", ".join(one.name for one in fields(Line))
        raise InputError(f"there is no field {next(iter(given))!r}; there are {known}")
    name = values["name"] = values["name"] or f"{number:05d}"
    if (
        name.startswith((".", "-"))
        or len(name) > LONGEST_NAME
        or any(c in '/\\:*?"<>|' or ord(c) < 32 for c in name)
    ):
        raise InputError(f"name is {name!r}; it must be a file's name, without folders")
    return Line(**values)


def _typed(name: str, kind: str, value: object) -> object:
    """A value of the type that a field is annotated with; raises InputError."""
    wanted = kind.removesuffix(" | None")
    if wanted == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if type(value).__name__ == wanted:
        return value
    words = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
    raise InputError(f"{name} is {json.dumps(value)[:60]}; it must be {words[wanted]}")


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    return json.loads(json.dumps(value))


def _alike(one: Any, other: Any) -> bool:
    """Whether two pictures are the same, or both none."""
    import numpy as np

    return one is other if one is None or other is None else np.array_equal(one, other)
