/** An empty shot: where to begin, and how the whole of it goes. */

import { useEffect } from "preact/hooks";
import { fail } from "../model/notices";
import { choosePicture, dropPicture, loadWorlds, pickWorld, worlds } from "../model/place";
import { mode } from "../model/mode";
import { useFileDrop } from "../ui/drop";
import { Icon, type IconName } from "../ui/icon";
import { WorldPicture } from "../ui/world-picture";

const STEPS: readonly { icon: IconName; title: string; text: string }[] = [
  {
    icon: "world",
    title: "Choose a place",
    text: "A rendered world, or a picture of your own. It is the first frame.",
  },
  {
    icon: "path",
    title: "Draw the camera's path",
    text: "Keyframes in the scene and on the timeline, or moves by name.",
  },
  {
    icon: "sparkle",
    title: "Generate, compare, fly",
    text: "Takes appear frame by frame. Or take the controls and fly live.",
  },
];

export function Welcome() {
  const drop = useFileDrop((file) => dropPicture(file, file.name).catch(fail));
  useEffect(() => {
    if (!worlds.value.length) void loadWorlds();
  }, []);
  return (
    <div class="welcome">
      <div class="welcome-inner">
        <h2>Where does the flight begin?</h2>
        <ol class="steps">
          {STEPS.map(({ icon, title, text }, i) => (
            <li key={title} class={i === 0 ? "now" : ""}>
              <Icon name={icon} size={18} />
              <div>
                <b>{title}</b>
                <p>{text}</p>
              </div>
            </li>
          ))}
        </ol>
        <div class="welcome-worlds">
          <button
            type="button"
            class={`drop-card ${drop.over ? "over" : ""}`}
            onClick={choosePicture}
            {...drop.handlers}
          >
            <Icon name="picture" size={22} />
            <b>Drop a picture</b>
            <span>or browse: PNG, JPEG, WebP</span>
          </button>
          {worlds.value.map((world) => (
            <button type="button" key={world.seed} class="world-card" onClick={() => pickWorld(world)}>
              <WorldPicture seed={world.seed} />
              <span class="world-card-text">
                <b>{world.kind}</b>
                <span>{world.prompt}</span>
              </span>
            </button>
          ))}
          {worlds.value.length === 0 &&
            Array.from({ length: 11 }, (_, i) => (
              <span key={i} class="world-card ghost" aria-hidden="true" />
            ))}
        </div>
        <p class="welcome-foot">
          In a hurry?{" "}
          <button type="button" class="link" onClick={() => (mode.value = "fly")}>
            Fly live
          </button>{" "}
          from any place, and turn the flight into a path afterwards. <kbd>?</kbd> shows every key.
        </p>
      </div>
    </div>
  );
}
