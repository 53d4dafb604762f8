/** Takes, newest first: what runs, what waits, what is done. */

import { useSignal } from "@preact/signals";
import type { VideoJob } from "../api/types";
import {
  active,
  cancel,
  download,
  hasPicture,
  newestFirst,
  posterUrl,
  removeJob,
  retry,
  takeA,
  takeB,
  titles,
} from "../model/jobs";
import { mode } from "../model/mode";
import { online } from "../model/server";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { ago, clock } from "../ui/words";

export function Queue() {
  const takes = newestFirst.value;
  const waiting = active.value.length;
  return (
    <section class="queue" aria-label="Takes">
      <header class="section-head">
        <h2>Takes</h2>
        <span class="count">{waiting ? `${waiting} in the queue` : takes.length || ""}</span>
      </header>
      {takes.length === 0 ? (
        <div class="queue-empty">
          <Icon name="camera" size={20} />
          <p>
            {online.value === false
              ? "The server is away; it will be asked again."
              : "What you generate appears here, frame by frame."}
          </p>
        </div>
      ) : (
        <ul class="takes">
          {takes.map((job) => (
            <Take key={job.id} job={job} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Take({ job }: { job: VideoJob }) {
  const missing = useSignal(false);
  const name = titles.value.get(job.id) ?? job.id;
  const runs = job.status === "in_progress";
  const open = () => {
    takeA.value = job.id;
    if (takeB.peek() === job.id) takeB.value = null;
    mode.value = "takes";
  };
  const shown = mode.value === "takes" && takeA.value === job.id;
  return (
    <li class={`take ${job.status} ${shown ? "shown" : ""}`}>
      <button type="button" class="take-open" onClick={open} aria-label={`Open take ${name}, ${job.status}`}>
        <span class="take-picture">
          {hasPicture(job) && !missing.value ? (
            <img src={posterUrl(job)} alt="" onError={() => (missing.value = true)} />
          ) : (
            <Icon name="picture" />
          )}
          {takeB.value === job.id && mode.value === "takes" && <b class="take-letter">B</b>}
          {shown && takeB.value && <b class="take-letter">A</b>}
        </span>
        <span class="take-text">
          <span class="take-name">{name}</span>
          <Status job={job} />
        </span>
      </button>
      <div class="take-actions">
        {(runs || job.status === "queued") && (
          <Button label="Cancel" icon="stop" onClick={() => void cancel(job.id)} />
        )}
        {(job.status === "failed" || job.status === "cancelled") && (
          <Button label="Try again" icon="retry" onClick={() => void retry(job.id)} />
        )}
        {job.status === "completed" && (
          <>
            <Button
              label="Compare with the take on show"
              icon="compare"
              pressed={takeB.value === job.id}
              disabled={takeA.value === job.id}
              onClick={() => {
                takeB.value = takeB.peek() === job.id ? null : job.id;
                mode.value = "takes";
              }}
            />
            <Button label="Download" icon="download" onClick={() => download(job)} />
          </>
        )}
        {!runs && job.status !== "queued" && (
          <Button label="Delete" icon="trash" onClick={() => void removeJob(job.id)} />
        )}
      </div>
      {runs && (
        <div
          class="take-progress"
          role="progressbar"
          aria-label="Progress"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={job.progress}
        >
          <span style={{ transform: `scaleX(${job.progress / 100})` }} />
        </div>
      )}
    </li>
  );
}

function Status({ job }: { job: VideoJob }) {
  if (job.status === "in_progress") {
    const eta = job.eta_s != null ? ` · ${clock(job.eta_s)} left` : "";
    return (
      <span class="take-status">
        {job.progress}%{eta}
      </span>
    );
  }
  if (job.status === "queued") {
    return <span class="take-status">{job.position ? `Waits behind ${job.position}` : "Next"}</span>;
  }
  if (job.status === "failed") return <span class="take-status bad">{job.error?.message ?? "Failed"}</span>;
  if (job.status === "cancelled") return <span class="take-status">Cancelled at {job.progress}%</span>;
  return (
    <span class="take-status">
      {Number(job.seconds).toFixed(1)} s · seed {job.seed} · {ago(job.completed_at ?? job.created_at)}
    </span>
  );
}
