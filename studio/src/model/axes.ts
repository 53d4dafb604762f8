/** The seven curves of a path: what they are called, how they are read, set, stepped and shown. */

import type { Keyframe } from "./shot";
import type { Vec3 } from "./pose";

export type AxisId = "x" | "y" | "z" | "pitch" | "yaw" | "roll" | "fov";

export interface Axis {
  readonly id: AxisId;
  readonly label: string;
  readonly about: string;
  readonly unit: "m" | "°";
  /** What a step with the arrow keys, or snapping, moves by. */
  readonly step: number;
  /** The least span that its lane shows, so that a still curve looks still. */
  readonly span: number;
  readonly min: number;
  readonly max: number;
  readonly get: (key: Keyframe) => number;
  readonly set: (key: Keyframe, value: number) => Keyframe;
}

function place(id: "x" | "y" | "z", index: 0 | 1 | 2, about: string): Axis {
  return {
    id,
    label: id.toUpperCase(),
    about,
    unit: "m",
    step: 0.25,
    span: 1,
    min: -1000,
    max: 1000,
    get: (key) => key.position[index],
    set: (key, value) => ({
      ...key,
      position: key.position.map((old, i) => (i === index ? value : old)) as unknown as Vec3,
    }),
  };
}

function turn(id: "pitch" | "yaw" | "roll", label: string, about: string, most: number): Axis {
  return {
    id,
    label,
    about,
    unit: "°",
    step: 5,
    span: 10,
    min: -most,
    max: most,
    get: (key) => key[id],
    set: (key, value) => ({ ...key, [id]: value }),
  };
}

export const AXES: readonly Axis[] = [
  place("x", 0, "metres to the right"),
  place("y", 1, "metres down: negative is up"),
  place("z", 2, "metres ahead"),
  turn("pitch", "Pitch", "degrees up", 89),
  turn("yaw", "Yaw", "degrees to the right", 3600),
  turn("roll", "Roll", "degrees clockwise", 3600),
  {
    id: "fov",
    label: "FOV",
    about: "horizontal field of view in degrees",
    unit: "°",
    step: 1,
    span: 10,
    min: 25,
    max: 120,
    get: (key) => key.fov,
    set: (key, value) => ({ ...key, fov: value }),
  },
];

/** A value within the axis' range, without the noise of floating point. */
export function tidy(axis: Axis, value: number): number {
  return Math.round(Math.min(axis.max, Math.max(axis.min, value)) * 1e4) / 1e4;
}

export function shown(axis: Axis, value: number): string {
  return axis.unit === "m" ? value.toFixed(2) : value.toFixed(1);
}
