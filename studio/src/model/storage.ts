/**
 * What survives a reload. The shot at hand is written to localStorage at once, on every change, so that a crash
 * loses nothing; the history behind it and dropped pictures go to IndexedDB a moment later.
 */

import { effect, signal } from "@preact/signals";
import { change, cursor, entries, restore, shot, type Entry } from "./history";
import type { Shot } from "./shot";

const SHOT = "flythrough.shot";
const HISTORY = "history";
const PICTURES = "pictures";
const WAIT_MS = 250;

export const saved = signal<"saved" | "saving" | "failed">("saved");

let opened: Promise<IDBDatabase> | undefined;

/** Bring back the shot at once, its history when it has been read, and keep both from then on. */
export async function startAutosave(): Promise<void> {
  const last = readShot();
  if (last) restore([{ label: "Restored", shot: last }], 0);
  const begun = entries.peek();
  const history = await get<{ entries: Entry[]; cursor: number }>(HISTORY, "now").catch(() => undefined);
  if (history && entries.peek() === begun) {
    restore(history.entries, history.cursor);
    if (last && JSON.stringify(last) !== JSON.stringify(shot.value)) change("Restored", last);
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  let first = true;
  effect(() => {
    const state = { entries: entries.value, cursor: cursor.value };
    if (first) {
      first = false;
      return;
    }
    writeShot(shot.value);
    saved.value = "saving";
    clearTimeout(timer);
    timer = setTimeout(() => {
      put(HISTORY, "now", state).then(
        () => (saved.value = "saved"),
        () => (saved.value = "failed"),
      );
    }, WAIT_MS);
  });
}

export function readPicture(id: string): Promise<Blob | undefined> {
  return get<Blob>(PICTURES, id);
}

export function keepPicture(id: string, picture: Blob): Promise<void> {
  return put(PICTURES, id, picture);
}

/** A small setting that is not part of a shot. */
export function setting<T>(name: string, initial: T) {
  const key = `flythrough.${name}`;
  let stored: T = initial;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) stored = JSON.parse(text) as T;
  } catch {
    // Storage is blocked or holds something else: start afresh.
  }
  const state = signal<T>(stored);
  effect(() => {
    keepSetting(name, state.value);
  });
  return state;
}

/** Store a setting for the next time, without telling this page. */
export function keepSetting(name: string, value: unknown): void {
  try {
    localStorage.setItem(`flythrough.${name}`, JSON.stringify(value));
  } catch {
    // A setting that cannot be kept still works until the page is closed.
  }
}

function readShot(): Shot | undefined {
  try {
    const text = localStorage.getItem(SHOT);
    return text === null ? undefined : (JSON.parse(text) as Shot);
  } catch {
    return undefined;
  }
}

function writeShot(value: Shot): void {
  try {
    localStorage.setItem(SHOT, JSON.stringify(value));
  } catch {
    saved.value = "failed";
  }
}

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("flythrough", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(HISTORY);
      request.result.createObjectStore(PICTURES);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
  return opened;
}

async function get<T>(store: string, key: string): Promise<T | undefined> {
  const request = (await open()).transaction(store).objectStore(store).get(key);
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as T | undefined);
    request.onerror = () => reject(request.error as DOMException);
  });
}

async function put(store: string, key: string, value: unknown): Promise<void> {
  const transaction = (await open()).transaction(store, "readwrite");
  transaction.objectStore(store).put(value, key);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error as DOMException);
  });
}
