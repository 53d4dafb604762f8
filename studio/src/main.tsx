import { render } from "preact";
import { App } from "./app";
import { watchJobs } from "./model/jobs";
import { watchMove } from "./model/moves";
import { fail } from "./model/notices";
import { watchPlace } from "./model/place";
import { watchPlayback } from "./model/playback";
import { watchPath } from "./model/resolve";
import { watchServer } from "./model/server";
import { startAutosave } from "./model/storage";
import { listen } from "./shortcuts";
import "./styles/index.css";

watchServer();
watchJobs();
startAutosave()
  .catch(fail)
  .finally(() => {
    watchPath();
    watchPlace();
    watchPlayback();
    watchMove();
    listen();
    render(<App />, document.getElementById("app") as HTMLElement);
  });
