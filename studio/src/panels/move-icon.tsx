/** What each move does, seen from above or from the side, on a 20 x 20 grid. */

const PATHS: Record<string, string> = {
  dolly: "M10 16V4M6.5 7.5 10 4l3.5 3.5M6 17h8",
  truck: "M4 10h12M12.5 6.5 16 10l-3.5 3.5M3 6v8",
  pedestal: "M10 17V6M6.5 9.5 10 6l3.5 3.5M5 3h10",
  pan: "M10 16 4.5 6.5M10 16l5.5-9.5M5 5a8 8 0 0 1 10 0M12.8 2.8 15.3 5.2 12 6.4",
  tilt: "M4 10 15 4M4 10l11 6M16 5.5a8 8 0 0 1 0 9M13.8 7.3 16 5l2 2.6",
  roll: "M4 7.5 16 12.5M5.5 15.2A7 7 0 1 1 15 15M12.3 14.6l3 .6.6-3",
  orbit: "M10 9.5v.1M3.5 12a7 5 0 1 0 3-5.5M4 5.8l3 .5-.8 2.9",
  crane: "M4 16c0-7 4-11 11-11M12 2.5 15.5 5 12.5 8M4 16h5",
  spiral: "M10 10a2 2 0 0 1 2 2 3.5 3.5 0 0 1-6.5-1A5 5 0 0 1 15 9.5 6.5 6.5 0 0 1 10 16.5M10.2 3.5v-1",
  handheld: "M3 13c1.5-4 2.5-4 3.5-1s2 2.5 3-1 2-3.5 3-.5 1.5 2.5 4.5-3M14 6.5l3.2.7-.6 3",
  drive: "M10 10.5V3M7 6l3-3 3 3M10 10.5l-5 4M5.5 11.2 5 14.5l3.3.4M10 10.5l5 4M14.5 11.2l.5 3.3-3.3.4",
};

export function MoveIcon({ name }: { name: string }) {
  return (
    <svg class="icon" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name] ?? "M4 10h12"} fill="none" />
    </svg>
  );
}
