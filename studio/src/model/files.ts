/** Paths as files: the JSON that `flythrough --camera` reads, out and in. */

import { change, shot } from "./history";
import { fit } from "./fit";
import { say } from "./notices";
import { pickFile } from "./pick";
import { fromMatrix, unwrapped, type Pose } from "./pose";
import { cameraOf, resolve } from "./resolve";
import { DEFAULT_FOV, newId, type Ease, type Keyframe } from "./shot";
import { seek } from "./playback";
import { clearSelection } from "./edits";

interface StoredKeyframe {
  time: number;
  position: [number, number, number];
  yaw?: number;
  pitch?: number;
  roll?: number;
  fov_deg?: number;
  ease?: Ease;
  look_at?: unknown;
  quaternion?: unknown;
}

interface StoredPath {
  fps?: number;
  width?: number;
  height?: number;
  fov_deg?: number;
  keyframes?: StoredKeyframe[];
  c2w?: number[][][];
  intrinsics?: number[][] | number[];
}

export function exportPath(): void {
  const text = JSON.stringify(cameraOf(shot.peek().keyframes), null, 2);
  save(new Blob([text], { type: "application/json" }), `${fileName(shot.peek().name)}.json`);
}

export function importPath(): void {
  pickFile(".json,application/json", readPath);
}

/** Take a path file's keyframes, or fit keyframes to its poses. */
export async function readPath(file: File): Promise<void> {
  let stored: StoredPath;
  try {
    stored = JSON.parse(await file.text()) as StoredPath;
  } catch {
    throw new Error(`${file.name} is not valid JSON; expected a camera path with keyframes or c2w.`);
  }
  const keyframes = await toKeyframes(stored, file.name);
  change("Import path", { ...shot.peek(), keyframes });
  clearSelection();
  seek(0);
  say(`${file.name}: ${keyframes.length} keyframes.`);
}

/** The keyframes of a stored path or of a job's camera. */
export async function toKeyframes(stored: StoredPath, name: string): Promise<Keyframe[]> {
  const plain = stored.keyframes?.every((key) => key.look_at == null && key.quaternion == null);
  if (stored.keyframes && plain) {
    const start = stored.keyframes[0]?.time ?? 0;
    return stored.keyframes.map((key) => ({
      id: newId(),
      time: key.time - start,
      position: key.position,
      yaw: key.yaw ?? 0,
      pitch: key.pitch ?? 0,
      roll: key.roll ?? 0,
      fov: key.fov_deg ?? stored.fov_deg ?? DEFAULT_FOV,
      ease: key.ease ?? "linear",
    }));
  }
  if (stored.keyframes) return fit(await resolve(stored as ReturnType<typeof cameraOf>));
  if (stored.c2w) return fit(densePath(stored));
  throw new Error(`${name} holds neither "keyframes" nor "c2w"; expected a camera path.`);
}

/** Poses and lenses as a server or a file stores them, ready to be fitted. */
export function densePath(stored: StoredPath) {
  const poses: Pose[] = [];
  for (const c2w of stored.c2w ?? []) {
    const pose = fromMatrix(c2w);
    const before = poses.at(-1);
    poses.push(
      before
        ? { ...pose, yaw: unwrapped(pose.yaw, before.yaw), roll: unwrapped(pose.roll, before.roll) }
        : pose,
    );
  }
  const lenses = stored.intrinsics ?? [];
  const fov = poses.map((_, i) => {
    const lens = Array.isArray(lenses[0]) ? (lenses[i] as number[] | undefined) : (lenses as number[]);
    const fx = lens?.[0];
    return fx && stored.width ? (360 / Math.PI) * Math.atan(stored.width / (2 * fx)) : DEFAULT_FOV;
  });
  return { poses, fov, fps: stored.fps ?? 16 };
}

export function save(data: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function fileName(name: string): string {
  return (
    name
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "") || "shot"
  );
}
