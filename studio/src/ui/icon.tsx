/** The studio's icons: strokes on a 16 x 16 grid. */

const PATHS = {
  play: "M5 3.2v9.6l7.6-4.8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  stop: "M4.5 4.5h7v7h-7z",
  first: "M4 3.5v9M12 3.8 6.4 8l5.6 4.2z",
  last: "M12 3.5v9M4 3.8 9.6 8 4 12.2z",
  previous: "M10 3.5 5.5 8l4.5 4.5",
  next: "M6 3.5 10.5 8 6 12.5",
  loop: "M3 8V6.5A2.5 2.5 0 0 1 5.5 4H13M11 2l2 2-2 2M13 8v1.5a2.5 2.5 0 0 1-2.5 2.5H3M5 14l-2-2 2-2",
  undo: "M5.5 3 2.5 6l3 3M2.8 6H9a4 4 0 0 1 0 8H6",
  redo: "m10.5 3 3 3-3 3M13.2 6H7a4 4 0 0 0 0 8h3",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  close: "m4 4 8 8M12 4l-8 8",
  check: "m3 8.5 3.2 3.2L13 5",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5 5 13h6l.5-8.5M6.8 7v3.5M9.2 7v3.5",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10",
  upload: "M8 10.5V3M4.8 6 8 2.8 11.2 6M3 13h10",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  camera: "M2 5h8v6.5H2zM10 7.5l4-2v6l-4-2",
  move: "M8 2v12M2 8h12M6.3 3.7 8 2l1.7 1.7M6.3 12.3 8 14l1.7-1.7M3.7 6.3 2 8l1.7 1.7M12.3 6.3 14 8l-1.7 1.7",
  rotate: "M12.8 6A5.2 5.2 0 1 0 13 9.5M13.2 2.8V6H10",
  magnet: "M3.5 3h3v5a1.5 1.5 0 0 0 3 0V3h3v5a4.5 4.5 0 0 1-9 0zM3.5 5.5h3M9.5 5.5h3",
  fit: "M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3M6 6h4v4H6z",
  key: "M8 2.8 13.2 8 8 13.2 2.8 8z",
  world:
    "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM2 8h12M8 2c2 1.8 2.6 3.8 2.6 6S10 12.2 8 14C6 12.2 5.4 10.2 5.4 8S6 3.8 8 2z",
  picture: "M2.5 3.5h11v9h-11zM2.7 11.5l3.3-3.5 2.5 2.5 2-2 2.8 3M10.7 5.7v.1",
  gamepad:
    "M5 4.5h6a3.5 3.5 0 0 1 3.4 4.3l-.5 2a1.7 1.7 0 0 1-3 .6L9.8 10H6.2L5.1 11.4a1.7 1.7 0 0 1-3-.6l-.5-2A3.5 3.5 0 0 1 5 4.5zM5.5 6.2v2.4M4.3 7.4h2.4M10.5 6.7v.1M11.5 8.1v.1",
  fork: "M5 2.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zM5 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zM11 4.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3zM5 5.5v5M5 9c4 0 6-.5 6-1.5",
  rewind: "M8 3.8 3.2 8 8 12.2zM13 3.8 8.2 8l4.8 4.2z",
  path: "M3 12.5c4.5 0 1.5-9 10-9M3 11.2a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6zM13 2.2a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6z",
  compare: "M8 2v12M2.5 4h3.5v8H2.5M10 4h3.5v8H10",
  wipe: "M2.5 3.5h11v9h-11zM8 3.5v9M5 7 4 8l1 1M11 7l1 1-1 1",
  sides: "M2 4h5v8H2zM9 4h5v8H9z",
  warning: "M8 2.5 14.2 13H1.8zM8 6.5v3M8 11.2v.1",
  lock: "M4 7.5h8V13H4zM5.5 7.5V5.3a2.5 2.5 0 0 1 5 0v2.2",
  help: "M6 6.2A2 2 0 1 1 8.8 8C8.2 8.3 8 8.7 8 9.5M8 11.6v.1M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z",
  dice: "M3 3h10v10H3zM5.7 5.7v.1M10.3 5.7v.1M8 8v.1M5.7 10.3v.1M10.3 10.3v.1",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zM10.2 10.2 13.5 13.5",
  speed: "M2.5 12a6 6 0 1 1 11 0M8 9.5l3-3.5M8 9.5v.1",
  swap: "M3 5.5h9M9.5 3 12 5.5 9.5 8M13 10.5H4M6.5 8 4 10.5 6.5 13",
  more: "M3.5 8v.1M8 8v.1M12.5 8v.1",
  record: "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  open: "M6 3H3v10h10v-3M9 3h4v4M13 3 7.5 8.5",
  chevron: "m4 6 4 4 4-4",
  sparkle: "M8 2.2 9.6 6.4 13.8 8 9.6 9.6 8 13.8 6.4 9.6 2.2 8 6.4 6.4z",
} as const;

export type IconName = keyof typeof PATHS;

const FILLED = new Set<IconName>(["play", "stop", "record", "rewind", "first", "last"]);

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} fill={FILLED.has(name) ? "currentColor" : "none"} />
    </svg>
  );
}
