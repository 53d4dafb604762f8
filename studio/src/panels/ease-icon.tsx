import type { Ease } from "../model/shot";

const CURVES: Record<Ease, string> = {
  linear: "M2.5 13.5 13.5 2.5",
  in: "M2.5 13.5C8 13.5 9.5 9 13.5 2.5",
  out: "M2.5 13.5C6.5 7 8 2.5 13.5 2.5",
  in_out: "M2.5 13.5C8 13.5 8 2.5 13.5 2.5",
};

/** How far along over time. */
export function EaseIcon({ ease }: { ease: Ease }) {
  return (
    <svg class="icon ease-icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path d={CURVES[ease]} fill="none" />
    </svg>
  );
}
