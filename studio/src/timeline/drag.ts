/** Dragging keyframes in the timeline: sideways in time, up and down in value; the first few pixels decide which. */

import type { Axis } from "../model/axes";
import {
  clearSelection,
  retime,
  select,
  selected,
  selection,
  setAxis,
  snapTime,
  snapValue,
} from "../model/edits";
import { endGesture, shot } from "../model/history";
import { seek } from "../model/playback";
import type { Keyframe } from "../model/shot";
import type { Scale } from "./view";

const DECIDE_PX = 4;

interface Lane {
  readonly axis: Axis;
  /** Value of one pixel upwards. */
  readonly perPixel: number;
}

/** Follow the pointer from a press on a keyframe until it is let go. */
export function dragKey(event: PointerEvent, key: Keyframe, scale: Scale, lane: Lane | null): void {
  event.stopPropagation();
  event.preventDefault();
  if (event.shiftKey || !selection.peek().has(key.id)) select(key.id, event.shiftKey);
  const target = event.currentTarget as Element;
  const before = selected.peek();
  const start = { x: event.clientX, y: event.clientY };
  let way: "time" | "value" | null = null;
  let moved = false;

  follow(target, event, {
    move(now) {
      const [dx, dy] = [now.clientX - start.x, now.clientY - start.y];
      if (!way && Math.hypot(dx, dy) < DECIDE_PX) return;
      way ??= lane && Math.abs(dy) > Math.abs(dx) ? "value" : "time";
      moved = true;
      const free = now.ctrlKey || now.metaKey;
      if (way === "time") shiftTimes(before, key, scale.seconds(dx), free);
      else if (lane) shiftValues(before, key, lane, -dy * lane.perPixel, free);
    },
    end() {
      endGesture();
      if (!moved) seek(key.time);
    },
  });
}

/** Select the keyframes between a press on an empty place and where the pointer goes. */
export function dragSelection(event: PointerEvent, scale: Scale, left: number): void {
  const start = scale.time(event.clientX - left);
  if (!event.shiftKey) clearSelection();
  follow(event.currentTarget as Element, event, {
    move(now) {
      const end = scale.time(now.clientX - left);
      const [low, high] = [Math.min(start, end), Math.max(start, end)];
      const inside = shot.peek().keyframes.filter((key) => key.time >= low && key.time <= high);
      selection.value = new Set(inside.map((key) => key.id));
    },
    end() {},
  });
}

/** Move the playhead with the pointer. */
export function dragPlayhead(event: PointerEvent, scale: Scale, left: number): void {
  const go = (now: PointerEvent) => seek(snapTime(scale.time(now.clientX - left), true));
  go(event);
  follow(event.currentTarget as Element, event, { move: go, end() {} });
}

/** Call `move` with the pointer's events until it is let go, then `end`. */
export function follow(
  target: Element,
  event: PointerEvent,
  { move, end }: { move: (event: PointerEvent) => void; end: () => void },
): void {
  target.setPointerCapture(event.pointerId);
  const onMove = (now: Event) => move(now as PointerEvent);
  const stop = () => {
    target.removeEventListener("pointermove", onMove);
    target.removeEventListener("pointerup", stop);
    target.removeEventListener("pointercancel", stop);
    end();
  };
  target.addEventListener("pointermove", onMove);
  target.addEventListener("pointerup", stop);
  target.addEventListener("pointercancel", stop);
}

function shiftTimes(before: readonly Keyframe[], key: Keyframe, by: number, free: boolean): void {
  const shift = snapTime(key.time + by, free) - key.time;
  const times = new Map(before.map((one) => [one.id, Math.max(0, one.time + shift)]));
  retime(times, "drag time");
}

function shiftValues(
  before: readonly Keyframe[],
  key: Keyframe,
  lane: Lane,
  by: number,
  free: boolean,
): void {
  const shift = snapValue(lane.axis, lane.axis.get(key) + by, free) - lane.axis.get(key);
  for (const one of before) {
    setAxis(new Set([one.id]), lane.axis, lane.axis.get(one) + shift, `drag ${lane.axis.id}`);
  }
}
