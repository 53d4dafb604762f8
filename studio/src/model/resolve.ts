/**
 * The path that the keyframes make, as the server resolves it: there is one definition of the spline, and it is not
 * here. While a key is dragged the newest state is asked for as soon as the last answer is there.
 */

import { effect, signal } from "@preact/signals";
import { postJson } from "../api/client";
import type { PathWarning, Resolved } from "../api/types";
import { shot } from "./history";
import { fail } from "./notices";
import { fromMatrix, unwrapped, type Pose } from "./pose";
import { fps, frameSize, model, online } from "./server";
import { DEFAULT_FOV, type Keyframe } from "./shot";

/** A path as the studio draws it: one entry a frame. Angles run on, without jumps at 180 degrees. */
export interface Path {
  readonly poses: readonly Pose[];
  readonly fov: readonly number[];
  readonly speed: readonly number[];
  readonly turn: readonly number[];
  readonly fps: number;
  readonly warnings: readonly PathWarning[];
}

export const path = signal<Path | null>(null);
/** Why the keyframes make no path, in the server's words. */
export const problem = signal<string | null>(null);

let inFlight = false;
let waiting: readonly Keyframe[] | null = null;

/** Keep `path` that of the shot. */
export function watchPath(): void {
  effect(() => {
    const { keyframes } = shot.value;
    void model.value;
    if (online.value === false) return;
    waiting = keyframes;
    if (!inFlight) void pump();
  });
}

/** The body that makes the server fly these keyframes. */
export function cameraOf(keyframes: readonly Keyframe[]) {
  return {
    fps: fps.peek(),
    ...frameSize.peek(),
    fov_deg: keyframes[0]?.fov ?? DEFAULT_FOV,
    keyframes: keyframes.map((key) => ({
      time: key.time,
      position: [...key.position],
      yaw: key.yaw,
      pitch: key.pitch,
      roll: key.roll,
      fov_deg: key.fov,
      ease: key.ease,
    })),
  };
}

/** Ask the server for a path: keyframes, keys or a preset. */
export async function resolve(
  camera: string | ReturnType<typeof cameraOf>,
  extra: { frames?: number; fov_deg?: number } = {},
): Promise<Path> {
  const body = { camera, ...frameSize.peek(), fps: fps.peek(), model: model.peek()?.id, ...extra };
  return toPath(await postJson<Resolved>("v1/camera/resolve", body));
}

async function pump(): Promise<void> {
  inFlight = true;
  while (waiting) {
    const keyframes = waiting;
    waiting = null;
    try {
      path.value = keyframes.length > 1 ? await resolve(cameraOf(keyframes)) : still(keyframes[0]);
      problem.value = null;
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
      if (online.peek() === false) fail(error);
    }
  }
  inFlight = false;
}

function still(key: Keyframe | undefined): Path | null {
  if (!key) return null;
  return { poses: [key], fov: [key.fov], speed: [0], turn: [0], fps: fps.peek(), warnings: [] };
}

function toPath(resolved: Resolved): Path {
  const poses: Pose[] = [];
  for (const c2w of resolved.c2w) {
    const pose = fromMatrix(c2w);
    const before = poses.at(-1);
    poses.push(
      before
        ? { ...pose, yaw: unwrapped(pose.yaw, before.yaw), roll: unwrapped(pose.roll, before.roll) }
        : pose,
    );
  }
  return {
    poses,
    fov: resolved.fov_deg,
    speed: resolved.speed,
    turn: resolved.turn,
    fps: resolved.fps,
    warnings: resolved.warnings,
  };
}
