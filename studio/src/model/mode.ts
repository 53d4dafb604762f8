/** What the middle of the window is for. */

import { setting } from "./storage";

export type Mode = "path" | "takes" | "fly";

export const mode = setting<Mode>("mode", "path");

/** An address may say it, as `flythrough drive --server` does with #fly; also that of a page already open. */
function heed() {
  const asked = location.hash.slice(1);
  if (asked === "path" || asked === "takes" || asked === "fly") mode.value = asked;
}
heed();
addEventListener("hashchange", heed);

/** Which page of the right panel is open while a path is drawn. */
export const pathPage = setting<"keyframe" | "moves">("page", "keyframe");
export const leftOpen = setting("leftOpen", true);
export const rightOpen = setting("rightOpen", true);
