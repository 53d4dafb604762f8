/** Play, step, keyframes, snapping, zoom, and what is wrong with the path. */

import { useState } from "preact/hooks";
import {
  addKeyframe,
  extendPath,
  removeSelected,
  selectNeighbour,
  selection,
  snapping,
} from "../model/edits";
import { shot } from "../model/history";
import { looping, playing, seek, togglePlay } from "../model/playback";
import { path, problem } from "../model/resolve";
import { fps } from "../model/server";
import { duration, frameCount } from "../model/shot";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Popover } from "../ui/popover";
import { counted } from "../ui/words";
import { fitSpan, isZoomed } from "./view";

export function Transport() {
  const length = duration(shot.value);
  return (
    <div class="transport" role="toolbar" aria-label="Transport">
      <div class="cluster">
        <Button label="Keyframe before" shortcut="," icon="first" onClick={() => selectNeighbour(-1)} />
        <Button
          label={playing.value ? "Pause" : "Play"}
          shortcut="Space"
          icon={playing.value ? "pause" : "play"}
          variant="solid"
          disabled={length === 0}
          onClick={togglePlay}
        />
        <Button label="Keyframe after" shortcut="." icon="last" onClick={() => selectNeighbour(1)} />
        <Button
          label="Loop"
          shortcut="L"
          icon="loop"
          pressed={looping.value}
          onClick={() => (looping.value = !looping.value)}
        />
      </div>
      <div class="cluster">
        <Button label="Add a keyframe at the playhead" shortcut="K" icon="key" onClick={() => addKeyframe()}>
          Key
        </Button>
        <Button label="Add a keyframe two seconds on" shortcut="A" icon="plus" onClick={extendPath} />
        <Button
          label="Delete selected keyframes"
          shortcut="Del"
          icon="trash"
          disabled={!selection.value.size}
          onClick={removeSelected}
        />
      </div>
      <span class="transport-length">
        <b>{length.toFixed(2)}</b> s · {counted(frameCount(shot.value, fps.value), "frame")}
      </span>
      <Warnings />
      <div class="cluster end">
        <Button
          label="Snap to half seconds and steps; hold Ctrl to move freely"
          shortcut="S"
          icon="magnet"
          pressed={snapping.value}
          onClick={() => (snapping.value = !snapping.value)}
        />
        <Button
          label="Show the whole path; Ctrl and the wheel zoom"
          icon="fit"
          disabled={!isZoomed.value}
          onClick={fitSpan}
        />
      </div>
    </div>
  );
}

function Warnings() {
  const [open, setOpen] = useState(false);
  const warnings = path.value?.warnings ?? [];
  const wrong = problem.value;
  if (wrong) {
    return (
      <span class="chip danger" role="status">
        <Icon name="warning" />
        <span class="chip-text">{wrong}</span>
      </span>
    );
  }
  if (!warnings.length) {
    return duration(shot.value) > 0 ? (
      <span class="chip quiet">
        <Icon name="check" />
        <span class="chip-text">Within what the model has seen</span>
      </span>
    ) : null;
  }
  return (
    <Popover
      open={open}
      onClose={() => setOpen(false)}
      anchor={
        <button type="button" class="chip danger" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="warning" />
          {warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`}
        </button>
      }
    >
      <ul class="warning-list">
        {warnings.map((warning) => (
          <li key={`${warning.axis} ${warning.frame}`}>
            <button type="button" onClick={() => seek(warning.frame / fps.peek())}>
              <b>{(warning.frame / fps.value).toFixed(2)} s</b>
              <span>{warning.message}</span>
            </button>
          </li>
        ))}
      </ul>
    </Popover>
  );
}
