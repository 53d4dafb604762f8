/** The path over time: transport, ruler, a curve for every axis, and the speed. */

import { useEffect, useRef, useState } from "preact/hooks";
import { AXES, shown, type Axis } from "../model/axes";
import { shot } from "../model/history";
import { cameraNow, frame, time } from "../model/playback";
import { path, problem } from "../model/resolve";
import { Lane } from "./lane";
import { Ruler, RULER_HEIGHT } from "./ruler";
import { Speed } from "./speed";
import { Transport } from "./transport";
import { focused, pan, Scale, span, zoom } from "./view";

const GUTTER = 112;
const LEAST_LANE = 19;

export function Timeline() {
  const area = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 600, height: 200 });
  useEffect(() => {
    const element = area.current as HTMLDivElement;
    const observer = new ResizeObserver(() =>
      setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const scale = new Scale(Math.max(120, size.width - GUTTER), span.value);
  const room = size.height - RULER_HEIGHT;
  const small = Math.max(LEAST_LANE, Math.min(34, Math.floor(room / (AXES.length + 3.6))));
  const speedHeight = Math.round(small * 1.5);
  const large = Math.max(small, room - small * (AXES.length - 1) - speedHeight - AXES.length);

  return (
    <section class="timeline" aria-label="Timeline">
      <Transport />
      <div class="timeline-area" ref={area} onWheel={(event) => onWheel(event, scale)}>
        <div class="timeline-row">
          <div class="gutter ruler-gutter" style={{ height: `${RULER_HEIGHT}px` }}>
            <Readout />
          </div>
          <Ruler scale={scale} />
        </div>
        {AXES.map((axis) => {
          const height = focused.value === axis.id ? large : small;
          return (
            <div key={axis.id} class={`timeline-row ${focused.value === axis.id ? "large" : ""}`}>
              <Gutter axis={axis} height={height} />
              <Lane axis={axis} scale={scale} height={height} />
            </div>
          );
        })}
        <div class="timeline-row">
          <SpeedGutter height={speedHeight} />
          <Speed scale={scale} height={speedHeight} />
        </div>
        <Playhead scale={scale} />
        {shot.value.keyframes.length < 2 && !problem.value && <Lesson />}
      </div>
    </section>
  );
}

function Readout() {
  return (
    <>
      <span class="readout-time">{time.value.toFixed(2)}</span>
      <span class="readout-unit">s</span>
      <span class="readout-frame">f{frame.value}</span>
    </>
  );
}

function Gutter({ axis, height }: { axis: Axis; height: number }) {
  const now = cameraNow.value;
  const value = now ? axis.get({ ...now.pose, fov: now.fov, id: "", time: 0, ease: "linear" }) : 0;
  return (
    <button
      type="button"
      class={`gutter axis-${axis.id}`}
      style={{ height: `${height}px` }}
      aria-pressed={focused.value === axis.id}
      aria-label={`${axis.label}, ${axis.about}: ${shown(axis, value)}. Show this curve large`}
      onClick={() => (focused.value = axis.id)}
    >
      <span class="axis-mark" />
      <span class="axis-label">{axis.label}</span>
      <span class="axis-value">
        {shown(axis, value)}
        <span class="axis-unit">{axis.unit}</span>
      </span>
    </button>
  );
}

function SpeedGutter({ height }: { height: number }) {
  const flown = path.value;
  const speed = flown?.speed[frame.value] ?? 0;
  const turn = flown?.turn[frame.value] ?? 0;
  return (
    <div class="gutter speed-gutter" style={{ height: `${height}px` }}>
      <span class="axis-label">Speed</span>
      <span class="speed-values">
        <span class="speed-move">
          {speed.toFixed(1)}
          <span class="axis-unit">m/s</span>
        </span>
        <span class="speed-turn">
          {turn.toFixed(0)}
          <span class="axis-unit">°/s</span>
        </span>
      </span>
    </div>
  );
}

function Playhead({ scale }: { scale: Scale }) {
  const x = scale.x(time.value);
  if (x < 0 || x > scale.width) return null;
  return (
    <div
      class="playhead"
      style={{ transform: `translateX(${(GUTTER + x).toFixed(1)}px)` }}
      aria-hidden="true"
    />
  );
}

function Lesson() {
  return (
    <p class="lesson">
      A path needs a second keyframe. Turn the view and press <kbd>⇧K</kbd>, press <kbd>A</kbd> to move ahead,
      or choose a move on the right.
    </p>
  );
}

function onWheel(event: WheelEvent, scale: Scale): void {
  event.preventDefault();
  const left = (event.currentTarget as HTMLElement).getBoundingClientRect().left + GUTTER;
  if (event.ctrlKey || event.metaKey) zoom(event.deltaY > 0 ? 1.15 : 0.87, scale.time(event.clientX - left));
  else pan(scale.seconds(event.deltaX || event.deltaY));
}
