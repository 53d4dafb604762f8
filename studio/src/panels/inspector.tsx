/** The selected keyframe in numbers, or the path as a list. */

import { AXES, tidy, type Axis, type AxisId } from "../model/axes";
import {
  clearSelection,
  current,
  isFirst,
  removeSelected,
  replaceKeyframes,
  retime,
  select,
  selected,
  selection,
  setAxis,
  setEase,
  shiftAxis,
  snapTime,
} from "../model/edits";
import { shot } from "../model/history";
import { seek } from "../model/playback";
import { distance } from "../model/pose";
import { path } from "../model/resolve";
import { limits } from "../model/server";
import { duration, EASES, newId, sorted, type Ease, type Keyframe } from "../model/shot";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { NumberField } from "../ui/number";
import { EaseIcon } from "./ease-icon";

export function Inspector() {
  if (selected.value.length > 1) return <Several keys={selected.value} />;
  return current.value ? <One keyframe={current.value} /> : <Overview />;
}

function One({ keyframe }: { keyframe: Keyframe }) {
  const keys = shot.value.keyframes;
  const index = keys.findIndex((key) => key.id === keyframe.id);
  const first = isFirst(keyframe);
  const ids = new Set([keyframe.id]);
  const field = (id: AxisId) => {
    const axis = AXES.find((one) => one.id === id) as Axis;
    return (
      <NumberField
        key={id}
        class={`axis-${id}`}
        label={`${axis.label}, ${axis.about}`}
        prefix={{ x: "X", y: "Y", z: "Z", pitch: "P", yaw: "Y", roll: "R", fov: "" }[id]}
        value={axis.get(keyframe)}
        digits={axis.unit === "m" ? 2 : 1}
        step={axis.unit === "m" ? 0.1 : 1}
        min={axis.min}
        max={axis.max}
        disabled={first && id !== "fov"}
        onChange={(value) => setAxis(ids, axis, value, `field ${id} ${keyframe.id}`)}
      />
    );
  };
  return (
    <div class="inspector">
      <div class="inspector-title">
        <h3>
          Keyframe {index + 1} <span>of {keys.length}</span>
        </h3>
        {!first && <Button label="Duplicate" icon="plus" onClick={() => duplicate(keyframe)} />}
        {!first && <Button label="Delete" shortcut="Del" icon="trash" onClick={removeSelected} />}
        <Button label="Show the whole path" icon="close" shortcut="Esc" onClick={clearSelection} />
      </div>
      {first && (
        <p class="hint">
          <Icon name="lock" />
          The picture itself: every path begins here, in the picture's own axes.
        </p>
      )}
      <div class="fields">
        <span class="field-label">Time</span>
        <NumberField
          label="Time in seconds"
          unit="s"
          value={keyframe.time}
          step={0.25}
          min={0}
          max={3600}
          disabled={first}
          onChange={(value) =>
            retime(new Map([[keyframe.id, snapTime(value, true)]]), `field time ${keyframe.id}`)
          }
        />
        <span class="field-label">Position</span>
        <div class="field-triple">{(["x", "y", "z"] as const).map(field)}</div>
        <span class="field-label">Rotation</span>
        <div class="field-triple">{(["pitch", "yaw", "roll"] as const).map(field)}</div>
        <span class="field-label">FOV</span>
        <div class="field-slider">
          <FovSlider keyframe={keyframe} />
          {field("fov")}
        </div>
        {index < keys.length - 1 && (
          <>
            <span class="field-label">To next</span>
            <EaseChoice value={keyframe.ease} onChange={(ease) => setEase(ids, ease)} />
          </>
        )}
      </div>
    </div>
  );
}

function FovSlider({ keyframe }: { keyframe: Keyframe }) {
  const fov = AXES.find((axis) => axis.id === "fov") as Axis;
  const [low, high] = limits.value?.comfort.fov_deg ?? [50, 90];
  const share = (value: number) => `${((value - fov.min) / (fov.max - fov.min)) * 100}%`;
  return (
    <div class="fov-slider">
      <span class="fov-band" style={{ left: share(low), right: `calc(100% - ${share(high)})` }} />
      <input
        type="range"
        aria-label="Field of view"
        min={fov.min}
        max={fov.max}
        step={1}
        value={keyframe.fov}
        onInput={(event) =>
          setAxis(
            new Set([keyframe.id]),
            fov,
            tidy(fov, Number(event.currentTarget.value)),
            `fov ${keyframe.id}`,
          )
        }
      />
    </div>
  );
}

function EaseChoice({ value, onChange }: { value: Ease | null; onChange: (ease: Ease) => void }) {
  return (
    <div class="segmented wide" role="group" aria-label="Easing to the next keyframe">
      {EASES.map((ease) => (
        <button
          type="button"
          key={ease.id}
          class="button plain icon-only"
          aria-pressed={value === ease.id}
          aria-label={ease.label}
          data-tip={ease.label}
          onClick={() => onChange(ease.id)}
        >
          <EaseIcon ease={ease.id} />
        </button>
      ))}
    </div>
  );
}

function Several({ keys }: { keys: readonly Keyframe[] }) {
  const ids = new Set(keys.map((key) => key.id));
  const eases = new Set(keys.map((key) => key.ease));
  return (
    <div class="inspector">
      <div class="inspector-title">
        <h3>{keys.length} keyframes</h3>
        <Button label="Delete" shortcut="Del" icon="trash" onClick={removeSelected} />
        <Button label="Show the whole path" icon="close" shortcut="Esc" onClick={clearSelection} />
      </div>
      <div class="fields">
        {AXES.map((axis) => (
          <Shift key={axis.id} axis={axis} ids={ids} />
        ))}
        <span class="field-label">To next</span>
        <EaseChoice
          value={eases.size === 1 ? (keys[0]?.ease ?? null) : null}
          onChange={(ease) => setEase(ids, ease)}
        />
      </div>
    </div>
  );
}

/** Buttons that move one axis of all the selected keyframes. */
function Shift({ axis, ids }: { axis: Axis; ids: ReadonlySet<string> }) {
  const amount = `${axis.step} ${axis.unit === "m" ? "metres" : "degrees"}`;
  return (
    <>
      <span class="field-label">{axis.label}</span>
      <div class="segmented wide">
        <Button
          label={`${axis.label} less ${amount}`}
          icon="minus"
          onClick={() => shiftAxis(ids, axis, -axis.step)}
        />
        <Button
          label={`${axis.label} plus ${amount}`}
          icon="plus"
          onClick={() => shiftAxis(ids, axis, axis.step)}
        />
      </div>
    </>
  );
}

function Overview() {
  const keys = shot.value.keyframes;
  const flown = path.value;
  const metres = flown
    ? flown.poses
        .slice(1)
        .reduce((sum, pose, i) => sum + distance(pose.position, flown.poses[i]?.position ?? pose.position), 0)
    : 0;
  return (
    <div class="inspector">
      <dl class="figures">
        <div>
          <dt>Length</dt>
          <dd>
            {metres.toFixed(1)} <span>m</span>
          </dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>
            {duration(shot.value).toFixed(1)} <span>s</span>
          </dd>
        </div>
        <div>
          <dt>Fastest</dt>
          <dd>
            {Math.max(0, ...(flown?.speed ?? [])).toFixed(1)} <span>m/s</span>
          </dd>
        </div>
      </dl>
      <ol class="key-list">
        {keys.map((key, i) => (
          <li key={key.id}>
            <button
              type="button"
              aria-pressed={selection.value.has(key.id)}
              onClick={() => {
                select(key.id);
                seek(key.time);
              }}
            >
              <span class="key-number">{i + 1}</span>
              <span class="key-time">{key.time.toFixed(2)} s</span>
              <span class="key-place">{key.position.map((value) => value.toFixed(1)).join("  ")}</span>
              <EaseIcon ease={key.ease} />
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

function duplicate(keyframe: Keyframe): void {
  const keys = shot.peek().keyframes;
  const next = keys[keys.findIndex((key) => key.id === keyframe.id) + 1];
  const time = next ? snapTime((keyframe.time + next.time) / 2, true) : keyframe.time + 1;
  const copy = { ...keyframe, id: newId(), time };
  replaceKeyframes(sorted([...keys, copy]), "Duplicate keyframe");
  select(copy.id);
  seek(time);
}
