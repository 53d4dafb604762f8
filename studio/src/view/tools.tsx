/** Buttons over the 3-D view. */

import { addKeyframe, snapping } from "../model/edits";
import { shot } from "../model/history";
import { Button } from "../ui/button";
import { framePath, gizmoMode, inset, looking, stage } from "./state";

export function ViewTools() {
  const through = looking.value;
  return (
    <>
      <div class="view-tools" role="toolbar" aria-label="View">
        <div class="segmented" role="group" aria-label="Look from">
          <Button label="Scene" pressed={!through} onClick={() => (looking.value = false)}>
            Scene
          </Button>
          <Button label="Camera" shortcut="C" pressed={through} onClick={() => (looking.value = true)}>
            Camera
          </Button>
        </div>
        {!through && (
          <>
            <div class="segmented" role="group" aria-label="Handles">
              <Button
                label="Move keyframe"
                shortcut="G"
                icon="move"
                pressed={gizmoMode.value === "translate"}
                onClick={() => (gizmoMode.value = "translate")}
              />
              <Button
                label="Turn keyframe"
                shortcut="T"
                icon="rotate"
                pressed={gizmoMode.value === "rotate"}
                onClick={() => (gizmoMode.value = "rotate")}
              />
            </div>
            <Button
              label="Snapping"
              shortcut="S"
              icon="magnet"
              pressed={snapping.value}
              onClick={() => (snapping.value = !snapping.value)}
            />
            <Button
              label="Frame the path"
              shortcut="F"
              icon="fit"
              onClick={() => framePath(shot.peek().keyframes.map((key) => key.position))}
            />
            <Button
              label="Camera inset"
              icon="picture"
              pressed={inset.value}
              onClick={() => (inset.value = !inset.value)}
            />
          </>
        )}
      </div>
      {!through && (
        <div class="view-actions">
          <Button
            label="Set a keyframe at the playhead where this view looks from"
            shortcut="⇧K"
            icon="camera"
            variant="solid"
            onClick={() => keyFromView()}
          >
            Key from view
          </Button>
        </div>
      )}
    </>
  );
}

export function keyFromView(): void {
  const pose = stage.peek()?.eyePose();
  if (pose) addKeyframe({ ...pose, roll: 0 });
}
