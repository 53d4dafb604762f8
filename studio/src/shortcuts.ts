/** Every key of the studio, in one table: what it does, where, and how the overlay shows it. */

import {
  addKeyframe,
  clearSelection,
  extendPath,
  removeSelected,
  selectAll,
  selectNeighbour,
  snapping,
} from "./model/edits";
import { exportPath, importPath } from "./model/files";
import { redo, shot, undo } from "./model/history";
import { generate } from "./model/jobs";
import { leftOpen, mode, pathPage, rightOpen, type Mode } from "./model/mode";
import { dropMove, move } from "./model/moves";
import { looping, seek, step, togglePlay } from "./model/playback";
import { duration } from "./model/shot";
import { begin, fork, rewind, state, togglePause } from "./fly/flight";
import { exchange, layout } from "./takes/takes";
import { step as stepTake, toggle as toggleTake } from "./takes/sync";
import { overlay } from "./ui/overlay-state";
import { framePath, gizmoMode, looking } from "./view/state";
import { keyFromView } from "./view/tools";

export interface Shortcut {
  /** Modifiers in the order Ctrl, Alt, Shift, then `KeyboardEvent.key`. Ctrl stands for the Command key too. */
  readonly keys: readonly string[];
  readonly shown: string;
  readonly about: string;
  readonly group: "Everywhere" | "Path" | "Takes" | "Fly";
  readonly run: () => void;
}

const TAKE_FPS = 16;
const anywhere = (keys: string[], shown: string, about: string, run: () => void): Shortcut => ({
  keys,
  shown,
  about,
  group: "Everywhere",
  run,
});
const inMode =
  (group: "Path" | "Takes" | "Fly") =>
  (keys: string[], shown: string, about: string, run: () => void): Shortcut => ({
    keys,
    shown,
    about,
    group,
    run,
  });
const [onPath, onTakes, inFlight] = [inMode("Path"), inMode("Takes"), inMode("Fly")];

export const SHORTCUTS: readonly Shortcut[] = [
  anywhere(["1"], "1", "Draw the path", () => (mode.value = "path")),
  anywhere(["2"], "2", "Look at takes", () => (mode.value = "takes")),
  anywhere(["3"], "3", "Fly live", () => (mode.value = "fly")),
  anywhere(["Ctrl+Enter"], "Ctrl ↵", "Generate", () => void generate()),
  anywhere(["Ctrl+z"], "Ctrl Z", "Undo", undo),
  anywhere(["Ctrl+Shift+z", "Ctrl+y"], "Ctrl ⇧ Z", "Redo", redo),
  anywhere(["Ctrl+s"], "Ctrl S", "Export the path", exportPath),
  anywhere(["Ctrl+o"], "Ctrl O", "Import a path", importPath),
  anywhere(["["], "[", "Hide or show the left panel", () => (leftOpen.value = !leftOpen.value)),
  anywhere(["]"], "]", "Hide or show the right panel", () => (rightOpen.value = !rightOpen.value)),
  anywhere(
    ["?", "Shift+?"],
    "?",
    "This overview",
    () => (overlay.value = overlay.value === "keys" ? null : "keys"),
  ),

  onPath([" "], "Space", "Play and pause", togglePlay),
  onPath(["ArrowLeft"], "←", "One frame back", () => step(-1)),
  onPath(["ArrowRight"], "→", "One frame on", () => step(1)),
  onPath(["Shift+ArrowLeft"], "⇧ ←", "Half a second back", () => step(-8)),
  onPath(["Shift+ArrowRight"], "⇧ →", "Half a second on", () => step(8)),
  onPath(["Home"], "Home", "To the start", () => seek(0)),
  onPath(["End"], "End", "To the end", () => seek(duration(shot.peek()))),
  onPath([","], ",", "Keyframe before", () => selectNeighbour(-1)),
  onPath(["."], ".", "Keyframe after", () => selectNeighbour(1)),
  onPath(["k"], "K", "Keyframe at the playhead", () => addKeyframe()),
  onPath(["Shift+k"], "⇧ K", "Keyframe from the view", keyFromView),
  onPath(["a"], "A", "Keyframe two seconds on", extendPath),
  onPath(["Delete", "Backspace"], "Del", "Delete selected keyframes", removeSelected),
  onPath(["Ctrl+a"], "Ctrl A", "Select all keyframes", selectAll),
  onPath(["Escape"], "Esc", "Let go of selection or move", () =>
    move.peek() ? dropMove() : clearSelection(),
  ),
  onPath(["c"], "C", "Through the camera, or the scene", () => (looking.value = !looking.value)),
  onPath(["g"], "G", "Handles that move", () => (gizmoMode.value = "translate")),
  onPath(["t"], "T", "Handles that turn", () => (gizmoMode.value = "rotate")),
  onPath(["s"], "S", "Snapping", () => (snapping.value = !snapping.value)),
  onPath(["f"], "F", "See the whole path", () => framePath(shot.peek().keyframes.map((key) => key.position))),
  onPath(["l"], "L", "Loop", () => (looping.value = !looping.value)),
  onPath(
    ["m"],
    "M",
    "Moves, or the keyframe",
    () => (pathPage.value = pathPage.value === "moves" ? "keyframe" : "moves"),
  ),

  onTakes([" "], "Space", "Play and pause", toggleTake),
  onTakes(["ArrowLeft"], "←", "One frame back", () => stepTake(-1, TAKE_FPS)),
  onTakes(["ArrowRight"], "→", "One frame on", () => stepTake(1, TAKE_FPS)),
  onTakes(
    ["w"],
    "W",
    "Wipe, or side by side",
    () => (layout.value = layout.value === "wipe" ? "sides" : "wipe"),
  ),
  onTakes(["x"], "X", "Exchange A and B", exchange),

  inFlight(["Enter"], "↵", "Take off", () => {
    if (state.peek() === "idle" || state.peek() === "broken") void begin();
  }),
  inFlight([" "], "Space", "Pause and go on", togglePause),
  inFlight(["Backspace"], "⌫", "Back by one chunk", rewind),
  inFlight(["b"], "B", "Fork: a second flight from here", fork),
];

/** What the flight itself hears; only shown here, `fly/hands` listens. */
export const FLIGHT_KEYS: readonly (readonly [string, string])[] = [
  ["W S", "Forward, back"],
  ["A D", "Turn left, right"],
  ["J L", "Strafe left, right"],
  ["I K", "Look up, down"],
  ["R F", "Rise, sink"],
  ["Q E", "Roll left, right"],
];

/** Heard in a text field too; it has a use of its own for the others. */
const WHILE_TYPING = new Set(["Ctrl+Enter", "Ctrl+s", "Ctrl+o"]);

const GROUP: Record<Mode, Shortcut["group"]> = { path: "Path", takes: "Takes", fly: "Fly" };

/** Listen, for as long as the page lives. */
export function listen(): void {
  // A button pressed with the mouse lets go of the focus, so that Space plays instead of pressing it again.
  document.addEventListener("click", (event) => {
    const focused = document.activeElement;
    if (event.pointerType && focused instanceof HTMLButtonElement) focused.blur();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || (document.querySelector("dialog[open]") && event.key !== "?")) return;
    const name = nameOf(event);
    if (isTyping(event.target) && !WHILE_TYPING.has(name)) return;
    if (activates(event)) return;
    const found = SHORTCUTS.find(
      ({ keys, group }) => keys.includes(name) && (group === "Everywhere" || group === GROUP[mode.peek()]),
    );
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const shift = event.shiftKey && event.key !== "?" ? "Shift+" : "";
  return `${control}${event.altKey ? "Alt+" : ""}${shift}${key}`;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.closest("textarea, select, input:not([type=range])") !== null;
}

/** Space and Enter belong to a button reached by keyboard; arrow keys to a slider. */
function activates(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  const press = (event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === " ";
  if (press && target.closest("button")) return target.matches(":focus-visible");
  return target.closest("input[type=range]") !== null && event.key.startsWith("Arrow");
}
