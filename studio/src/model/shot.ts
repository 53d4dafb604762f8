/** The document: a place, words, and a camera that moves through it. Values are never changed in place. */

import type { Pose, Vec3 } from "./pose";

export type Ease = "linear" | "in" | "out" | "in_out";

export interface Keyframe extends Pose {
  readonly id: string;
  /** Seconds from the start. */
  readonly time: number;
  /** Horizontal field of view, degrees. */
  readonly fov: number;
  /** How the way to the next keyframe is run. */
  readonly ease: Ease;
}

export type Place =
  | { readonly type: "none" }
  | { readonly type: "world"; readonly seed: number; readonly kind: string }
  | { readonly type: "picture"; readonly id: string; readonly name: string };

export interface Shot {
  readonly name: string;
  readonly place: Place;
  readonly prompt: string;
  /** Everything random in a take follows from it. */
  readonly seed: number;
  /** Denoising steps a chunk; null is the model's own number. */
  readonly steps: number | null;
  readonly keyframes: readonly Keyframe[];
}

export const EASES: readonly { id: Ease; label: string }[] = [
  { id: "linear", label: "Through" },
  { id: "in", label: "From rest" },
  { id: "out", label: "To rest" },
  { id: "in_out", label: "Both" },
];

export const DEFAULT_FOV = 70;
const ORIGIN: Vec3 = [0, 0, 0];

export function newId(): string {
  return Math.random().toString(36).slice(2, 10);
}

/** The keyframe that every path begins with: the picture itself, seen by the first camera. */
export function firstKeyframe(fov = DEFAULT_FOV): Keyframe {
  return { id: newId(), time: 0, position: ORIGIN, yaw: 0, pitch: 0, roll: 0, fov, ease: "linear" };
}

export function newShot(): Shot {
  return {
    name: "Untitled shot",
    place: { type: "none" },
    prompt: "",
    seed: 0,
    steps: null,
    keyframes: [firstKeyframe()],
  };
}

export function sorted(keyframes: readonly Keyframe[]): Keyframe[] {
  return [...keyframes].sort((a, b) => a.time - b.time);
}

/** Seconds from the first keyframe to the last. */
export function duration(shot: Shot): number {
  return shot.keyframes.at(-1)?.time ?? 0;
}

/** Frames of the path at `fps`. */
export function frameCount(shot: Shot, fps: number): number {
  return Math.round(duration(shot) * fps) + 1;
}
