"""What a client's init means: which flight it asks for, or why there is none."""

from __future__ import annotations

from dataclasses import replace

from flythrough.camera.keys import Dialect, named
from flythrough.camera.path import FOV_DEG, CameraPath
from flythrough.media import Picture
from flythrough.pipeline import first_view
from flythrough.presets import Preset
from flythrough.serve.controls import Controls
from flythrough.serve.pictures import decode, from_data_uri
from flythrough.serve.realtime import Conditions, Init, Rejected
from flythrough.shot import Shot


def check(init: Init, name: str, preset: Preset) -> None:
    """Raise Rejected for what this model cannot do; nothing is loaded for it."""
    if preset.sampling.order != "stream":
        raise Rejected(f"{name} makes whole clips; a live flight needs a streaming model", param="model")
    if init.size is not None and init.size != f"{preset.width}x{preset.height}":
        raise Rejected(f"size is {init.size}; {name} flies at {preset.width}x{preset.height}", param="size")
    if init.fps is not None and init.fps != preset.fps:
        raise Rejected(f"fps is {init.fps:g}; {name} flies at {preset.fps:g}", param="fps")
    if init.guidance_scale not in (None, 1):
        raise Rejected(
            f"guidance_scale is {init.guidance_scale:g}; a live flight has none, 1", param="guidance_scale"
        )
    if init.first_frame is not None and init.world is not None:
        raise Rejected(
            "there are both first_frame and world; a flight begins with one of them", param="world"
        )


def dialect_of(name: str, conditions: Conditions) -> Dialect:
    """The meaning of keys, with the speeds that a client may set."""
    dialect = named(name)
    changed: dict[str, float] = {}
    if conditions.translation_speed is not None:
        changed["metres_per_s"] = conditions.translation_speed * 16
    if conditions.rotation_speed_deg is not None:
        changed["degrees_per_s"] = conditions.rotation_speed_deg * 16
    if conditions.pitch_limit_deg is not None:
        changed["pitch_limit_deg"] = conditions.pitch_limit_deg
    return replace(dialect, **changed)  # pyrefly: ignore[bad-argument-type]


def steer(controls: Controls, conditions: Conditions) -> None:
    """What a flight follows from its beginning. Raises Rejected or InputError."""
    given = [name for name in ("action", "camera_actions", "camera") if getattr(conditions, name) is not None]
    if len(given) > 1:
        raise Rejected(f"condition_inputs has both {given[0]} and {given[1]}; one is enough", param=given[1])
    text = conditions.action
    if isinstance(conditions.camera_actions, str):
        text = conditions.camera_actions
    elif conditions.camera_actions is not None:
        controls.play(controls.scripted(conditions.camera_actions))
    if text is not None:
        controls.play(controls.spelled(text))
    if conditions.camera is not None:
        controls.follow(conditions.camera, conditions.intrinsics, wait=False)


def shot_of(init: Init, preset: Preset, most_pixels: int) -> Shot:
    """The opening of a flight: its picture decoded or rendered, its lens, its words. Raises InputError."""
    size = preset.height, preset.width
    picture, exif = _picture(init.first_frame, most_pixels)
    fov = init.fov_deg or _horizontal(exif, picture) or FOV_DEG
    camera = CameraPath.parse("none-1", height=size[0], width=size[1], fov_deg=fov)
    prompt = init.prompt
    if init.world is not None and picture is None:
        from flythrough.worlds.world import World

        world = World.from_seed(init.world.seed, kind=init.world.kind)
        picture, prompt = first_view(world, camera, *size), prompt or world.caption()
    return Shot(
        camera=camera,
        prompt=prompt,
        image=picture,
        negative_prompt=init.negative_prompt,
        seed=init.seed,
        steps=init.num_inference_steps,
    )


def _picture(given: bytes | str | None, most_pixels: int) -> tuple[Picture | None, float | None]:
    if given is None:
        return None, None
    return decode(given if isinstance(given, bytes) else from_data_uri(given), most_pixels)


def _horizontal(exif: float | None, picture: Picture | None) -> float | None:
    """A field of view along a picture's longer side, where that is the horizontal one."""
    return exif if picture is not None and picture.shape[1] >= picture.shape[0] else None
