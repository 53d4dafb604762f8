/** How fast the path is, against what the model has seen: moves and turns, each as a share of its comfortable speed. */

import { path } from "../model/resolve";
import { limits } from "../model/server";
import { line, yOf } from "./curves";
import type { Scale } from "./view";

export function Speed({ scale, height }: { scale: Scale; height: number }) {
  const flown = path.value;
  const comfort = limits.value?.comfort;
  if (!flown || !comfort || flown.poses.length < 2) {
    return <svg class="lane speed" width={scale.width} height={height} aria-hidden="true" />;
  }
  const moves = flown.speed.map((value) => value / comfort.metres_per_s);
  const turns = flown.turn.map((value) => value / comfort.degrees_per_s);
  const high = Math.max(1.25, Math.max(...moves) * 1.1, Math.max(...turns) * 1.1);
  const range = { low: 0, high };
  const limit = yOf(1, range, height);
  const curve = line(moves, flown.fps, scale, height, range);
  const [left, right] = [scale.x(0), scale.x((moves.length - 1) / flown.fps)];
  return (
    <svg class="lane speed" width={scale.width} height={height} aria-hidden="true">
      <clipPath id="too-fast">
        <rect x="0" y="-2" width={scale.width} height={Math.max(0, limit + 2)} />
      </clipPath>
      <path class="speed-area" d={`${curve}L${right} ${height}L${left} ${height}Z`} />
      <line class="comfort" x1="0" x2={scale.width} y1={limit} y2={limit} />
      <path class="turn-curve" d={line(turns, flown.fps, scale, height, range)} />
      <path class="speed-curve" d={curve} />
      <g clip-path="url(#too-fast)">
        <path class="turn-curve over" d={line(turns, flown.fps, scale, height, range)} />
        <path class="speed-curve over" d={curve} />
      </g>
    </svg>
  );
}
