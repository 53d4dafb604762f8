/** Values over frames as SVG paths. */

import type { Axis } from "../model/axes";
import type { Path } from "../model/resolve";
import type { Keyframe } from "../model/shot";
import type { Scale } from "./view";

export interface Range {
  readonly low: number;
  readonly high: number;
}

const ROOM = 0.04; // of the values' span, above and below
export const MARGIN_PX = 5; // so that keys at the ends are whole

/** The value of an axis at each frame of a path. */
export function valuesOf(axis: Axis, path: Path): readonly number[] {
  if (axis.id === "fov") return path.fov;
  return path.poses.map((pose) =>
    axis.id === "x" || axis.id === "y" || axis.id === "z"
      ? pose.position[{ x: 0, y: 1, z: 2 }[axis.id] as 0 | 1 | 2]
      : pose[axis.id as "pitch" | "yaw" | "roll"],
  );
}

/** What a lane shows: all values, at least the axis' span, and a little room. */
export function rangeOf(axis: Axis, values: readonly number[], keys: readonly Keyframe[]): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const value of [...values, ...keys.map(axis.get)]) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const missing = Math.max(0, axis.span - (high - low)) / 2;
  const room = (high - low + 2 * missing) * ROOM;
  return { low: low - missing - room, high: high + missing + room };
}

export function yOf(value: number, range: Range, height: number): number {
  return height - MARGIN_PX - ((value - range.low) / (range.high - range.low)) * (height - 2 * MARGIN_PX);
}

/** An SVG path through the values, thinned to about a point a pixel. */
export function line(
  values: readonly number[],
  fps: number,
  scale: Scale,
  height: number,
  range: Range,
): string {
  const every = Math.max(1, Math.floor(values.length / Math.max(1, scale.width)));
  const parts: string[] = [];
  for (let i = 0; i < values.length; i += every) parts.push(point(i));
  if ((values.length - 1) % every) parts.push(point(values.length - 1));
  return parts.join("");

  function point(i: number): string {
    const y = yOf(values[i] ?? 0, range, height);
    return `${parts.length ? "L" : "M"}${scale.x(i / fps).toFixed(1)} ${y.toFixed(1)}`;
  }
}
