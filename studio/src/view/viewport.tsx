/** The 3-D view with its tools: loads three.js when it is first shown, so that the page is there before it. */

import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import {
  addKeyframe,
  current,
  isFirst,
  select,
  selection,
  setPose,
  snapping,
  clearSelection,
} from "../model/edits";
import { endGesture, shot } from "../model/history";
import { ghost } from "../model/moves";
import { fail, say } from "../model/notices";
import { firstView } from "../model/place";
import { cameraNow, seek, time } from "../model/playback";
import { rotation, turned, type Pose } from "../model/pose";
import { path } from "../model/resolve";
import { frameSize, limits } from "../model/server";
import { duration } from "../model/shot";
import { gizmoMode, inset, loadingPlace, looking, stage } from "./state";
import type { Gate } from "./stage";
import { ViewTools } from "./tools";

const DRAG_PX = 4;

export function Viewport() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const gate = useSignal<Gate | null>(null);
  const broken = useSignal(false);

  useEffect(() => {
    let gone = false;
    let undo = () => {};
    mount(canvas.current as HTMLCanvasElement, (rect) => (gate.value = rect)).then(
      (stop) => (gone ? stop() : (undo = stop)),
      (error: unknown) => {
        broken.value = true;
        console.warn("no 3-D view:", error);
      },
    );
    return () => {
      gone = true;
      undo();
    };
  }, []);

  return (
    <section class="viewport" aria-label="3-D view">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-label="The place and the camera's path. Arrow keys turn the view, plus and minus zoom."
        onKeyDown={onKeyDown}
      />
      {broken.value && (
        <p class="viewport-broken">
          This browser shows no WebGL, so there is no 3-D view. The timeline, the queue and live flights work
          without it.
        </p>
      )}
      {!broken.value && (loadingPlace.value || !stage.value) && (
        <p class="viewport-loading" role="status">
          <span class="spinner" />
          Building the place
        </p>
      )}
      {looking.value && gate.value && <GateFrame gate={gate.value} />}
      {!looking.value && inset.value && cameraNow.value && !broken.value && <InsetFrame />}
      <ViewTools />
    </section>
  );
}

function GateFrame({ gate }: { gate: Gate }) {
  const { width, height } = frameSize.value;
  const box = {
    left: `${gate.left}px`,
    top: `${gate.top}px`,
    width: `${gate.width}px`,
    height: `${gate.height}px`,
  };
  return (
    <div class="gate" style={box}>
      <span class="gate-note">
        {width} × {height} · {(cameraNow.value?.fov ?? 70).toFixed(0)}°
      </span>
    </div>
  );
}

function InsetFrame() {
  const { width, height } = frameSize.value;
  return (
    <button
      type="button"
      class="inset"
      style={{ aspectRatio: `${width} / ${height}` }}
      aria-label="Look through the camera"
      data-tip="Look through the camera"
      data-shortcut="C"
      onClick={() => (looking.value = true)}
    >
      <span class="inset-label">Camera</span>
    </button>
  );
}

function onKeyDown(event: KeyboardEvent): void {
  const turns: Record<string, [number, number, number?]> = {
    ArrowLeft: [-6, 0],
    ArrowRight: [6, 0],
    ArrowUp: [0, 6],
    ArrowDown: [0, -6],
    "+": [0, 0, 0.85],
    "=": [0, 0, 0.85],
    "-": [0, 0, 1.18],
  };
  const turn = turns[event.key];
  if (!turn || event.ctrlKey || event.metaKey) return;
  if (looking.value)
    edit((pose) => ({ ...pose, yaw: pose.yaw + turn[0] / 6, pitch: pose.pitch + turn[1] / 6 }));
  else stage.peek()?.turn(...turn);
  event.preventDefault();
  event.stopPropagation();
}

/** Make the stage and keep it that of the shot. Returns what undoes it. */
async function mount(canvas: HTMLCanvasElement, onGate: (gate: Gate) => void): Promise<() => void> {
  const [{ Stage }, { pictureSetting, worldSetting }] = await Promise.all([
    import("./stage"),
    import("./setting"),
  ]);
  const aspect = frameSize.peek().width / frameSize.peek().height;
  const here = new Stage(canvas, aspect);
  stage.value = here;
  here.gizmo.onMove = (pose) => {
    const key = current.peek();
    if (key) setPose([[key.id, pose]], "Move keyframe", `gizmo ${key.id}`);
  };
  here.gizmo.onEnd = endGesture;
  const onResize = () => onGate(here.gate());
  canvas.addEventListener("stage-resize", onResize);
  onResize();
  const unbind = bindPointer(canvas);

  let shownView: string | null = null;
  const effects = [
    effect(() => {
      const view = firstView.value;
      const { place, keyframes } = shot.peek();
      if (view === shownView) return;
      shownView = view;
      if (!view || place.type === "none") return here.setSetting(null);
      const loading =
        place.type === "world"
          ? worldSetting(place.seed, view)
          : pictureSetting(view, keyframes[0]?.fov ?? 70, aspect);
      loadingPlace.value = true;
      loading
        .then((setting) => {
          if (shownView === view) here.setSetting(setting);
        }, fail)
        .finally(() => {
          if (shownView === view) loadingPlace.value = false;
        });
    }),
    effect(() => {
      const comfort = limits.value?.comfort;
      const most = { metres: comfort?.metres_per_s ?? Infinity, degrees: comfort?.degrees_per_s ?? Infinity };
      here.rig.setPath(path.value, most);
      here.ask();
    }),
    effect(() => {
      here.rig.setKeyframes(shot.value.keyframes, selection.value);
      here.ask();
    }),
    effect(() => {
      here.rig.setGhost(ghost.value?.poses ?? null);
      here.ask();
    }),
    effect(() => {
      const now = cameraNow.value;
      const onKey = shot.value.keyframes.some((key) => Math.abs(key.time - time.value) < 0.02);
      here.setCamera(now?.pose ?? null, now?.fov ?? 70, !onKey);
    }),
    effect(() => {
      const key = current.value;
      here.gizmo.attach(key && !isFirst(key) ? key : null);
      here.gizmo.setMode(gizmoMode.value, snapping.value);
      here.ask();
    }),
    effect(() => {
      here.through = looking.value;
      here.pipWidth = inset.value ? insetWidth(canvas) : 0;
      here.ask();
    }),
  ];
  return () => {
    effects.forEach((stop) => stop());
    shownView = null; // a place still on its way comes too late
    unbind();
    canvas.removeEventListener("stage-resize", onResize);
    stage.value = null;
    here.dispose();
  };
}

/** As wide as the stylesheet makes the frame around it. */
function insetWidth(canvas: HTMLCanvasElement): number {
  return parseInt(getComputedStyle(canvas).getPropertyValue("--inset-width"), 10) || 208;
}

/** Clicks choose keyframes; looking through the camera, drags turn it and the wheel moves it. */
function bindPointer(canvas: HTMLCanvasElement): () => void {
  let down: { x: number; y: number; moved: boolean; onHandle: boolean } | null = null;
  const onDown = (event: PointerEvent) => {
    canvas.focus({ preventScroll: true });
    const onHandle = stage.peek()?.gizmo.hot ?? false; // when the button is let go, the handle is no longer held
    down = { x: event.clientX, y: event.clientY, moved: false, onHandle };
    if (looking.peek()) canvas.setPointerCapture(event.pointerId);
  };
  const onMove = (event: PointerEvent) => {
    if (!down) return;
    const [dx, dy] = [event.clientX - down.x, event.clientY - down.y];
    if (!down.moved && Math.hypot(dx, dy) < DRAG_PX) return;
    down.moved = true;
    if (!looking.peek()) return;
    const degrees = (cameraNow.peek()?.fov ?? 70) / canvas.clientWidth;
    if (event.shiftKey) edit((pose) => moved(pose, [-dx * 0.01, -dy * 0.01, 0]));
    else edit((pose) => ({ ...pose, yaw: pose.yaw - dx * degrees, pitch: pose.pitch + dy * degrees }));
    [down.x, down.y] = [event.clientX, event.clientY];
  };
  const onUp = (event: PointerEvent) => {
    const clicked = down && !down.moved && !down.onHandle;
    if (clicked && !looking.peek() && event.button === 0) choose(canvas, event);
    down = null;
    endGesture();
  };
  const onWheel = (event: WheelEvent) => {
    if (!looking.peek()) return;
    event.preventDefault();
    edit((pose) => moved(pose, [0, 0, -Math.sign(event.deltaY) * 0.1]));
  };
  canvas.addEventListener("pointerdown", onDown);
  canvas.addEventListener("pointermove", onMove);
  canvas.addEventListener("pointerup", onUp);
  canvas.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    canvas.removeEventListener("pointerdown", onDown);
    canvas.removeEventListener("pointermove", onMove);
    canvas.removeEventListener("pointerup", onUp);
    canvas.removeEventListener("wheel", onWheel);
  };
}

function choose(canvas: HTMLCanvasElement, event: PointerEvent): void {
  const here = stage.peek();
  if (!here) return;
  const box = canvas.getBoundingClientRect();
  const id = here.pick(event.clientX - box.left, event.clientY - box.top);
  if (!id) return clearSelection();
  select(id, event.shiftKey);
  const key = shot.peek().keyframes.find((one) => one.id === id);
  if (key) seek(key.time);
}

function moved(pose: Pose, by: readonly [number, number, number]): Pose {
  const [dx, dy, dz] = turned(rotation(pose.yaw, pose.pitch, pose.roll), by);
  const [x, y, z] = pose.position;
  return { ...pose, position: [x + dx, y + dy, z + dz] };
}

/** Change the camera at the playhead: its keyframe, which is made where there is none. */
function edit(change: (pose: Pose) => Pose): void {
  const now = cameraNow.peek();
  if (!now) return;
  const at = time.peek();
  let key = shot.peek().keyframes.find((one) => Math.abs(one.time - at) < 0.02);
  if (!key && at <= duration(shot.peek())) {
    addKeyframe();
    key = current.peek();
  }
  if (!key || isFirst(key))
    return say("The first keyframe is the picture itself; move the playhead on first.");
  select(key.id);
  setPose([[key.id, change(key)]], "Aim camera", `aim ${key.id}`);
}
