/** Moves by name: choose one, see its ghost in the 3-D view, set its numbers, make it keyframes. */

import type { CameraPreset, Parameter } from "../api/types";
import { applying, applyMove, chooseMove, dropMove, ghost, move, type Move } from "../model/moves";
import { presets } from "../model/server";
import { Button } from "../ui/button";
import { NumberField } from "../ui/number";
import { MoveIcon } from "./move-icon";

const UNITS: Record<Parameter["unit"], string> = {
  m: "m",
  degrees: "°",
  "m/s": "m/s",
  "degrees/s": "°/s",
  share: "",
  seed: "",
  "": "",
};

export function Moves() {
  const chosen = move.value;
  return (
    <div class="moves">
      <div class="move-grid" role="group" aria-label="Moves">
        {presets.value
          .filter((preset) => preset.name !== "still")
          .map((preset) => (
            <button
              type="button"
              key={preset.name}
              class="move"
              aria-pressed={chosen?.preset.name === preset.name}
              data-tip={preset.about}
              onClick={() => chooseMove(preset)}
            >
              <MoveIcon name={preset.name} />
              {preset.name}
            </button>
          ))}
      </div>
      {chosen ? (
        <Parameters chosen={chosen} />
      ) : (
        <p class="hint">Choose a move to see it in the scene before it is made.</p>
      )}
    </div>
  );
}

function Parameters({ chosen }: { chosen: Move }) {
  const set = (values: Move["values"]) => (move.value = { ...chosen, values });
  return (
    <div class="inspector">
      <p class="move-about">{sentence(chosen.preset.about)}</p>
      <div class="fields sliders">
        <Slider
          label="Duration"
          unit="s"
          value={chosen.seconds}
          low={0.5}
          high={30}
          onChange={(seconds) => (move.value = { ...chosen, seconds })}
        />
        {chosen.preset.parameters.map((parameter) => (
          <Slider
            key={parameter.name}
            label={parameter.name}
            unit={UNITS[parameter.unit]}
            value={valueOf(chosen, parameter)}
            low={parameter.low}
            high={parameter.high}
            whole={parameter.unit === "seed"}
            onChange={(value) =>
              set(without(chosen, { ...chosen.values, [parameter.name]: value }, parameter.name))
            }
          />
        ))}
      </div>
      <div class="move-foot">
        <div class="segmented" role="group" aria-label="Where the move goes">
          <Button
            label="After the path"
            pressed={chosen.append}
            onClick={() => (move.value = { ...chosen, append: true })}
          >
            Append
          </Button>
          <Button
            label="In place of the path"
            pressed={!chosen.append}
            onClick={() => (move.value = { ...chosen, append: false })}
          >
            Replace
          </Button>
        </div>
        <Button label="Cancel" onClick={dropMove}>
          Cancel
        </Button>
        <Button
          label="Make keyframes"
          variant="accent"
          icon="check"
          disabled={applying.value || !ghost.value}
          onClick={() => void applyMove()}
        >
          Apply
        </Button>
      </div>
    </div>
  );
}

interface SliderProps {
  label: string;
  unit: string;
  value: number;
  low: number;
  high: number;
  whole?: boolean;
  onChange: (value: number) => void;
}

function Slider({ label, unit, value, low, high, whole = false, onChange }: SliderProps) {
  const step = whole ? 1 : high - low > 20 ? 0.5 : 0.05;
  return (
    <>
      <span class="field-label">{sentence(label, "")}</span>
      <div class="field-slider">
        <input
          type="range"
          aria-label={label}
          min={low}
          max={high}
          step={step}
          value={value}
          onInput={(event) => onChange(Number(event.currentTarget.value))}
        />
        <NumberField
          label={label}
          value={value}
          unit={unit}
          digits={whole ? 0 : step < 0.5 ? 2 : 1}
          step={step}
          onChange={onChange}
        />
      </div>
    </>
  );
}

/** What a parameter is: set by hand, by default, or, for an amount left open, what its speed makes of it. */
function valueOf(chosen: Move, parameter: Parameter): number {
  const set = chosen.values[parameter.name] ?? parameter.default;
  if (set !== null && set !== undefined && !isOverruled(chosen, parameter)) return set;
  const amount = chosen.preset.parameters.find((one) => one.default === null);
  const speed = chosen.preset.parameters.find((one) => one.name === "speed");
  if (parameter.name === "speed" && amount) return (chosen.values[amount.name] ?? 0) / chosen.seconds;
  return (chosen.values["speed"] ?? speed?.default ?? 0) * chosen.seconds;
}

/** An amount that was set leaves the speed no say. */
function isOverruled(chosen: Move, parameter: Parameter): boolean {
  const amount = chosen.preset.parameters.find((one) => one.default === null);
  return parameter.name === "speed" && amount !== undefined && chosen.values[amount.name] !== undefined;
}

/** Amount and speed say the same thing: what was set last counts. */
function without(chosen: Move, values: Record<string, number>, set: string): Record<string, number> {
  const amount = chosen.preset.parameters.find(
    (one: CameraPreset["parameters"][number]) => one.default === null,
  );
  const next = { ...values };
  if (amount && set === "speed") delete next[amount.name];
  if (amount && set === amount.name) delete next["speed"];
  return next;
}

function sentence(text: string, end = "."): string {
  const plain = text.replaceAll("`", "");
  return plain.charAt(0).toUpperCase() + plain.slice(1) + end;
}
