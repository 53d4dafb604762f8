/** Seconds, the playhead's handle, and a diamond for every keyframe. */

import { isFirst, removeSelected, retime, select, selection, snapping } from "../model/edits";
import { endGesture, shot } from "../model/history";
import { seek, time } from "../model/playback";
import { path } from "../model/resolve";
import { fps } from "../model/server";
import { duration, type Keyframe } from "../model/shot";
import { dragKey, dragPlayhead } from "./drag";
import type { Scale } from "./view";

export const RULER_HEIGHT = 40;

export function Ruler({ scale }: { scale: Scale }) {
  const { keyframes } = shot.value;
  const flown = path.value;
  return (
    <div class="ruler" style={{ height: `${RULER_HEIGHT}px` }}>
      <div
        class="ticks"
        role="slider"
        tabIndex={0}
        aria-label="Playhead, in seconds"
        aria-valuemin={0}
        aria-valuemax={duration(shot.value)}
        aria-valuenow={Math.round(time.value * 100) / 100}
        onPointerDown={(event) =>
          dragPlayhead(event, scale, event.currentTarget.getBoundingClientRect().left)
        }
      >
        <svg width={scale.width} height={22} aria-hidden="true">
          <Ticks scale={scale} />
          {flown?.warnings.map((warning) => (
            <path
              key={`${warning.axis} ${warning.frame}`}
              class="warning-mark"
              d={`M${scale.x(warning.frame / flown.fps)} 14.5l4 6.5h-8z`}
            />
          ))}
        </svg>
      </div>
      <div class="key-row">
        {keyframes.map((key, i) => (
          <KeyButton key={key.id} keyframe={key} number={i + 1} scale={scale} />
        ))}
      </div>
    </div>
  );
}

function KeyButton({ keyframe, number, scale }: { keyframe: Keyframe; number: number; scale: Scale }) {
  const first = isFirst(keyframe);
  const x = scale.x(keyframe.time);
  if (x < 0 || x > scale.width) return null;
  const onKeyDown = (event: KeyboardEvent) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (direction && event.altKey) {
      const by = snapping.peek() && !event.shiftKey ? 0.5 : 1 / fps.peek();
      retime(new Map([[keyframe.id, Math.max(0, keyframe.time + direction * by)]]), `keys ${keyframe.id}`);
    } else if (event.key === "Enter" || event.key === " ") {
      select(keyframe.id, event.shiftKey);
      seek(keyframe.time);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      select(keyframe.id);
      removeSelected();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <button
      type="button"
      class={`key-button ${selection.value.has(keyframe.id) ? "selected" : ""} ${first ? "first" : ""} ease-${keyframe.ease}`}
      style={{ left: `${x.toFixed(1)}px` }}
      aria-label={`Keyframe ${number} at ${keyframe.time.toFixed(2)} seconds`}
      aria-pressed={selection.value.has(keyframe.id)}
      data-tip={first ? "The picture: where every path begins" : `${keyframe.time.toFixed(2)} s`}
      onPointerDown={(event) => dragKey(event, keyframe, scale, null)}
      onKeyDown={onKeyDown}
      onBlur={endGesture}
    >
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        <path d={first ? "M2.5 2.5h9v9h-9z" : "M7 1 13 7 7 13 1 7z"} />
      </svg>
    </button>
  );
}

function Ticks({ scale }: { scale: Scale }) {
  const step = scale.tick();
  const minor = step / 5;
  const first = Math.max(0, Math.floor(scale.time(0) / minor));
  const last = Math.ceil(scale.time(scale.width) / minor);
  const ticks = [];
  for (let i = first; i <= last; i++) {
    const x = Math.round(scale.x(i * minor)) + 0.5;
    const major = i % 5 === 0;
    ticks.push(
      <g key={i} class={major ? "tick major" : "tick"}>
        <line x1={x} x2={x} y1={major ? 13 : 17} y2={22} />
        {major && (
          <text x={x} y={10} text-anchor="middle">
            {label(i * minor, step)}
          </text>
        )}
      </g>,
    );
  }
  return <>{ticks}</>;
}

function label(seconds: number, step: number): string {
  if (seconds >= 60)
    return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
  return `${seconds.toFixed(step < 1 ? (step < 0.5 ? 2 : 1) : 0)} s`;
}
