/** Moves by name with parameters: shown as a ghost while they are chosen, then made editable keyframes. */

import { effect, signal } from "@preact/signals";
import type { CameraPreset } from "../api/types";
import { clearSelection, replaceKeyframes } from "./edits";
import { fit } from "./fit";
import { shot } from "./history";
import { fail, say } from "./notices";
import { playing, seek } from "./playback";
import { compose } from "./pose";
import { resolve, type Path } from "./resolve";
import { fps } from "./server";
import { DEFAULT_FOV, type Keyframe } from "./shot";

export interface Move {
  readonly preset: CameraPreset;
  readonly seconds: number;
  /** Only what was set by hand; the server fills in the rest. */
  readonly values: Readonly<Record<string, number>>;
  /** Fly it after what there is, instead of in its place. */
  readonly append: boolean;
}

export const move = signal<Move | null>(null);
/** The chosen move, flown, in the world's axes. */
export const ghost = signal<Path | null>(null);
export const applying = signal(false);

let turn = 0;

export function chooseMove(preset: CameraPreset): void {
  const append = move.peek()?.append ?? shot.peek().keyframes.length > 1;
  move.value = { preset, seconds: move.peek()?.seconds ?? 5, values: {}, append };
}

export function dropMove(): void {
  move.value = null;
}

/** Keep `ghost` that of the chosen move. */
export function watchMove(): void {
  effect(() => {
    const chosen = move.value;
    const { keyframes } = shot.value;
    const mine = ++turn;
    if (!chosen) {
      ghost.value = null;
      return;
    }
    fly(chosen, keyframes).then(
      (path) => {
        if (mine === turn) ghost.value = path;
      },
      (error: unknown) => {
        if (mine === turn) fail(error);
      },
    );
  });
}

/** Make the chosen move keyframes of the shot. */
export async function applyMove(): Promise<void> {
  const chosen = move.peek();
  if (!chosen || applying.peek()) return;
  applying.value = true;
  try {
    const { keyframes } = shot.peek();
    const fitted = await fit(await fly(chosen, keyframes));
    const start = chosen.append ? (keyframes.at(-1)?.time ?? 0) : 0;
    const added = fitted.slice(1).map((key) => ({ ...key, time: key.time + start }));
    const before = chosen.append ? keyframes : keyframes.slice(0, 1);
    const joint = before.at(-1) as Keyframe;
    const ease = fitted[0]?.ease ?? "linear";
    replaceKeyframes([...before.slice(0, -1), { ...joint, ease }, ...added], `Move: ${chosen.preset.name}`);
    clearSelection();
    move.value = null;
    seek(start);
    playing.value = true;
    say(`${chosen.preset.name}: ${added.length} keyframes, all of them yours to edit.`);
  } catch (error) {
    fail(error);
  } finally {
    applying.value = false;
  }
}

async function fly(chosen: Move, keyframes: readonly Keyframe[]): Promise<Path> {
  const numbers = Object.entries(chosen.values).map(([name, value]) => `${name}=${value}`);
  const text = [chosen.preset.name, ...(numbers.length ? [numbers.join(",")] : [])].join(":");
  const anchor = chosen.append ? keyframes.at(-1) : keyframes[0];
  const fov = anchor?.fov ?? DEFAULT_FOV;
  const flown = await resolve(text, { frames: Math.round(chosen.seconds * fps.peek()) + 1, fov_deg: fov });
  return anchor ? { ...flown, poses: flown.poses.map((pose) => compose(anchor, pose)) } : flown;
}
