/** One or two videos as one: the first leads, the second is kept on the same frame. */

import { signal } from "@preact/signals";

export const time = signal(0);
export const length = signal(0);
export const playing = signal(false);

let leader: HTMLVideoElement | null = null;
let follower: HTMLVideoElement | null = null;
let request = 0;

const DRIFT_S = 0.05;

/** The videos on show; `null` where there is none. */
export function attach(a: HTMLVideoElement | null, b: HTMLVideoElement | null): void {
  leader = a;
  follower = b;
  cancelAnimationFrame(request);
  if (!a) return;
  a.ondurationchange = a.onloadeddata = () => (length.value = Number.isFinite(a.duration) ? a.duration : 0);
  a.onplay = () => (playing.value = true);
  a.onpause = () => (playing.value = false);
  if (b) b.onloadeddata = align;
  length.value = Number.isFinite(a.duration) ? a.duration : 0;
  playing.value = !a.paused;
  tick();
}

export function toggle(): void {
  if (!leader) return;
  if (leader.paused) {
    void leader.play().catch(() => undefined); // a video that is not there yet plays when asked again
    align();
  } else leader.pause();
}

export function seek(seconds: number): void {
  if (!leader) return;
  leader.currentTime = Math.min(Math.max(0, seconds), Math.max(0, length.peek() - 0.001));
  time.value = leader.currentTime;
  align();
}

export function step(frames: number, fps: number): void {
  if (!leader) return;
  leader.pause();
  // The middle of a frame: its beginning, rounded, may still show the one before.
  seek((Math.floor(leader.currentTime * fps + 1e-3) + frames + 0.5) / fps);
}

function tick(): void {
  request = requestAnimationFrame(tick);
  if (!leader) return;
  if (leader.currentTime !== time.peek()) time.value = leader.currentTime;
  if (!follower) return;
  if (follower.paused !== leader.paused) {
    if (leader.paused) follower.pause();
    else if (leader.currentTime < (follower.duration || 0)) void follower.play().catch(() => undefined);
  }
  if (Math.abs(follower.currentTime - leader.currentTime) > DRIFT_S) align();
}

function align(): void {
  if (!leader || !follower || !Number.isFinite(follower.duration) || follower.seeking) return;
  const there = Math.min(leader.currentTime, follower.duration - 0.001);
  if (Math.abs(follower.currentTime - there) > 0.01) follower.currentTime = there;
}
