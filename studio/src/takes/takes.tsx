/** Looking at takes: one, or two in step, side by side or with a wipe. */

import { useEffect, useRef } from "preact/hooks";
import type { VideoJob } from "../api/types";
import { contentUrl, hasPicture, jobs, newestFirst, posterUrl, takeA, takeB, titles } from "../model/jobs";
import { mode } from "../model/mode";
import { setting } from "../model/storage";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { clock } from "../ui/words";
import { attach, length, playing, seek, step, time, toggle } from "./sync";

export const layout = setting<"sides" | "wipe">("compare", "wipe");
const wipe = setting("wipe", 50);

export function Takes() {
  const a = useRef<HTMLVideoElement>(null);
  const b = useRef<HTMLVideoElement>(null);
  const first = (takeA.value && jobs.value.get(takeA.value)) || newestFirst.value[0];
  const second = takeB.value ? jobs.value.get(takeB.value) : undefined;
  const shownA = first && hasVideo(first) ? first.id : null;
  const shownB = second && hasVideo(second) ? second.id : null;
  useEffect(() => {
    attach(a.current, b.current);
    return () => attach(null, null);
  }, [shownA, shownB, layout.value]);

  if (!first) return <Empty />;
  const [width, height] = first.size.split("x").map(Number);
  const sides = second && layout.value === "sides";
  const ratio = `${width} / ${height}`;
  return (
    <section class="takes-view" aria-label="Takes on show">
      <div class={`takes-stage ${sides ? "sides" : ""}`}>
        <figure class="take-frame" style={{ aspectRatio: ratio }}>
          <Picture job={first} video={a} />
          {second && <figcaption class="letter a">A</figcaption>}
          {second && !sides && (
            <>
              <div class="wiped" style={{ clipPath: `inset(0 0 0 ${wipe.value}%)` }}>
                <Picture job={second} video={b} />
              </div>
              <figcaption class="letter b">B</figcaption>
              <span class="wipe-line" style={{ left: `${wipe.value}%` }} />
              <input
                class="wipe-range"
                type="range"
                min={0}
                max={100}
                step={0.5}
                value={wipe.value}
                aria-label="Wipe between take A and take B"
                onInput={(event) => (wipe.value = Number(event.currentTarget.value))}
              />
            </>
          )}
        </figure>
        {second && sides && (
          <figure class="take-frame" style={{ aspectRatio: ratio }}>
            <Picture job={second} video={b} />
            <figcaption class="letter b">B</figcaption>
          </figure>
        )}
      </div>
      <input
        class="scrub"
        type="range"
        aria-label="Moment of the take"
        min={0}
        max={length.value || Number(first.seconds)}
        step="any"
        value={time.value}
        onInput={(event) => seek(Number(event.currentTarget.value))}
      />
      <Bar first={first} second={second} />
    </section>
  );
}

function Picture({ job, video }: { job: VideoJob; video: { current: HTMLVideoElement | null } }) {
  if (hasVideo(job)) {
    return (
      <video
        ref={video}
        key={`${job.id} ${job.status}`}
        src={contentUrl(job.id)}
        muted
        loop
        playsInline
        preload="auto"
        aria-label={`Take ${job.name || job.id}`}
        onClick={toggle}
      />
    );
  }
  const waits = job.status === "queued";
  return (
    <div class="take-making">
      {hasPicture(job) && <img src={posterUrl(job)} alt="The newest frame" />}
      <p role="status">
        {waits
          ? job.position
            ? `Waits behind ${job.position}`
            : "Next in the queue"
          : job.status === "in_progress"
            ? `${job.frames_done} of ${job.num_frames} frames${job.eta_s != null ? `, ${clock(job.eta_s)} left` : ""}`
            : (job.error?.message ?? "Cancelled")}
      </p>
      {job.status === "in_progress" && (
        <span class="making-bar">
          <span style={{ transform: `scaleX(${job.progress / 100})` }} />
        </span>
      )}
    </div>
  );
}

function Bar({ first, second }: { first: VideoJob; second: VideoJob | undefined }) {
  const whole = length.value || Number(first.seconds);
  return (
    <div class="transport takes-bar" role="toolbar" aria-label="Playback">
      <div class="cluster">
        <Button label="One frame back" shortcut="←" icon="previous" onClick={() => step(-1, first.fps)} />
        <Button
          label={playing.value ? "Pause" : "Play"}
          shortcut="Space"
          icon={playing.value ? "pause" : "play"}
          variant="solid"
          disabled={!hasVideo(first)}
          onClick={toggle}
        />
        <Button label="One frame on" shortcut="→" icon="next" onClick={() => step(1, first.fps)} />
      </div>
      <span class="transport-length">
        <b>{time.value.toFixed(2)}</b> / {whole.toFixed(2)} s · f{Math.floor(time.value * first.fps + 1e-3)}
      </span>
      <Choose label="A" value={first.id} onChange={(id) => (takeA.value = id)} />
      {second && <Choose label="B" value={second.id} onChange={(id) => (takeB.value = id)} />}
      <div class="cluster end">
        {second ? (
          <>
            <div class="segmented" role="group" aria-label="Compare by">
              <Button
                label="Wipe"
                icon="wipe"
                shortcut="W"
                pressed={layout.value === "wipe"}
                onClick={() => (layout.value = "wipe")}
              />
              <Button
                label="Side by side"
                icon="sides"
                shortcut="W"
                pressed={layout.value === "sides"}
                onClick={() => (layout.value = "sides")}
              />
            </div>
            <Button label="Exchange A and B" icon="swap" shortcut="X" onClick={exchange} />
            <Button label="Show take A alone" icon="close" onClick={() => (takeB.value = null)} />
          </>
        ) : (
          <Button
            label="Compare with another take"
            icon="compare"
            disabled={newestFirst.value.filter(hasVideo).length < 2}
            onClick={() =>
              (takeB.value =
                newestFirst.value.find((job) => hasVideo(job) && job.id !== first.id)?.id ?? null)
            }
          >
            Compare
          </Button>
        )}
      </div>
    </div>
  );
}

export function exchange(): void {
  const [a, b] = [takeA.peek(), takeB.peek()];
  if (a && b) [takeA.value, takeB.value] = [b, a];
}

function Choose({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (id: string) => void;
}) {
  return (
    <label class="choose">
      <span>{label}</span>
      <select class="select" value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {newestFirst.value
          .filter((job) => hasVideo(job) || job.id === value)
          .map((job) => (
            <option key={job.id} value={job.id}>
              {titles.value.get(job.id)} · seed {job.seed}
            </option>
          ))}
      </select>
    </label>
  );
}

function Empty() {
  return (
    <section class="takes-view" aria-label="Takes on show">
      <div class="empty-state">
        <Icon name="camera" size={28} />
        <h2>No takes yet</h2>
        <p>Draw a path, then press Generate. Each take plays here, alone or beside another.</p>
        <Button label="Draw a path" variant="solid" onClick={() => (mode.value = "path")}>
          Draw a path
        </Button>
      </div>
    </section>
  );
}

function hasVideo(job: VideoJob): boolean {
  return (
    job.status === "completed" || (job.has_content && (job.status === "cancelled" || job.status === "failed"))
  );
}
