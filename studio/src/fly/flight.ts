/** The live flight: begun, paused, taken back, split in two, and brought back after a reload. */

import { computed, signal } from "@preact/signals";
import { getJson, remove } from "../api/client";
import type { CameraPoses } from "../api/types";
import { clearSelection } from "../model/edits";
import { densePath } from "../model/files";
import { fit } from "../model/fit";
import { change, shot } from "../model/history";
import { mode } from "../model/mode";
import { fail, say } from "../model/notices";
import { seek } from "../model/playback";
import { model } from "../model/server";
import { DEFAULT_FOV, newShot, type Place } from "../model/shot";
import { keepSetting, readPicture, setting } from "../model/storage";
import { Hands } from "./hands";
import { Link, type Answer, type Init, type Welcome } from "./protocol";
import { Screen, type Figures } from "./screen";

export interface Branch {
  readonly id: string;
  readonly name: string;
  readonly place: Place;
  readonly prompt: string;
  /** Seconds at which it left the flight it was forked from. */
  readonly from: number | null;
}

export type State = "idle" | "opening" | "flying" | "paused" | "broken";

export const state = signal<State>("idle");
export const trouble = signal("");
export const welcome = signal<Welcome | null>(null);
export const figures = signal<Figures>({ latencyMs: null, fps: 0, frame: 0 });
export const making = signal({ ms: 0, frames: 0 });
export const held = signal<readonly string[]>([]);
export const rewindable = signal(0);
export const converting = signal(false);
/** Flights that can be gone on with, and the one at hand; they outlive a reload. */
export const branches = setting<readonly Branch[]>("flights", []);
export const current = setting<string | null>("flight", null);

/** The last picture of the flight at hand, for when it is come back to. */
export const lastPicture = setting<{ flight: string; address: string } | null>("lastPicture", null);

export const seconds = computed(() => figures.value.frame / (welcome.value?.fps ?? 16));

let link: Link | null = null;
let screen: Screen | null = null;
let hands: Hands | null = null;
let surface: HTMLCanvasElement | null = null;
let unnamed: Omit<Branch, "id"> | null = null;

/** Where the frames go. Without a canvas the flight is left, and can be gone on with. */
export function attach(canvas: HTMLCanvasElement | null): void {
  if (!canvas) leave();
  surface = canvas;
  if (canvas && current.peek() && state.peek() === "idle") goOn(current.peek() as string, true);
}

/** A new flight from the shot's place. */
export async function begin(): Promise<void> {
  const now = shot.peek();
  const init: Init = {
    prompt: now.prompt,
    seed: now.seed,
    fov_deg: now.keyframes[0]?.fov ?? DEFAULT_FOV,
  };
  const chosen = model.peek()?.id;
  if (chosen) init.model = chosen;
  if (now.place.type === "world") init.world = { seed: now.place.seed };
  if (now.place.type === "picture") {
    const picture = await readPicture(now.place.id);
    if (!picture)
      return say(`The picture ${now.place.name} is gone from this browser; drop it again.`, "error");
    init.first_frame = new Uint8Array(await picture.arrayBuffer());
  }
  const number =
    1 + Math.max(0, ...branches.peek().map((one) => Number(/^Flight (\d+)/.exec(one.name)?.[1] ?? 0)));
  unnamed = { name: `Flight ${number}`, place: now.place, prompt: now.prompt, from: null };
  open(init);
}

/** Take up a flight that was left. */
export function goOn(id: string, paused = false): void {
  unnamed = null;
  open({ session: id, paused });
}

/** Leave the flight; the server keeps it. */
export function leave(): void {
  keepPicture();
  link?.close();
  screen?.dispose();
  hands?.dispose();
  link = screen = hands = null;
  welcome.value = null;
  held.value = [];
  state.value = "idle";
}

export function land(): void {
  leave();
  current.value = null;
}

export function togglePause(): void {
  if (state.peek() === "flying") link?.event("pause");
  else if (state.peek() === "paused") link?.event("resume");
}

export function rewind(): void {
  if (rewindable.peek() > 0) link?.event("rewind", { chunks: 1 });
}

export function fork(): void {
  link?.event("fork");
}

export function sayPrompt(prompt: string): void {
  link?.event("prompt", { prompt, over: 4 });
}

/** Delete a flight. */
export async function forget(id: string): Promise<void> {
  if (current.peek() === id) land();
  branches.value = branches.peek().filter((one) => one.id !== id);
  await remove(`v1/sessions/${id}`).catch(() => undefined); // it may be gone already
}

/** Make the flight so far the shot's path, as keyframes. */
export async function toPath(): Promise<void> {
  const id = current.peek();
  const branch = branches.peek().find((one) => one.id === id);
  if (!id || !branch || converting.peek()) return;
  converting.value = true;
  try {
    const flown = await getJson<CameraPoses>(`v1/sessions/${id}/path`);
    const keyframes = await fit(densePath(flown));
    const { place, prompt, name } = branch;
    change("Record flight", { ...newShot(), name, place, prompt, seed: shot.peek().seed, keyframes });
    clearSelection();
    seek(0);
    mode.value = "path";
    say(`${name}: ${flown.c2w.length} frames became ${keyframes.length} keyframes.`);
  } catch (error) {
    fail(error);
  } finally {
    converting.value = false;
  }
}

/** Remember what is on show, from a page that goes away: nothing is drawn any more, so no signal may change. */
export function keepPictureOnly(): void {
  const picture = pictureOnShow();
  if (picture) keepSetting("lastPicture", picture);
}

function keepPicture(): void {
  lastPicture.value = pictureOnShow() ?? lastPicture.peek();
}

function pictureOnShow(): { flight: string; address: string } | null {
  const flight = welcome.peek()?.session_id;
  if (!flight || !surface?.width || state.peek() === "opening" || figures.peek().fps === 0) return null;
  return { flight, address: surface.toDataURL("image/jpeg", 0.8) };
}

function open(init: Init): void {
  const canvas = surface;
  if (!canvas) return;
  leave();
  state.value = "opening";
  canvas.width = canvas.width; // empty, so that the still behind it shows
  trouble.value = "";
  figures.value = { latencyMs: null, fps: 0, frame: 0 };
  link = new Link(init, {
    onAnswer: (answer) => hear(answer, canvas),
    onFrames: (header, payload) => {
      making.value = { ms: header.make_ms, frames: header.num_frames };
      screen?.push(header, payload);
    },
    onClose: (reason) => {
      state.value = reason ? "broken" : "idle";
      trouble.value = reason;
    },
  });
}

function hear(answer: Answer, canvas: HTMLCanvasElement): void {
  switch (answer.type) {
    case "session":
      return board(answer, canvas);
    case "rewound":
      screen?.clear();
      rewindable.value = answer.rewindable;
      figures.value = { ...figures.peek(), frame: answer.frames_made };
      return;
    case "paused":
    case "resumed":
      state.value = answer.type === "paused" ? "paused" : "flying";
      rewindable.value = answer.rewindable;
      return;
    case "forked":
      return branch(answer.session_id, answer.frames_made);
    case "prompted":
      return say(`Heard: ${answer.prompt}`);
    case "error":
      if (state.peek() === "opening") missing(answer.content);
      else say(answer.content, "error");
  }
}

function board(answer: Welcome, canvas: HTMLCanvasElement): void {
  welcome.value = answer;
  rewindable.value = answer.rewindable;
  state.value = answer.paused ? "paused" : "flying";
  figures.value = { ...figures.peek(), frame: answer.frames_made };
  if (unnamed) branches.value = [{ ...unnamed, id: answer.session_id }, ...branches.peek()].slice(0, 24);
  current.value = answer.session_id;
  screen = new Screen(canvas, answer.fps);
  screen.onFigures = (now) => (figures.value = now);
  screen.onShown = (frame) => {
    if (frame % answer.chunk_frames) return;
    link?.event("shown", { frame });
    rewindable.value = Math.min(8, Math.floor(frame / answer.chunk_frames));
  };
  hands = new Hands(canvas, (letters) => {
    held.value = letters;
    link?.hold(letters);
  });
}

function branch(id: string, frames: number): void {
  const parent = branches.peek().find((one) => one.id === current.peek());
  if (!parent) return;
  const from = frames / (welcome.peek()?.fps ?? 16);
  const siblings = branches.peek().filter((one) => one.name.startsWith(`${parent.name}.`)).length;
  const name = `${parent.name}.${siblings + 1}`;
  branches.value = [{ ...parent, id, name, from }, ...branches.peek()];
  say(`${name} begins here. This flight goes on; the other waits in the list.`);
}

/** The flight to be taken up is not there any more. */
function missing(reason: string): void {
  const gone = current.peek();
  trouble.value = reason;
  state.value = "broken";
  if (gone && !unnamed) {
    branches.value = branches.peek().filter((one) => one.id !== gone);
    current.value = null;
  }
}
