import { signal } from "@preact/signals";

/** Which sheet lies over the studio. */
export const overlay = signal<"keys" | "login" | null>(null);
