/** Takes: videos that were made, are being made, or wait. The server's events keep them up to date. */

import { computed, effect, signal } from "@preact/signals";
import { getBytes, getJson, postJson, remove, url } from "../api/client";
import type { CameraPoses, Preview, VideoJob, VideoList, VideoRequest } from "../api/types";
import { clearSelection } from "./edits";
import { fit } from "./fit";
import { densePath, fileName, toKeyframes } from "./files";
import { change, shot } from "./history";
import { fail, say } from "./notices";
import { pictureData } from "./place";
import { seek } from "./playback";
import { cameraOf } from "./resolve";
import { chosenModel, model, online } from "./server";
import { DEFAULT_FOV, frameCount, newShot, type Place, type Shot } from "./shot";
import { keepPicture, setting } from "./storage";

export const jobs = signal<ReadonlyMap<string, VideoJob>>(new Map());
/** The newest picture of each job on its way, as an address. */
export const previews = signal<ReadonlyMap<string, string>>(new Map());
export const submitting = signal(false);

export const newestFirst = computed(() =>
  [...jobs.value.values()].sort((a, b) => b.created_at - a.created_at || b.id.localeCompare(a.id)),
);
export const active = computed(() =>
  newestFirst.value.filter((job) => job.status === "queued" || job.status === "in_progress"),
);

/** What takes are called: the shot's name, numbered in the order in which they were asked for. */
export const titles = computed<ReadonlyMap<string, string>>(() => {
  const seen = new Map<string, number>();
  const named = [...newestFirst.value].reverse().map((job): [string, string] => {
    const name = job.name || job.prompt || "Take";
    const number = (seen.get(name) ?? 0) + 1;
    seen.set(name, number);
    return [job.id, `${name} ${number}`];
  });
  return new Map(named);
});

/** The takes being looked at: one, or two side by side. */
export const takeA = setting<string | null>("takeA", null);
export const takeB = setting<string | null>("takeB", null);

/** Follow the server's events, and know by them whether it is there. */
export function watchJobs(): void {
  const events = new EventSource(url("v1/events"));
  events.onopen = () => {
    online.value = true;
    getJson<VideoList>("v1/videos?limit=100").then(replaceAll, fail);
  };
  events.onerror = () => (online.value = false);
  events.addEventListener("job", (event) => put(parsed<VideoJob>(event)));
  events.addEventListener("gone", (event) => drop(parsed<{ id: string }>(event).id));
  events.addEventListener("preview", (event) => {
    const { id, jpeg } = parsed<Preview>(event);
    previews.value = new Map(previews.peek()).set(id, `data:image/jpeg;base64,${jpeg}`);
  });
  effect(() => {
    const known = jobs.value;
    if (takeB.value && known.size && !known.has(takeB.value)) takeB.value = null;
  });
}

/** Why the shot cannot be generated yet, or null. */
export function missing(of: Shot): string | null {
  if (of.place.type === "none" && !of.prompt.trim()) return "Pick a world, drop a picture or write a prompt.";
  if (of.keyframes.length < 2) return "Add a second keyframe: a path needs somewhere to go.";
  return null;
}

/** Put the shot into the queue. */
export async function generate(): Promise<void> {
  const now = shot.peek();
  const reason = missing(now);
  if (reason) return say(reason);
  submitting.value = true;
  try {
    const job = await postJson<VideoJob>("v1/videos", await requestOf(now));
    if (!jobs.peek().has(job.id)) put(job); // events may have said more by now
    takeA.value = job.id;
    say(`${job.name || "The shot"} is in the queue.`);
  } catch (error) {
    fail(error);
  } finally {
    submitting.value = false;
  }
}

/** Answers are passed over here: events tell the same, and an answer may come after a later event. */
export async function cancel(id: string): Promise<void> {
  await postJson(`v1/videos/${id}/cancel`, {}).catch(fail);
}

export async function retry(id: string): Promise<void> {
  await postJson(`v1/videos/${id}/retry`, {}).catch(fail);
}

export async function removeJob(id: string): Promise<void> {
  await remove(`v1/videos/${id}`).then(() => drop(id), fail);
}

export function download(job: VideoJob): void {
  const link = document.createElement("a");
  link.href = contentUrl(job.id);
  link.download = `${fileName(job.name || job.prompt || job.id)}.mp4`;
  link.click();
}

/** Make the shot what this take was asked for: its place, words and path. */
export async function reopen(job: VideoJob): Promise<void> {
  const asked = await getJson<VideoRequest>(`v1/videos/${job.id}/request`);
  const { camera } = asked;
  const keyframes =
    camera && typeof camera === "object"
      ? await toKeyframes(camera as Parameters<typeof toKeyframes>[0], job.name)
      : await fit(densePath(await getJson<CameraPoses>(`v1/videos/${job.id}/camera`)));
  const world = asked.world;
  const place: Place = world
    ? { type: "world", seed: world.seed, kind: world.kind ?? "" }
    : await givenPicture(job);
  change("Reopen take", {
    ...newShot(),
    name: job.name || "Reopened take",
    place,
    prompt: asked.prompt ?? "",
    seed: asked.seed ?? 0,
    steps: asked.steps ?? null,
    keyframes,
  });
  clearSelection();
  seek(0);
}

/** The picture that a take began with, kept as a place; none where it began with words alone. */
async function givenPicture(job: VideoJob): Promise<Place> {
  const picture = await getBytes(`v1/videos/${job.id}/picture.png`).catch(() => null);
  if (!picture) return { type: "none" };
  await keepPicture(job.id, new Blob([picture], { type: "image/png" }));
  return { type: "picture", id: job.id, name: `${job.name || "take"}.png` };
}

export function contentUrl(id: string): string {
  return url(`v1/videos/${id}/content`);
}

/** Whether there is a picture of a take: while it is made, as soon as one has come. */
export function hasPicture(job: VideoJob): boolean {
  const ended = job.status !== "queued" && job.status !== "in_progress";
  return previews.value.has(job.id) || (ended && job.has_content);
}

export function posterUrl(job: VideoJob): string {
  return previews.value.get(job.id) ?? url(`v1/videos/${job.id}/poster.jpg?v=${job.frames_done}`);
}

async function requestOf(now: Shot): Promise<VideoRequest> {
  const request: VideoRequest = {
    name: now.name,
    prompt: now.prompt,
    seed: now.seed,
    camera: cameraOf(now.keyframes),
    fov_deg: now.keyframes[0]?.fov ?? DEFAULT_FOV,
    num_frames: frameCount(now, model.peek()?.fps ?? 16),
  };
  const chosen = chosenModel.peek() ?? model.peek()?.id;
  if (chosen) request.model = chosen;
  if (now.steps !== null) request.steps = now.steps;
  if (now.place.type === "world") request.world = { seed: now.place.seed };
  if (now.place.type === "picture") request.input_reference = await pictureData(now.place);
  return request;
}

function parsed<T>(event: MessageEvent): T {
  return JSON.parse(event.data as string) as T;
}

function replaceAll(list: VideoList): void {
  jobs.value = new Map(list.data.map((job) => [job.id, job]));
}

function put(job: VideoJob): void {
  jobs.value = new Map(jobs.peek()).set(job.id, job);
}

function drop(id: string): void {
  const kept = new Map(jobs.peek());
  kept.delete(id);
  jobs.value = kept;
  if (takeA.peek() === id) takeA.value = null;
}
