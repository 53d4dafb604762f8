"""CameraPath: where the camera is at every frame, and through which lens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough.camera import files
from flythrough.camera import intrinsics as lens
from flythrough.camera.drive import Drive
from flythrough.camera.keys import MOST_FRAMES, Dialect, parse_keys
from flythrough.camera.pose import check_poses, pose, relative_to_first
from flythrough.camera.presets import PRESETS, build
from flythrough.errors import InputError

FPS = 16.0
FOV_DEG = 70.0  # horizontal, where nothing else is known
FOV_LOW, FOV_HIGH = lens.FOV_RANGE_DEG
HEIGHT, WIDTH = 256, 448
PRESET_FRAMES = 161  # ten seconds


@dataclass(frozen=True, eq=False)
class CameraPath:
    """A camera's poses and lens, frame by frame. Checked when made; never changed after.

    c2w         (F, 4, 4) float64 on the CPU: camera to world, OpenCV axes (x right, y down, z forward), in m
    intrinsics  (F, 4) float64: fx fy cx cy in pixels of a height x width picture; (4,) is repeated
    fps         frames a second, which turns frames into speeds
    """

    c2w: Tensor
    intrinsics: Tensor
    height: int
    width: int
    fps: float = FPS

    def __post_init__(self) -> None:
        self._check("camera path")

    @property
    def frames(self) -> int:
        """F, the number of pixel frames."""
        return len(self.c2w)

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (self.frames - 1) / self.fps

    @property
    def fov_deg(self) -> Tensor:
        """(F, 2): horizontal and vertical field of view in degrees."""
        return lens.fov_deg(self.intrinsics, self.height, self.width)

    @property
    def positions(self) -> Tensor:
        """(F, 3): where the camera is, in metres."""
        return self.c2w[:, :3, 3]

    def relative_to_first(self) -> CameraPath:
        """The same path in the first camera's own axes: pose 0 is the identity."""
        return replace(self, c2w=relative_to_first(self.c2w))

    def placed(self, start: Tensor) -> CameraPath:
        """The same path with its first pose at `start` (4, 4) of some world."""
        return replace(self, c2w=start.to(self.c2w) @ relative_to_first(self.c2w))

    def take(self, frames: slice) -> CameraPath:
        """Some of the frames, as slicing a list does; the poses stay where they are."""
        return replace(self, c2w=self.c2w[frames], intrinsics=self.intrinsics[frames])

    def held(self, frames: int) -> CameraPath:
        """At least so many frames: at the end the camera stays where it is."""
        missing = max(0, frames - self.frames)
        return replace(
            self,
            c2w=torch.cat([self.c2w, self.c2w[-1:].expand(missing, 4, 4)]),
            intrinsics=torch.cat([self.intrinsics, self.intrinsics[-1:].expand(missing, 4)]),
        )

    def latent(self, stride: int = 8) -> CameraPath:
        """The frames that latent frames are anchored at: 0, stride, 2 stride, ..."""
        return replace(self.take(slice(None, None, stride)), fps=self.fps / stride)

    def reversed(self) -> CameraPath:
        """The way back."""
        return replace(self, c2w=self.c2w.flip(0), intrinsics=self.intrinsics.flip(0))

    def joined(self, other: CameraPath) -> CameraPath:
        """This path, then `other` from where this one ends; the shared frame is kept once."""
        if (self.height, self.width, self.fps) != (other.height, other.width, other.fps):
            raise InputError(
                f"paths of {self.width}x{self.height} at {self.fps:g} fps and {other.width}x{other.height} "
                f"at {other.fps:g} fps cannot be joined; fit one to the other first"
            )
        after = self.c2w[-1] @ relative_to_first(other.c2w)[1:]
        return replace(
            self,
            c2w=torch.cat([self.c2w, after]),
            intrinsics=torch.cat([self.intrinsics, other.intrinsics[1:]]),
        )

    def resized(self, height: int, width: int) -> CameraPath:
        """The same view in a picture of another size; another shape stretches the pixels."""
        k = lens.scaled(self.intrinsics, height / self.height, width / self.width)
        return replace(self, intrinsics=k, height=height, width=width)

    def fitted(self, height: int, width: int) -> CameraPath:
        """The view that is left when the picture is resized and cut at the centre to fill height x width."""
        if (height, width) == (self.height, self.width):
            return self
        crop = lens.centre_crop((self.height, self.width), height, width)
        return replace(self, intrinsics=crop.intrinsics(self.intrinsics), height=height, width=width)

    def resampled(self, frames: int) -> CameraPath:
        """The same way in another number of frames at the same rate: slower or faster.

        Between poses the position runs straight and the camera turns about one axis (slerp).
        """
        if frames < 1:
            raise InputError(f"frames is {frames}; a path needs at least one")
        if frames == self.frames:
            return self
        from scipy.spatial.transform import Rotation, Slerp

        if self.frames == 1:
            return replace(
                self, c2w=self.c2w.expand(frames, 4, 4), intrinsics=self.intrinsics.expand(frames, 4)
            )
        slerp = Slerp(range(self.frames), Rotation.from_matrix(self.c2w[:, :3, :3].numpy()))
        at = torch.linspace(0, self.frames - 1, frames, dtype=torch.float64)
        turned = torch.from_numpy(slerp(at.numpy()).as_matrix())
        return replace(
            self,
            c2w=pose(turned, lens.stretched(self.positions, frames)),
            intrinsics=lens.stretched(self.intrinsics, frames),
        )

    def at_fps(self, fps: float) -> CameraPath:
        """The same flight, equally long in seconds to the nearest frame, at another frame rate."""
        return replace(self.resampled(max(1, round(self.seconds * fps) + 1)), fps=fps)

    def save(self, path: str | Path) -> None:
        """Write .json or .npz (everything, exactly) or .npy (the poses alone)."""
        files.write(Path(path), self.c2w, self.intrinsics, self.height, self.width, self.fps)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        frames: int | None = None,
        height: int = HEIGHT,
        width: int = WIDTH,
        fov_deg: float = FOV_DEG,
        keys: str | Dialect = "flythrough",
        fps: float = FPS,
        intrinsics: Any = None,
    ) -> CameraPath:
        """Make a path of whatever a user may write: a file, a preset or keys.

        text    "walk.json" (also .npz, .npy), "orbit:radius=6,degrees=180" or "w-40,jw-20"
        frames  how many a preset flies, by default 161; of keys and files the first so many are taken, and a
                shorter one stays as short as it is
        keys    the dialect of key strings, see `flythrough.camera.keys`
        The result is for a picture of height x width; a file of another shape is cut at the centre, as a
        first frame is. fov_deg (horizontal) or intrinsics fill in what the text leaves open.
        """
        if frames is not None and not 1 <= frames <= MOST_FRAMES + 1:
            raise InputError(f"frames is {frames}; expected 1 to {MOST_FRAMES + 1} (an hour)")
        if not FOV_LOW <= fov_deg <= FOV_HIGH:
            raise InputError(f"fov_deg is {fov_deg:g}; expected {FOV_LOW:g} to {FOV_HIGH:g} degrees")
        text = text.strip()
        if files.names_file(text):
            path = cls.load(
                text, intrinsics=intrinsics, fov_deg=fov_deg, height=height, width=width, fps=fps
            ).fitted(height, width)
        else:
            c2w = _flown(text, PRESET_FRAMES if frames is None else frames, fps, keys)
            k = lens.from_fov(fov_deg, height, width) if intrinsics is None else files.read_any(intrinsics)
            path = cls(c2w, lens.expand(k, len(c2w)), height, width, fps)
        return path.take(slice(frames))

    @classmethod
    def from_dict(
        cls,
        given: dict[str, Any],
        source: str = "camera path",
        *,
        intrinsics: Any = None,
        fov_deg: float = FOV_DEG,
        height: int = HEIGHT,
        width: int = WIDTH,
        fps: float = FPS,
    ) -> CameraPath:
        """What `load` makes of a JSON file's object: poses ("c2w"), keyframes or a recorded drive. Opens no file.

        source  what messages call it
        """
        given = {"height": height, "width": width, "fps": fps} | given
        if given.get("format") == files.DRIVE:
            drive = Drive.from_dict(given, source)
            return cls._driven(drive, fov_deg if intrinsics is None else intrinsics, source)
        height, width, fps = files.numbers(given, source)
        if "keyframes" in given:
            return cls._from_keyframes(given, fov_deg, height, width, fps, source)
        c2w = files.as_tensor(given["c2w"], source)
        check_poses(c2w, source)
        k = given.get("intrinsics") if intrinsics is None else intrinsics
        if k is None:
            k = lens.from_fov(fov_deg, height, width)
        k = lens.expand(files.as_tensor(k, source), len(c2w), source)
        lens.check_intrinsics(k, height, width, source)
        return cls(c2w, k, height, width, fps)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        intrinsics: Any = None,
        fov_deg: float = FOV_DEG,
        height: int = HEIGHT,
        width: int = WIDTH,
        fps: float = FPS,
    ) -> CameraPath:
        """Read a path from .json (poses, keyframes or a recorded drive), .npz or .npy.

        What the file says wins; the arguments fill in what it does not say. `intrinsics`, if given, is an
        array or a .npy file of shape (4,), (3, 3), (F, 4) or (F, 3, 3), in pixels of the picture.
        """
        path = Path(path)
        files.check_exists(path)
        suffix = path.suffix.lower()
        if suffix == ".json":
            given = files.read_json(path)
        elif suffix == ".npz":
            given = files.read_npz(path)
        elif suffix == ".npy":
            given = {"c2w": files.read_array(path)}
        else:
            raise InputError(f"{path}: a camera path is one of {', '.join(files.SUFFIXES)}")
        return cls.from_dict(
            given,
            path.name,
            intrinsics=None if intrinsics is None else files.read_any(intrinsics),
            fov_deg=fov_deg,
            height=height,
            width=width,
            fps=fps,
        )

    @classmethod
    def _driven(cls, drive: Drive, view: Any, source: str) -> CameraPath:
        """view: the lens of a drive that has none, as a field of view in degrees or intrinsics."""
        c2w, size = drive.c2w(), (drive.height, drive.width)
        if drive.lens is not None:
            k = torch.tensor(drive.lens, dtype=torch.float64)
        else:
            k = lens.from_fov(view, *size) if isinstance(view, (int, float)) else files.read_any(view)
        k = lens.expand(k, len(c2w), source)
        lens.check_intrinsics(k, *size, source)
        return cls(c2w, k, *size, drive.fps)

    @classmethod
    def _from_keyframes(
        cls, given: dict[str, Any], fov_deg: float, height: int, width: int, fps: float, source: str
    ) -> CameraPath:
        from flythrough.camera.keyframes import fly_keyframes

        fov = given.get("fov_deg", fov_deg)
        if not isinstance(fov, (int, float)):
            raise InputError(f"{source}: fov_deg is {fov}; expected degrees")
        c2w, fovs = fly_keyframes(given["keyframes"], fps, float(fov), source)
        lens.check_fov(fovs, source)
        k = lens.from_fov(fovs, height, width)
        lens.check_intrinsics(k, height, width, source)
        return cls(c2w, k, height, width, fps)

    def _check(self, source: str) -> None:
        c2w = files.as_tensor(self.c2w, source)
        check_poses(c2w, source)
        if not (self.height > 0 and self.width > 0 and self.fps > 0):
            raise InputError(
                f"{source}: size {self.width}x{self.height} and fps {self.fps:g} must be positive"
            )
        k = files.as_tensor(self.intrinsics, source)
        if k.shape == (4,):
            k = k.expand(len(c2w), 4)
        if k.shape != (len(c2w), 4):
            raise InputError(f"{source}: {len(c2w)} poses, but intrinsics of shape {tuple(k.shape)}")
        lens.check_intrinsics(k, self.height, self.width, source)
        for name, value in (("c2w", c2w), ("intrinsics", k)):
            object.__setattr__(self, name, value.contiguous())


def _flown(text: str, frames: int, fps: float, keys: str | Dialect) -> Tensor:
    """A preset or keys -> c2w (F, 4, 4)."""
    if not text:
        raise InputError(
            "camera is empty; give a file, a preset such as 'orbit:radius=6' or keys: 'w-40,jw-20'"
        )
    name = text.partition(":")[0].strip()
    if name in PRESETS or ":" in text:
        return build(text, frames, fps)
    if "-" in text and not set(text) & set("./\\"):
        return parse_keys(text, keys)
    raise InputError(
        f"camera '{text}' is neither a file ({', '.join(files.SUFFIXES)}) nor keys such as 'w-40,jw-20' "
        f"nor a preset ({', '.join(PRESETS)})"
    )
