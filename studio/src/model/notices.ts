/** Short messages at the edge of the screen. */

import { signal } from "@preact/signals";
import { ApiError } from "../api/client";
import { overlay } from "../ui/overlay-state";

export interface Notice {
  readonly id: number;
  readonly kind: "info" | "error";
  readonly text: string;
}

export const notices = signal<readonly Notice[]>([]);
/** Whether the server wants a token that this browser has not given; logging in reloads the page. */
export const lockedOut = signal(false);

const SHOWN_MS = { info: 3500, error: 8000 };
let next = 0;

export function say(text: string, kind: Notice["kind"] = "info"): void {
  const notice = { id: next++, kind, text };
  notices.value = [...notices.value.filter((one) => one.text !== text), notice].slice(-4);
  setTimeout(() => dismiss(notice.id), SHOWN_MS[kind]);
}

/** For `catch`: the reason in words; a call that was given up is no failure. */
export function fail(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  if (error instanceof ApiError && error.status === 401) {
    lockedOut.value = true;
    overlay.value = "login";
  } else say(error instanceof Error ? error.message : String(error), "error");
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id);
}
