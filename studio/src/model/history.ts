/** The shot at hand and everything it has been: undo and redo over whole, immutable shots. */

import { computed, signal } from "@preact/signals";
import { newShot, type Shot } from "./shot";

export interface Entry {
  readonly label: string;
  readonly shot: Shot;
}

export const entries = signal<readonly Entry[]>([{ label: "New shot", shot: newShot() }]);
export const cursor = signal(0);

export const shot = computed<Shot>(() => (entries.value[cursor.value] as Entry).shot);
export const canUndo = computed(() => cursor.value > 0);
export const canRedo = computed(() => cursor.value < entries.value.length - 1);
export const undoLabel = computed(() => (canUndo.value ? entries.value[cursor.value]?.label : undefined));
export const redoLabel = computed(() => entries.value[cursor.value + 1]?.label);

let gesture: string | null = null;

/**
 * Make `next` the shot. Changes that share a `merge` name, with no other change and no `endGesture` between,
 * are one step of the history: a drag, or typing in one field.
 */
export function change(label: string, next: Shot, merge: string | null = null): void {
  if (next === shot.value) return;
  const goesOn = merge !== null && merge === gesture && !canRedo.value && cursor.value > 0;
  const kept = entries.value.slice(0, goesOn ? cursor.value : cursor.value + 1);
  entries.value = [...kept, { label, shot: next }];
  cursor.value = kept.length;
  gesture = merge;
}

/** What comes next is a step of its own. */
export function endGesture(): void {
  gesture = null;
}

export function undo(): void {
  if (canUndo.value) cursor.value -= 1;
  gesture = null;
}

export function redo(): void {
  if (canRedo.value) cursor.value += 1;
  gesture = null;
}

/** Take up a stored history. */
export function restore(stored: readonly Entry[], at: number): void {
  if (!stored.length) return;
  entries.value = stored;
  cursor.value = Math.min(Math.max(0, at), stored.length - 1);
}
