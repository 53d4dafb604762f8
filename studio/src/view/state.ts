/** How the 3-D view is used; kept over reloads where that helps. */

import { signal } from "@preact/signals";
import { setting } from "../model/storage";
import type { GizmoMode } from "./gizmo";
import type { Stage } from "./stage";

export const stage = signal<Stage | null>(null);
/** Whether the 3-D place is on its way. */
export const loadingPlace = signal(false);
export const looking = setting("looking", false);
export const inset = setting("inset", true);
export const gizmoMode = setting<GizmoMode>("gizmo", "translate");

/** See the whole path, or the first few metres before there is one. */
export function framePath(points: readonly (readonly [number, number, number])[]): void {
  stage.peek()?.frame(points.length > 1 ? points : [...points, [0, 0, 6], [2, -1, 0]]);
}
