/** Where the flight begins: a rendered world or a dropped picture. */

import { computed, effect, signal } from "@preact/signals";
import { getJson, url } from "../api/client";
import type { WorldInfo } from "../api/types";
import { change, shot } from "./history";
import { fail, say } from "./notices";
import { pickFile } from "./pick";
import { keepPicture, readPicture } from "./storage";
import { newId, type Place } from "./shot";

const PAGE = 11; // with a card or a button for more, whole rows of four
const SMALL = 320; // pixels: cards are about 220 wide
const MOST_SIDE = 2048; // pixels: models take less, and a photograph of 50 megapixels would not fit a request

export const worlds = signal<readonly WorldInfo[]>([]);
const loading = signal(false);
export const worldsLoading = computed(() => loading.value);

/** The picture that the first camera sees, as an address, or null before there is one; of a world, a small one. */
export const firstView = signal<string | null>(null);

export async function loadWorlds(): Promise<void> {
  if (loading.peek()) return;
  loading.value = true;
  try {
    const start = (worlds.peek().at(-1)?.seed ?? -1) + 1;
    worlds.value = [
      ...worlds.peek(),
      ...(await getJson<WorldInfo[]>(`v1/worlds?start=${start}&count=${PAGE}`)),
    ];
  } catch (error) {
    fail(error);
  } finally {
    loading.value = false;
  }
}

/** The address of a world's first view: small, which is there sooner, or as large as the model's frames. */
export function worldPicture(seed: number, fov = 70, large = false): string {
  return url(`v1/worlds/${seed}.jpg?fov_deg=${fov}${large ? "" : `&width=${SMALL}`}`);
}

export function pickWorld(world: WorldInfo): void {
  const now = shot.peek();
  const before = now.place.type === "world" ? now.place : null;
  const told = before && worlds.peek().find((one) => one.seed === before.seed)?.prompt === now.prompt;
  const prompt = !now.prompt || told ? world.prompt : now.prompt;
  change("Pick world", { ...now, place: { type: "world", seed: world.seed, kind: world.kind }, prompt });
}

/** A world by its number, as typed. */
export async function pickSeed(seed: number): Promise<void> {
  const [world] = await getJson<WorldInfo[]>(`v1/worlds?start=${seed}&count=1`);
  if (world) pickWorld(world);
}

/** Take a picture file as the first frame. */
export async function dropPicture(file: Blob, name: string): Promise<void> {
  let picture: Blob;
  try {
    picture = await reduced(file);
  } catch {
    say(`${name} is not a picture that this browser reads; PNG, JPEG and WebP are.`, "error");
    return;
  }
  const id = newId();
  await keepPicture(id, picture);
  change("Drop picture", { ...shot.peek(), place: { type: "picture", id, name } });
}

export function choosePicture(): void {
  pickFile("image/png,image/jpeg,image/webp", (file) => dropPicture(file, file.name));
}

/** The picture of a place as a data: address, as requests carry it. */
export async function pictureData(place: Extract<Place, { type: "picture" }>): Promise<string> {
  const blob = await readPicture(place.id);
  if (!blob) throw new Error(`The picture ${place.name} is gone from this browser; drop it again.`);
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error as DOMException);
    reader.readAsDataURL(blob);
  });
}

/** Keep `firstView` that of the shot. */
export function watchPlace(): void {
  let shown: string | null = null;
  effect(() => {
    const { place, keyframes } = shot.value;
    const key = place.type === "world" ? worldPicture(place.seed, keyframes[0]?.fov) : JSON.stringify(place);
    if (key === shown) return;
    shown = key;
    if (place.type === "world") firstView.value = key;
    else if (place.type === "none") firstView.value = null;
    else
      readPicture(place.id)
        .then((blob) => {
          if (shown === key) firstView.value = blob ? URL.createObjectURL(blob) : null;
        })
        .catch(fail);
  });
}

async function reduced(file: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}
