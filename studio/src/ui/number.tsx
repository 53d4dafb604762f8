import { useRef, useState } from "preact/hooks";
import { endGesture } from "../model/history";

interface Props {
  label: string;
  value: number;
  onChange: (value: number) => void;
  digits?: number;
  step?: number;
  min?: number;
  max?: number;
  unit?: string;
  disabled?: boolean;
  /** A word before the number, inside the field; dragging it scrubs the value. */
  prefix?: string;
  class?: string;
}

/** A number: typed (sums too, "2+0.5"), stepped with the arrow keys (Shift: ten steps), scrubbed by its prefix. */
export function NumberField(props: Props) {
  const { label, value, digits = 2, step = 0.1, min = -Infinity, max = Infinity, unit, disabled } = props;
  const [text, setText] = useState<string | null>(null);
  const scrub = useRef<{ x: number; value: number } | null>(null);

  const set = (next: number) => {
    if (Number.isFinite(next)) props.onChange(Math.min(max, Math.max(min, next)));
  };
  const finish = () => {
    if (text !== null) {
      const parsed = evaluated(text);
      if (parsed !== null && parsed !== value) set(parsed);
    }
    setText(null);
    endGesture();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const by = (event.key === "ArrowUp" ? 1 : -1) * step * (event.shiftKey ? 10 : 1);
      set(Math.round((value + by) * 1e6) / 1e6);
      setText(null);
      event.preventDefault();
    } else if (event.key === "Enter") {
      finish();
      (event.target as HTMLInputElement).select();
    } else if (event.key === "Escape") {
      setText(null);
      (event.target as HTMLInputElement).blur();
      event.stopPropagation();
    }
  };

  return (
    <label class={`number ${disabled ? "disabled" : ""} ${props.class ?? ""}`}>
      {props.prefix !== undefined && (
        <span
          class="number-prefix"
          onPointerDown={(event) => {
            if (disabled) return;
            scrub.current = { x: event.clientX, value };
            event.currentTarget.setPointerCapture(event.pointerId);
            event.preventDefault();
          }}
          onPointerMove={(event) => {
            if (!scrub.current) return;
            const steps = Math.round((event.clientX - scrub.current.x) / 4);
            set(Math.round((scrub.current.value + steps * step) * 1e6) / 1e6);
          }}
          onPointerUp={() => {
            scrub.current = null;
            endGesture();
          }}
        >
          {props.prefix}
        </span>
      )}
      <input
        type="text"
        inputMode="decimal"
        aria-label={label}
        autocomplete="off"
        spellcheck={false}
        value={text ?? value.toFixed(digits)}
        disabled={disabled}
        onFocus={(event) => event.currentTarget.select()}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={finish}
        onKeyDown={onKeyDown}
      />
      {unit && <span class="number-unit">{unit}</span>}
    </label>
  );
}

/** "1.5", "-2+0.25", "4*3": a number, or null. */
export function evaluated(text: string): number | null {
  const clean = text.replace(/,/g, ".").replace(/\s|°|m$/g, "");
  const match = /^([+-]?[\d.]+)(?:([+\-*/])([\d.]+))?$/.exec(clean);
  if (!match) return null;
  const [a, b] = [Number(match[1]), Number(match[3] ?? 0)];
  const results = { "+": a + b, "-": a - b, "*": a * b, "/": a / b };
  const result = match[2] ? results[match[2] as keyof typeof results] : a;
  return Number.isFinite(result) ? result : null;
}
