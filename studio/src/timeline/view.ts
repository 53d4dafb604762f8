/** Which stretch of time the timeline shows, and which curve is large. */

import { computed, signal } from "@preact/signals";
import type { AxisId } from "../model/axes";
import { shot } from "../model/history";
import { duration } from "../model/shot";
import { setting } from "../model/storage";

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A stretch chosen by zooming; null: all of the path. */
const zoomed = signal<Span | null>(null);
export const focused = setting<AxisId>("lane", "z");
/** Pixels between the left end of the lanes and the first frame. */
export const PAD = 14;

export const span = computed<Span>(() => {
  if (zoomed.value) return zoomed.value;
  const length = Math.max(4, duration(shot.value));
  return { start: 0, end: length * 1.04 };
});
export const isZoomed = computed(() => zoomed.value !== null);

export function zoom(by: number, about: number): void {
  const { start, end } = span.peek();
  const length = Math.min(600, Math.max(0.5, (end - start) * by));
  const share = (about - start) / (end - start);
  const from = Math.max(0, about - share * length);
  zoomed.value = { start: from, end: from + length };
}

export function pan(seconds: number): void {
  const { start, end } = span.peek();
  const from = Math.max(0, start + seconds);
  zoomed.value = { start: from, end: from + end - start };
}

export function fitSpan(): void {
  zoomed.value = null;
}

/** From seconds to pixels and back, in lanes of this width. */
export class Scale {
  constructor(
    readonly width: number,
    private readonly shown: Span,
  ) {}

  x(seconds: number): number {
    return (
      PAD + ((seconds - this.shown.start) / (this.shown.end - this.shown.start)) * (this.width - 2 * PAD)
    );
  }

  time(x: number): number {
    return this.shown.start + this.seconds(x - PAD);
  }

  /** How long so many pixels are. */
  seconds(pixels: number): number {
    return (pixels / (this.width - 2 * PAD)) * (this.shown.end - this.shown.start);
  }

  /** Seconds between labelled ticks, so that labels have room. */
  tick(): number {
    const least = this.seconds(64);
    return [0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300].find((step) => step >= least) ?? 600;
  }
}
