/** A path frame by frame -> few keyframes whose spline stays within a hand's breadth of it. */

import { angleBetween, distance, unwrapped, type Pose } from "./pose";
import { cameraOf, resolve } from "./resolve";
import { newId, type Keyframe } from "./shot";

export interface Dense {
  readonly poses: readonly Pose[];
  readonly fov: readonly number[];
  readonly fps: number;
}

const METRES = 0.06;
const DEGREES = 0.8;
const ROUNDS = 10;

/**
 * Keyframes are put where the server's spline is furthest from the path, in every stretch at once, until none is
 * further than 6 cm or 0.8 degrees. Times count from the path's first frame.
 */
export async function fit(dense: Dense): Promise<Keyframe[]> {
  const last = dense.poses.length - 1;
  let chosen = last > 0 ? [0, last] : [0];
  for (let round = 0; round < ROUNDS && last > 0; round++) {
    const flown = await resolve(cameraOf(keyframesAt(dense, chosen)));
    const more = chosen.slice(1).map((end, i) => worst(dense, flown.poses, chosen[i] ?? 0, end));
    const added = more.filter((frame): frame is number => frame !== null);
    if (!added.length) break;
    chosen = [...new Set([...chosen, ...added])].sort((a, b) => a - b);
  }
  return keyframesAt(dense, chosen);
}

function keyframesAt(dense: Dense, frames: readonly number[]): Keyframe[] {
  const keys: Keyframe[] = [];
  for (const frame of frames) {
    const pose = dense.poses[frame] as Pose;
    const before = keys.at(-1);
    keys.push({
      id: newId(),
      time: frame / dense.fps,
      position: pose.position,
      pitch: pose.pitch,
      yaw: before ? unwrapped(pose.yaw, before.yaw) : pose.yaw,
      roll: before ? unwrapped(pose.roll, before.roll) : pose.roll,
      fov: dense.fov[frame] ?? 70,
      ease: "linear",
    });
  }
  const rests = restsAtEnds(dense);
  return keys.map((key, i) => {
    const first = i === 0 && rests.start;
    const lastWay = i === keys.length - 2 && rests.end;
    return first && lastWay
      ? { ...key, ease: "in_out" }
      : first
        ? { ...key, ease: "in" }
        : lastWay
          ? { ...key, ease: "out" }
          : key;
  });
}

/** Whether the path sets off from rest and comes to rest. */
function restsAtEnds({ poses }: Dense): { start: boolean; end: boolean } {
  const steps = poses.slice(1).map((pose, i) => stepSize(poses[i] as Pose, pose));
  const typical = [...steps].sort((a, b) => a - b)[steps.length >> 1] ?? 0;
  const slow = (step: number | undefined) => typical > 0 && step !== undefined && step < 0.25 * typical;
  return { start: slow(steps[0]), end: slow(steps.at(-1)) };
}

function stepSize(a: Pose, b: Pose): number {
  return distance(a.position, b.position) / METRES + angleBetween(a, b) / DEGREES;
}

/** The frame between two others at which the flown path is furthest off, or null where it is near enough. */
function worst(dense: Dense, flown: readonly Pose[], start: number, end: number): number | null {
  let [most, at] = [1, -1];
  for (let frame = start + 1; frame < end; frame++) {
    const [wanted, got] = [dense.poses[frame], flown[frame]];
    if (!wanted || !got) continue;
    const off = Math.max(
      distance(wanted.position, got.position) / METRES,
      angleBetween(wanted, got) / DEGREES,
    );
    if (off > most) [most, at] = [off, frame];
  }
  return at < 0 ? null : at;
}
