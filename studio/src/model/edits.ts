/** Everything that changes the shot's path. The first keyframe is the picture's own camera and stays where it is. */

import { computed, signal } from "@preact/signals";
import { tidy, type Axis } from "./axes";
import { change, shot } from "./history";
import { seek, time, cameraNow } from "./playback";
import type { Pose, Vec3 } from "./pose";
import { fps } from "./server";
import { newId, sorted, type Ease, type Keyframe } from "./shot";
import { setting } from "./storage";

export const selection = signal<ReadonlySet<string>>(new Set());
export const snapping = setting("snapping", true);

export const selected = computed(() => shot.value.keyframes.filter((key) => selection.value.has(key.id)));
/** The keyframe whose numbers are shown: the only one selected. */
export const current = computed(() => (selected.value.length === 1 ? selected.value[0] : undefined));

export function isFirst(key: Keyframe): boolean {
  return shot.peek().keyframes[0]?.id === key.id;
}

export function select(id: string, add = false): void {
  const next = new Set(add ? selection.peek() : []);
  if (add && next.has(id)) next.delete(id);
  else next.add(id);
  selection.value = next;
}

export function selectAll(): void {
  selection.value = new Set(shot.peek().keyframes.map((key) => key.id));
}

export function clearSelection(): void {
  selection.value = new Set();
}

/** Select the keyframe before or after the playhead, and go there. */
export function selectNeighbour(direction: 1 | -1): void {
  const keys = shot.peek().keyframes;
  const now = time.peek();
  const later = keys.filter((key) => (key.time - now) * direction > 1e-3);
  const key = direction === 1 ? later[0] : later.at(-1);
  if (!key) return;
  select(key.id);
  seek(key.time);
}

/** A time on the grid: of frames always, of half seconds with snapping. */
export function snapTime(seconds: number, free = false): number {
  const grid = snapping.peek() && !free ? 2 : fps.peek();
  return Math.max(0, Math.round(seconds * grid) / grid);
}

export function snapValue(axis: Axis, value: number, free = false): number {
  const snapped = snapping.peek() && !free ? Math.round(value / axis.step) * axis.step : value;
  return tidy(axis, snapped);
}

/** A keyframe at the playhead that keeps the path as it is, or where `pose` says; selected. */
export function addKeyframe(pose?: Pose): void {
  const keys = shot.peek().keyframes;
  const now = cameraNow.peek();
  const at = time.peek();
  const there = keys.find((key) => Math.abs(key.time - at) < 0.5 / fps.peek());
  if (there && pose && !isFirst(there)) {
    setPose([[there.id, pose]], "Move keyframe");
    select(there.id);
    return;
  }
  const isNew = !there || pose;
  if (there && !isNew) {
    select(there.id);
    return;
  }
  const place = pose ?? now?.pose;
  if (!place) return;
  const moment = there ? nextFree(at) : at;
  insert(place, moment, now?.fov ?? 70, "Add keyframe");
}

/** A keyframe two seconds after the last one, a few metres on: the way a path is begun. */
export function extendPath(): void {
  const last = shot.peek().keyframes.at(-1);
  if (!last) return;
  const yaw = (last.yaw * Math.PI) / 180;
  const ahead: Vec3 = [
    last.position[0] + 3 * Math.sin(yaw),
    last.position[1],
    last.position[2] + 3 * Math.cos(yaw),
  ];
  insert({ ...last, position: ahead }, last.time + 2, last.fov, "Add keyframe");
  seek(last.time + 2);
}

export function removeSelected(): void {
  const gone = selection.peek();
  const kept = shot.peek().keyframes.filter((key) => !gone.has(key.id) || isFirst(key));
  if (kept.length === shot.peek().keyframes.length) return;
  replaceKeyframes(kept, gone.size > 1 ? "Delete keyframes" : "Delete keyframe");
  clearSelection();
  seek(time.peek());
}

export function setPose(poses: readonly (readonly [string, Pose])[], label: string, merge?: string): void {
  const moved = new Map(poses);
  const next = shot.peek().keyframes.map((key) => {
    const pose = moved.get(key.id);
    if (!pose || isFirst(key)) return key;
    const { position, yaw, pitch, roll } = pose;
    return { ...key, position: position.map(rounded) as unknown as Vec3, ...rounded3({ yaw, pitch, roll }) };
  });
  replaceKeyframes(next, label, merge);
}

/** Set one number of some keyframes. Of the first one only the field of view can be set. */
export function setAxis(ids: ReadonlySet<string>, axis: Axis, value: number, merge?: string): void {
  const next = shot
    .peek()
    .keyframes.map((key) =>
      ids.has(key.id) && (!isFirst(key) || axis.id === "fov") ? axis.set(key, tidy(axis, value)) : key,
    );
  replaceKeyframes(next, `Set ${axis.label}`, merge);
}

/** Add to one number of some keyframes. */
export function shiftAxis(ids: ReadonlySet<string>, axis: Axis, by: number, merge?: string): void {
  const next = shot
    .peek()
    .keyframes.map((key) =>
      ids.has(key.id) && (!isFirst(key) || axis.id === "fov")
        ? axis.set(key, tidy(axis, axis.get(key) + by))
        : key,
    );
  replaceKeyframes(next, `Move ${axis.label}`, merge);
}

export function setEase(ids: ReadonlySet<string>, ease: Ease): void {
  const next = shot.peek().keyframes.map((key) => (ids.has(key.id) ? { ...key, ease } : key));
  replaceKeyframes(next, "Set easing");
}

/**
 * Move keyframes in time: `times` by id, in seconds. Keys may pass each other; two at the same frame are refused, so
 * the drag stops there. Returns whether it was done.
 */
export function retime(times: ReadonlyMap<string, number>, merge?: string): boolean {
  const gap = 0.5 / fps.peek();
  const next = sorted(
    shot.peek().keyframes.map((key) => {
      const moment = times.get(key.id);
      return moment === undefined || isFirst(key) ? key : { ...key, time: moment };
    }),
  );
  const collides = next.some((key, i) => i > 0 && key.time - (next[i - 1]?.time ?? 0) < gap);
  if (collides || next[0]?.id !== shot.peek().keyframes[0]?.id) return false;
  replaceKeyframes(next, "Move in time", merge);
  return true;
}

export function replaceKeyframes(keyframes: readonly Keyframe[], label: string, merge?: string): void {
  change(label, { ...shot.peek(), keyframes }, merge);
}

function insert(pose: Pose, moment: number, fov: number, label: string): void {
  const { position, yaw, pitch, roll } = pose;
  const key: Keyframe = {
    id: newId(),
    time: Math.round(moment * fps.peek()) / fps.peek(),
    position: position.map(rounded) as unknown as Vec3,
    ...rounded3({ yaw, pitch, roll }),
    fov: rounded(fov),
    ease: "linear",
  };
  replaceKeyframes(sorted([...shot.peek().keyframes, key]), label);
  select(key.id);
}

function nextFree(after: number): number {
  const taken = shot.peek().keyframes.map((key) => key.time);
  const last = taken.at(-1) ?? 0;
  return after >= last ? last + 2 : after + 1 / fps.peek();
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function rounded3(turns: { yaw: number; pitch: number; roll: number }) {
  return { yaw: rounded(turns.yaw), pitch: rounded(turns.pitch), roll: rounded(turns.roll) };
}
