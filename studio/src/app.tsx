/** The window: a bar above, the shot on the left, what one looks at in the middle, details and takes on the right. */

import { Fly } from "./fly/fly";
import { FlightPanel } from "./fly/panel";
import { shot } from "./model/history";
import { newestFirst } from "./model/jobs";
import { leftOpen, mode, pathPage, rightOpen } from "./model/mode";
import { fail } from "./model/notices";
import { readPath } from "./model/files";
import { dropPicture } from "./model/place";
import { Inspector } from "./panels/inspector";
import { Moves } from "./panels/moves";
import { PlacePanel } from "./panels/place";
import { Queue } from "./panels/queue";
import { TopBar } from "./panels/topbar";
import { Welcome } from "./panels/welcome";
import { TakeDetails } from "./takes/details";
import { Takes } from "./takes/takes";
import { Timeline } from "./timeline/timeline";
import { Notices } from "./ui/notices";
import { Overlays } from "./ui/overlays";
import { Tooltip } from "./ui/tooltip";
import { Viewport } from "./view/viewport";

export function App() {
  const starts = shot.value.place.type === "none" && mode.value === "path" && shot.value.keyframes.length < 2;
  return (
    <div
      class={`app ${leftOpen.value && !starts ? "" : "no-left"} ${rightOpen.value ? "" : "no-right"}`}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <TopBar />
      {leftOpen.value && !starts && <PlacePanel />}
      <main class={`centre on-${mode.value}`}>
        {mode.value === "path" && (starts ? <Welcome /> : <PathView />)}
        {mode.value === "takes" && <Takes />}
        {mode.value === "fly" && <Fly />}
      </main>
      {rightOpen.value && <Right starts={starts} />}
      <Notices />
      <Overlays />
      <Tooltip />
    </div>
  );
}

function PathView() {
  return (
    <>
      <Viewport />
      <Timeline />
    </>
  );
}

function Right({ starts }: { starts: boolean }) {
  return (
    <aside class="panel right" aria-label="Details and takes">
      {!starts && (
        <section class="context" aria-label="Details">
          {mode.value === "path" && <PathPages />}
          {mode.value === "takes" && newestFirst.value.length > 0 && (
            <>
              <h2 class="section-head">Take</h2>
              <TakeDetails />
            </>
          )}
          {mode.value === "fly" && (
            <>
              <h2 class="section-head">Flight</h2>
              <FlightPanel />
            </>
          )}
        </section>
      )}
      <Queue />
    </aside>
  );
}

function PathPages() {
  const page = pathPage.value;
  const tab = (id: "keyframe" | "moves", label: string) => (
    <button
      type="button"
      role="tab"
      id={`tab-${id}`}
      class="tab"
      aria-selected={page === id}
      aria-controls="path-page"
      onClick={() => (pathPage.value = id)}
    >
      {label}
    </button>
  );
  return (
    <>
      <div class="tabs" role="tablist" aria-label="Path">
        {tab("keyframe", "Keyframes")}
        {tab("moves", "Moves")}
      </div>
      <div id="path-page" class="context-scroll" role="tabpanel" aria-labelledby={`tab-${page}`}>
        {page === "keyframe" ? <Inspector /> : <Moves />}
      </div>
    </>
  );
}

function onDrop(event: DragEvent): void {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (!file) return;
  if (file.type.startsWith("image/")) dropPicture(file, file.name).catch(fail);
  else readPath(file).catch(fail);
}
