/** What the server can do: its models, limits and presets. Loaded once, and again when it comes back. */

import { computed, effect, signal } from "@preact/signals";
import { getJson } from "../api/client";
import type { CameraPreset, LimitsInfo, ModelInfo } from "../api/types";
import { setting } from "./storage";
import { fail } from "./notices";

/** null until the server has answered or failed for the first time. */
export const online = signal<boolean | null>(null);
export const models = signal<readonly ModelInfo[]>([]);
export const limits = signal<LimitsInfo | null>(null);
export const presets = signal<readonly CameraPreset[]>([]);
export const chosenModel = setting<string | null>("model", null);

export const model = computed(
  () => models.value.find((one) => one.id === chosenModel.value) ?? models.value[0] ?? null,
);
export const fps = computed(() => model.value?.fps ?? 16);
export const frameSize = computed(() => ({
  width: model.value?.width ?? 448,
  height: model.value?.height ?? 256,
}));

/** Load the facts now, and again whenever the server comes back. */
export function watchServer(): void {
  effect(() => {
    if (online.value !== false) load().catch(fail);
  });
}

async function load(): Promise<void> {
  const [found, accepted, moves] = await Promise.all([
    getJson<{ data: ModelInfo[] }>("v1/models"),
    getJson<LimitsInfo>("v1/limits"),
    getJson<CameraPreset[]>("v1/camera/presets"),
  ]);
  models.value = found.data;
  limits.value = accepted;
  presets.value = moves;
}
