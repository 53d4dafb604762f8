/** The left panel: where the flight begins, what it is told, and the button that makes it. */

import { useEffect, useRef } from "preact/hooks";
import { change, endGesture, shot } from "../model/history";
import { generate, missing, submitting } from "../model/jobs";
import { fail } from "../model/notices";
import {
  choosePicture,
  dropPicture,
  firstView,
  loadWorlds,
  pickSeed,
  pickWorld,
  worlds,
  worldsLoading,
} from "../model/place";
import { chosenModel, fps, limits, model, models } from "../model/server";
import { duration, frameCount } from "../model/shot";
import { Button } from "../ui/button";
import { useFileDrop } from "../ui/drop";
import { Icon } from "../ui/icon";
import { NumberField } from "../ui/number";
import { WorldPicture } from "../ui/world-picture";

export function PlacePanel() {
  return (
    <aside class="panel left" aria-label="Shot">
      <div class="panel-scroll">
        <First />
        <Worlds />
        <Prompt />
        <TakeSettings />
      </div>
      <Generate />
    </aside>
  );
}

function First() {
  const { place } = shot.value;
  const drop = useFileDrop((file) => dropPicture(file, file.name).catch(fail));
  const label =
    place.type === "world" ? `World ${place.seed}` : place.type === "picture" ? place.name : "No place yet";
  const kind = place.type === "world" ? place.kind : place.type === "picture" ? "picture" : "";
  return (
    <section class="block">
      <header class="block-head">
        <h2>First frame</h2>
        <span class="block-note">
          {label}
          {kind && <em>{kind}</em>}
        </span>
      </header>
      <div class={`first ${drop.over ? "over" : ""} ${firstView.value ? "" : "empty"}`} {...drop.handlers}>
        {firstView.value && <img src={firstView.value} alt={`First frame: ${label}`} />}
        <button type="button" class="first-drop" onClick={choosePicture}>
          <Icon name="picture" />
          {firstView.value ? "Drop or browse a picture" : "Drop a picture here, or browse"}
        </button>
      </div>
    </section>
  );
}

function Worlds() {
  const { place } = shot.value;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!worlds.value.length) void loadWorlds();
  }, []);
  const seed = place.type === "world" ? place.seed : 0;
  return (
    <section class="block">
      <header class="block-head">
        <h2>Worlds</h2>
        <div class="world-seed">
          <NumberField
            label="World number"
            prefix="No."
            value={seed}
            digits={0}
            step={1}
            min={0}
            max={2 ** 31}
            onChange={(value) => pickSeed(Math.round(value)).catch(fail)}
          />
          <Button
            label="Any world"
            icon="dice"
            onClick={() => pickSeed(Math.floor(Math.random() * 100_000)).catch(fail)}
          />
        </div>
      </header>
      <div class="worlds" ref={list}>
        {worlds.value.map((world) => (
          <button
            type="button"
            key={world.seed}
            class="world"
            aria-pressed={place.type === "world" && place.seed === world.seed}
            aria-label={`World ${world.seed}: ${world.prompt}`}
            data-tip={`${world.seed} · ${world.prompt}`}
            onClick={() => pickWorld(world)}
          >
            <WorldPicture seed={world.seed} />
          </button>
        ))}
        <button
          type="button"
          class="world more"
          onClick={() => void loadWorlds()}
          disabled={worldsLoading.value}
          aria-label="More worlds"
          data-tip="More worlds"
        >
          <Icon name={worldsLoading.value ? "more" : "plus"} />
        </button>
      </div>
    </section>
  );
}

function Prompt() {
  const most = limits.value?.prompt_characters ?? 2000;
  return (
    <section class="block">
      <header class="block-head">
        <h2 id="prompt-label">Prompt</h2>
      </header>
      <textarea
        class="prompt"
        rows={3}
        maxLength={most}
        aria-labelledby="prompt-label"
        placeholder="The place, in words: hills at dusk, a cottage with lit windows"
        value={shot.value.prompt}
        onInput={(event) =>
          change("Write prompt", { ...shot.peek(), prompt: event.currentTarget.value }, "prompt")
        }
        onBlur={endGesture}
      />
    </section>
  );
}

function TakeSettings() {
  const { seed, steps } = shot.value;
  const own = model.value?.steps ?? 4;
  return (
    <section class="block">
      <header class="block-head">
        <h2>Take</h2>
      </header>
      <div class="fields">
        <label class="field-label" for="model">
          Model
        </label>
        <select
          id="model"
          class="select"
          value={model.value?.id ?? ""}
          onChange={(event) => (chosenModel.value = event.currentTarget.value)}
        >
          {models.value.map((one) => (
            <option key={one.id} value={one.id}>
              {one.id} · {one.width}×{one.height}
            </option>
          ))}
        </select>
        <span class="field-label">Seed</span>
        <div class="field-pair">
          <NumberField
            class="seed"
            label="Seed"
            value={seed}
            digits={0}
            step={1}
            min={0}
            max={2 ** 31}
            onChange={(value) => change("Set seed", { ...shot.peek(), seed: Math.round(value) }, "seed")}
          />
          <Button
            label="Another seed"
            icon="dice"
            onClick={() =>
              change("Set seed", { ...shot.peek(), seed: Math.floor(Math.random() * 1_000_000) })
            }
          />
          <NumberField
            class="steps-field"
            label="Denoising steps a chunk"
            prefix="Steps"
            value={steps ?? own}
            digits={0}
            step={1}
            min={1}
            max={limits.value?.steps ?? 100}
            onChange={(value) => {
              const next = Math.round(value);
              change("Set steps", { ...shot.peek(), steps: next === own ? null : next }, "steps");
            }}
          />
        </div>
      </div>
    </section>
  );
}

function Generate() {
  const reason = missing(shot.value);
  const frames = frameCount(shot.value, fps.value);
  return (
    <footer class="panel-foot">
      <Button
        label="Generate"
        shortcut="Ctrl ↵"
        variant="accent"
        icon="sparkle"
        class="generate"
        disabled={submitting.value}
        onClick={() => void generate()}
      >
        {submitting.value ? "Sending" : "Generate"}
      </Button>
      <p class="foot-note">
        {reason ?? `${frames} frames, ${duration(shot.value).toFixed(1)} s at ${fps.value} fps`}
      </p>
    </footer>
  );
}
