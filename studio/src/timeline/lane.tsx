/** One axis over time: its curve and its keys. */

import { useRef } from "preact/hooks";
import type { Axis } from "../model/axes";
import { isFirst, selection } from "../model/edits";
import { shot } from "../model/history";
import { path } from "../model/resolve";
import { line, MARGIN_PX, rangeOf, valuesOf, yOf, type Range } from "./curves";
import { dragKey, dragSelection } from "./drag";
import { focused, type Scale } from "./view";

interface Props {
  axis: Axis;
  scale: Scale;
  height: number;
}

export function Lane({ axis, scale, height }: Props) {
  const { keyframes } = shot.value;
  const flown = path.value;
  const values = flown ? valuesOf(axis, flown) : [];
  const held = useRef<Range | null>(null); // while a key is dragged the lane does not rescale under the pointer
  const range = held.current ?? rangeOf(axis, values, keyframes);
  const large = focused.value === axis.id;
  const zero = yOf(0, range, height);
  const perPixel = (range.high - range.low) / (height - 2 * MARGIN_PX);

  return (
    <svg
      class={`lane axis-${axis.id} ${large ? "large" : ""}`}
      width={scale.width}
      height={height}
      aria-hidden="true"
      onPointerDown={(event) => {
        focused.value = axis.id;
        dragSelection(event, scale, event.currentTarget.getBoundingClientRect().left);
      }}
    >
      {large && zero > 0 && zero < height && (
        <line class="zero" x1="0" x2={scale.width} y1={zero} y2={zero} />
      )}
      {flown && <path class="curve" d={line(values, flown.fps, scale, height, range)} />}
      {large && <Labels axis={axis} range={range} height={height} width={scale.width} />}
      {keyframes.map((key) => (
        <g
          key={key.id}
          class={`key ${selection.value.has(key.id) ? "selected" : ""} ${isFirst(key) && axis.id !== "fov" ? "locked" : ""}`}
          transform={`translate(${scale.x(key.time).toFixed(1)} ${yOf(axis.get(key), range, height).toFixed(1)})`}
          onPointerDown={(event) => {
            focused.value = axis.id;
            held.current = range;
            event.currentTarget.addEventListener("lostpointercapture", () => (held.current = null), {
              once: true,
            });
            dragKey(event, key, scale, { axis, perPixel });
          }}
        >
          <circle class="hit" r="8" />
          <circle class="dot" r={large ? 4 : 2.75} />
        </g>
      ))}
    </svg>
  );
}

function Labels({ axis, range, height, width }: { axis: Axis; range: Range; height: number; width: number }) {
  const digits = axis.unit === "m" ? 1 : 0;
  return (
    <g class="lane-labels">
      <text x={width - 6} y="12">
        {range.high.toFixed(digits)}
        {axis.unit === "m" ? " m" : "°"}
      </text>
      <text x={width - 6} y={height - 5}>
        {range.low.toFixed(digits)}
        {axis.unit === "m" ? " m" : "°"}
      </text>
    </g>
  );
}
