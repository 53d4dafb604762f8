import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { worldPicture } from "../model/place";

/** A world never seen before takes seconds to draw; a browser has six connections to a server, for everything. */
const AT_ONCE = 2;
const waiting: (() => void)[] = [];
let loading = 0;

function next(): void {
  while (loading < AT_ONCE && waiting.length) {
    loading += 1;
    waiting.shift()?.();
  }
}

/** The first view of a world. Such pictures are asked for in turn, so that nothing else waits for them. */
export function WorldPicture({ seed }: { seed: number }) {
  const src = useMemo(() => signal<string | undefined>(undefined), [seed]);
  const load = useMemo(() => {
    let held = false;
    const begin = () => {
      held = true;
      src.value = worldPicture(seed);
    };
    const end = () => {
      const place = waiting.indexOf(begin);
      if (place >= 0) waiting.splice(place, 1);
      if (held) loading -= 1;
      held = false;
      next();
    };
    return { begin, end };
  }, [seed]);
  useEffect(() => {
    waiting.push(load.begin);
    next();
    return load.end;
  }, [load]);
  return <img src={src.value} alt="" decoding="async" onLoad={load.end} onError={load.end} />;
}
