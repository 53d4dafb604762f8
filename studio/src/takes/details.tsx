/** What a take was asked for, and what can be done with it. */

import type { VideoJob } from "../api/types";
import { download, jobs, newestFirst, reopen, takeA, takeB, titles } from "../model/jobs";
import { mode } from "../model/mode";
import { fail } from "../model/notices";
import { Button } from "../ui/button";
import { ago, clock } from "../ui/words";

export function TakeDetails() {
  const first = (takeA.value && jobs.value.get(takeA.value)) || newestFirst.value[0];
  const second = takeB.value ? jobs.value.get(takeB.value) : undefined;
  if (!first) return <p class="hint">The take on show is described here.</p>;
  return (
    <div class="inspector">
      <Facts job={first} letter={second ? "A" : ""} />
      {second && <Facts job={second} letter="B" />}
    </div>
  );
}

function Facts({ job, letter }: { job: VideoJob; letter: string }) {
  const open = () => {
    reopen(job).then(() => (mode.value = "path"), fail);
  };
  const took = job.started_at && job.completed_at ? clock(job.completed_at - job.started_at) : null;
  return (
    <section class="facts">
      <h3>
        {letter && <b class="take-letter">{letter}</b>}
        {titles.value.get(job.id)}
      </h3>
      {job.prompt && <p class="facts-prompt">{job.prompt}</p>}
      <dl>
        <dt>Length</dt>
        <dd>
          {Number(job.seconds).toFixed(1)} s, {job.num_frames} frames
        </dd>
        <dt>Picture</dt>
        <dd>
          {job.size.replace("x", " × ")} at {job.fps} fps
        </dd>
        <dt>Model</dt>
        <dd>{job.model}</dd>
        <dt>Seed</dt>
        <dd>{job.seed}</dd>
        <dt>Made</dt>
        <dd>
          {ago(job.completed_at ?? job.created_at)}
          {took && `, in ${took}`}
        </dd>
      </dl>
      <div class="facts-actions">
        <Button
          label="Make this take's place, words and path the shot"
          icon="path"
          variant="solid"
          onClick={open}
        >
          Reopen path
        </Button>
        {job.status === "completed" && (
          <Button label="Download the video" icon="download" onClick={() => download(job)} />
        )}
      </div>
    </section>
  );
}
