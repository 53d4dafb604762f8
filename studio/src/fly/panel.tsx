/** Beside a live flight: new words, the flights there are, and what can be made of one. */

import { useSignal } from "@preact/signals";
import { Button } from "../ui/button";
import { clock } from "../ui/words";
import { branches, converting, current, forget, goOn, sayPrompt, state, toPath, welcome } from "./flight";

export function FlightPanel() {
  const inFlight = state.value === "flying" || state.value === "paused";
  return (
    <div class="inspector">
      <Words disabled={!inFlight} />
      <Button
        label="Make this flight the shot's path"
        icon="path"
        variant="solid"
        class="wide"
        disabled={!current.value || converting.value}
        onClick={() => void toPath()}
      >
        {converting.value ? "Fitting keyframes" : "Edit as path"}
      </Button>
      <Flights />
    </div>
  );
}

function Words({ disabled }: { disabled: boolean }) {
  const text = useSignal("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.value.trim()) sayPrompt(text.value.trim());
  };
  return (
    <form class="words" onSubmit={submit}>
      <label class="words-label" for="say">
        Say on the way
      </label>
      <div class="words-row">
        <input
          id="say"
          class="text"
          type="text"
          autocomplete="off"
          placeholder={welcome.value?.prompt || "the same place, at night"}
          disabled={disabled}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
        <Button
          label="Say it"
          icon="check"
          disabled={disabled || !text.value.trim()}
          onClick={() => sayPrompt(text.value.trim())}
        />
      </div>
    </form>
  );
}

function Flights() {
  if (!branches.value.length)
    return <p class="hint">Flights stay here, also after a reload, until you delete them.</p>;
  return (
    <ol class="flights" aria-label="Flights">
      {branches.value.map((one) => (
        <li key={one.id} class={one.id === current.value ? "here" : ""}>
          <button type="button" aria-pressed={one.id === current.value} onClick={() => goOn(one.id, true)}>
            <span class="flight-name">{one.name}</span>
            <span class="flight-note">
              {one.from !== null
                ? `from ${clock(one.from)}`
                : one.place.type === "world"
                  ? `world ${one.place.seed}`
                  : one.place.type === "picture"
                    ? one.place.name
                    : "from words"}
            </span>
          </button>
          <Button label={`Delete ${one.name}`} icon="trash" onClick={() => void forget(one.id)} />
        </li>
      ))}
    </ol>
  );
}
