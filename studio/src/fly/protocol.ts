/** The live protocol: binary msgpack maps both ways; large frames follow their header as a message of their own. */

import { decode, encode } from "@msgpack/msgpack";
import { socketUrl } from "../api/client";
import type { CameraPoses } from "../api/types";

export interface Init {
  prompt?: string;
  world?: { seed: number };
  first_frame?: Uint8Array;
  fov_deg?: number;
  seed?: number;
  model?: string;
  session?: string;
  paused?: boolean;
}

export interface Welcome {
  type: "session";
  session_id: string;
  model: string;
  width: number;
  height: number;
  fps: number;
  chunk_frames: number;
  prompt: string;
  frames_made: number;
  rewindable: number;
  paused: boolean;
  resumed: boolean;
}

export interface FrameHeader {
  num_frames: number;
  first_frame: number;
  payload_lengths: number[];
  client_ts_ms: number | null;
  make_ms: number;
  pose: number[];
}

export interface Standing {
  frames_made: number;
  rewindable: number;
}

export type Answer =
  | Welcome
  | ({ type: "rewound" | "paused" | "resumed" } & Standing)
  | { type: "forked"; session_id: string; frames_made: number }
  | { type: "prompted"; prompt: string }
  | ({ type: "path" } & CameraPoses)
  | { type: "error"; content: string };

type Message =
  | Answer
  | ({ type: "frame_batch"; payload: Uint8Array } & FrameHeader)
  | ({ type: "frame_batch_header" } & FrameHeader)
  | { type: "chunk_stats" };

export interface Listener {
  onAnswer(answer: Answer): void;
  onFrames(header: FrameHeader, payload: Uint8Array): void;
  onClose(reason: string): void;
}

const QUALITY = 82; // of JPEG: clear, and quick to decode

/** One socket of one flight. */
export class Link {
  private readonly socket: WebSocket;
  private waiting: FrameHeader | null = null;

  constructor(init: Init, listener: Listener) {
    this.socket = new WebSocket(socketUrl("v1/realtime_video/generate"));
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () =>
      this.send({
        type: "init",
        extensions: true,
        rewinds: 8,
        realtime_output_format: "jpeg",
        output_compression: QUALITY,
        realtime_output_pacing: true,
        ...init,
      });
    this.socket.onclose = (event) =>
      listener.onClose(event.code === 1000 ? "" : event.reason || "The connection broke.");
    this.socket.onmessage = (event: MessageEvent<ArrayBuffer>) =>
      this.hear(new Uint8Array(event.data), listener);
  }

  event(kind: string, payload?: unknown): void {
    this.send({ type: "event", kind, ...(payload === undefined ? {} : { payload }) });
  }

  /** These keys are held from now on. */
  hold(keys: readonly string[]): void {
    this.event("camera_actions", {
      mode: "state",
      transitions: [{ actions: keys, client_ts_ms: performance.now() }],
    });
  }

  close(): void {
    this.socket.onclose = null;
    this.socket.close(1000);
  }

  private send(message: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(encode(message));
  }

  private hear(bytes: Uint8Array, listener: Listener): void {
    if (this.waiting) {
      const header = this.waiting;
      this.waiting = null;
      listener.onFrames(header, bytes);
      return;
    }
    const message = decode(bytes) as Message;
    if (message.type === "frame_batch_header") this.waiting = message;
    else if (message.type === "frame_batch") listener.onFrames(message, message.payload);
    else if (message.type !== "chunk_stats") listener.onAnswer(message);
  }
}
