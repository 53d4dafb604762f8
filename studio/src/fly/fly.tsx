/** Flying live: the picture, what is held, how late it is. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { shot } from "../model/history";
import { firstView, worldPicture } from "../model/place";
import { frameSize, online } from "../model/server";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { clock } from "../ui/words";
import {
  attach,
  begin,
  current,
  figures,
  fork,
  held,
  keepPictureOnly,
  land,
  lastPicture,
  making,
  rewind,
  rewindable,
  seconds,
  state,
  togglePause,
  trouble,
} from "./flight";

export function Fly() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const known = online.value !== null;
  useLayoutEffect(() => {
    if (!known) return;
    attach(canvas.current);
    canvas.current?.focus({ preventScroll: true });
    window.addEventListener("pagehide", keepPictureOnly);
    return () => {
      window.removeEventListener("pagehide", keepPictureOnly);
      attach(null);
    };
  }, [known]);
  const { width, height } = frameSize.value;
  const now = state.value;
  return (
    <section class="fly" aria-label="Live flight">
      <div class="fly-stage">
        <div class="fly-picture" style={{ aspectRatio: `${width} / ${height}` }}>
          <Still />
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-label="Live picture. W A S D move and turn, J L strafe, I K look, R F rise and sink, Q E roll."
            onClick={(event) => {
              if (state.peek() === "flying") void event.currentTarget.requestPointerLock();
            }}
          />
          {now === "flying" || now === "paused" ? <Overlay /> : <Curtain />}
        </div>
      </div>
      <Bar />
    </section>
  );
}

/** What is seen before the first picture comes: the last one of the flight, or the place. */
function Still() {
  const kept = lastPicture.value;
  if (kept && kept.flight === current.value) return <img class="fly-still" src={kept.address} alt="" />;
  const { place, keyframes } = shot.value;
  const large = place.type === "world" ? worldPicture(place.seed, keyframes[0]?.fov, true) : null;
  return (
    <>
      {firstView.value && <img class="fly-still" src={firstView.value} alt="" />}
      {large && <img class="fly-still" src={large} alt="" />}
    </>
  );
}

function Overlay() {
  const { latencyMs, fps } = figures.value;
  return (
    <>
      <dl class="fly-figures">
        <Figure
          name="Key to picture"
          value={latencyMs === null ? "–" : String(Math.round(latencyMs))}
          unit="ms"
        />
        <Figure name="Pictures" value={fps.toFixed(1)} unit="fps" />
        <Figure name="Chunk" value={String(making.value.ms)} unit="ms" />
      </dl>
      <KeyMap />
      {state.value === "paused" && (
        <button type="button" class="fly-paused" onClick={togglePause}>
          <Icon name="play" size={20} />
          Paused. Space goes on
        </button>
      )}
    </>
  );
}

function Figure({ name, value, unit }: { name: string; value: string; unit: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} <span>{unit}</span>
      </dd>
    </div>
  );
}

const KEYS: readonly (readonly [string, string])[][] = [
  [
    ["q", "Roll left"],
    ["w", "Forward"],
    ["e", "Roll right"],
    ["r", "Rise"],
  ],
  [
    ["a", "Turn left"],
    ["s", "Back"],
    ["d", "Turn right"],
    ["f", "Sink"],
  ],
];
const LOOK: readonly (readonly [string, string])[][] = [
  [["i", "Look up"]],
  [
    ["j", "Strafe left"],
    ["k", "Look down"],
    ["l", "Strafe right"],
  ],
];

function KeyMap() {
  const cap = ([letter, about]: readonly [string, string]) => (
    <span key={letter} class={`cap ${held.value.includes(letter) ? "down" : ""}`} title={about}>
      {letter}
    </span>
  );
  return (
    <div class="keymap" aria-hidden="true">
      <div class="caps">
        {KEYS.map((row, i) => (
          <div key={i}>{row.map(cap)}</div>
        ))}
      </div>
      <div class="caps look">
        {LOOK.map((row, i) => (
          <div key={i}>{row.map(cap)}</div>
        ))}
      </div>
    </div>
  );
}

function Curtain() {
  const now = state.value;
  const { place, prompt } = shot.value;
  const nowhere = place.type === "none" && !prompt.trim();
  if (now === "opening") {
    return (
      <div class="curtain">
        <span class="spinner" />
        <p>Opening the flight</p>
      </div>
    );
  }
  return (
    <div class="curtain">
      {now === "broken" && <p class="bad">{trouble.value}</p>}
      <h2>Fly it yourself</h2>
      <p>
        The model draws what you steer towards, half a second at a time. <kbd>W</kbd> <kbd>A</kbd>{" "}
        <kbd>S</kbd> <kbd>D</kbd> move and turn, the mouse and a gamepad look around.
      </p>
      <Button
        label="Take off"
        shortcut="↵"
        icon="play"
        variant="accent"
        disabled={nowhere || !online.value}
        onClick={() => void begin()}
      >
        Take off
      </Button>
      {nowhere && <p class="curtain-note">Pick a world or drop a picture on the left first.</p>}
    </div>
  );
}

function Bar() {
  const now = state.value;
  const inFlight = now === "flying" || now === "paused";
  return (
    <div class="transport fly-bar" role="toolbar" aria-label="Flight">
      <div class="cluster">
        <Button
          label={now === "paused" ? "Go on" : "Pause"}
          shortcut="Space"
          icon={now === "paused" ? "play" : "pause"}
          variant="solid"
          disabled={!inFlight}
          onClick={togglePause}
        />
        <Button
          label="Back by one chunk"
          shortcut="⌫"
          icon="rewind"
          disabled={!inFlight || rewindable.value === 0}
          onClick={rewind}
        >
          Rewind
        </Button>
        <Button
          label="Split: a second flight from here"
          shortcut="B"
          icon="fork"
          disabled={!inFlight}
          onClick={fork}
        >
          Fork
        </Button>
      </div>
      <span class="transport-length">
        <b>{clock(seconds.value)}</b> · frame {figures.value.frame}
      </span>
      <div class="cluster end">
        <Button
          label="Leave the flight; it can be gone on with"
          icon="stop"
          disabled={!inFlight}
          onClick={land}
        >
          Land
        </Button>
      </div>
    </div>
  );
}
