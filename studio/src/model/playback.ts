/** The playhead: a moment of the path, scrubbed or playing. */

import { computed, effect, signal } from "@preact/signals";
import { shot } from "./history";
import { path } from "./resolve";
import { fps } from "./server";
import type { Pose } from "./pose";
import { duration } from "./shot";
import { setting } from "./storage";

export const time = signal(0);
export const playing = signal(false);
export const looping = setting("loop", true);

/** The frame of the path at the playhead. */
export const frame = computed(() => {
  const frames = path.value?.poses.length ?? 1;
  return Math.min(frames - 1, Math.max(0, Math.round(time.value * fps.value)));
});

/** The camera at the playhead. */
export const cameraNow = computed<{ pose: Pose; fov: number } | null>(() => {
  const now = path.value;
  const pose = now?.poses[frame.value];
  return pose ? { pose, fov: now.fov[frame.value] ?? 70 } : null;
});

export function seek(seconds: number): void {
  time.value = Math.min(Math.max(0, seconds), Math.max(duration(shot.peek()), 0));
}

export function step(frames: number): void {
  playing.value = false;
  seek((Math.round(time.peek() * fps.peek()) + frames) / fps.peek());
}

export function togglePlay(): void {
  if (!playing.peek() && duration(shot.peek()) === 0) return;
  if (!playing.peek() && time.peek() >= duration(shot.peek()) - 1e-3) time.value = 0;
  playing.value = !playing.peek();
}

/** Move the playhead with the clock while it plays. */
export function watchPlayback(): void {
  effect(() => {
    if (!playing.value) return;
    let last = performance.now();
    let request = requestAnimationFrame(function tick(now: number) {
      const end = duration(shot.peek());
      let next = time.peek() + (now - last) / 1000;
      last = now;
      if (next >= end) {
        next = looping.peek() && end > 0 ? next % end : end;
        if (!looping.peek()) playing.value = false;
      }
      time.value = next;
      request = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(request);
  });
}
