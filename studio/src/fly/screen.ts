/** Frames as they come, shown at the flight's own pace, and how late and how fast they are. */

import type { FrameHeader } from "./protocol";

interface Waiting {
  readonly picture: ImageBitmap;
  readonly number: number;
  readonly sentAt: number | null;
}

export interface Figures {
  /** From a key's change to the first picture that follows it, milliseconds. */
  latencyMs: number | null;
  /** Pictures shown a second, over the last two seconds. */
  fps: number;
  /** Number of the frame on show. */
  frame: number;
}

const MOST_WAITING = 48; // frames; beyond it the oldest are skipped
const WINDOW_MS = 2000;
const FIGURES_MS = 250; // drawing text with every picture costs a browser more than the picture does

export class Screen {
  private queue: Waiting[] = [];
  private decoding: Promise<void> = Promise.resolve();
  private request = 0;
  private due = 0;
  private shownAt: number[] = [];
  private epoch = 0;
  private stamp: number | null = null;
  private latencyMs: number | null = null;
  private news: Figures | null = null;
  private toldAt = 0;
  /** Told the number of every frame on show. */
  onShown: (frame: number) => void = () => {};
  /** Told four times a second, and of the last picture before a pause. */
  onFigures: (figures: Figures) => void = () => {};

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private fps: number,
  ) {
    this.request = requestAnimationFrame(this.tick);
  }

  /** The next frames; they are decoded in the order in which they come. */
  push(header: FrameHeader, payload: Uint8Array): void {
    const epoch = this.epoch;
    const fresh = header.client_ts_ms !== null && header.client_ts_ms !== this.stamp;
    this.stamp = header.client_ts_ms ?? this.stamp;
    this.decoding = this.decoding.then(async () => {
      let at = 0;
      for (const [i, length] of header.payload_lengths.entries()) {
        const jpeg = payload.slice(at, at + length);
        at += length;
        const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
        if (epoch !== this.epoch) return;
        const sentAt = fresh && i === 0 ? header.client_ts_ms : null;
        this.queue.push({ picture, number: header.first_frame + i, sentAt });
      }
      while (this.queue.length > MOST_WAITING) this.queue.shift()?.picture.close();
    });
  }

  /** Forget what has not been shown. */
  clear(): void {
    this.epoch++;
    this.queue.forEach(({ picture }) => picture.close());
    this.queue = [];
    this.shownAt = [];
    this.news = null;
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
    this.clear();
  }

  private readonly tick = (now: number): void => {
    this.request = requestAnimationFrame(this.tick);
    if (this.news && now - this.toldAt >= FIGURES_MS) {
      this.onFigures(this.news);
      this.news = null;
      this.toldAt = now;
    }
    if (!this.queue.length || now < this.due - 2) return;
    const period = 1000 / this.fps;
    this.due = now - this.due > 2 * period ? now + period : this.due + period;
    this.show(this.queue.shift() as Waiting, now);
  };

  private show({ picture, number, sentAt }: Waiting, now: number): void {
    if (this.canvas.width !== picture.width) {
      [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
    }
    this.canvas.getContext("2d")?.drawImage(picture, 0, 0);
    picture.close();
    if (sentAt !== null) this.latencyMs = performance.now() - sentAt;
    this.shownAt = [...this.shownAt.filter((time) => now - time < WINDOW_MS), now];
    const seconds = (now - (this.shownAt[0] ?? now)) / 1000;
    const fps = seconds > 0 ? (this.shownAt.length - 1) / seconds : 0;
    this.news = { latencyMs: this.latencyMs, fps, frame: number };
    this.onShown(number);
  }
}
