import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  open: boolean;
  onClose: () => void;
  anchor: ComponentChildren;
  children: ComponentChildren;
  side?: "up" | "down";
  align?: "start" | "end";
}

/** A small panel at a button; a click elsewhere or Escape closes it. */
export function Popover({ open, onClose, anchor, children, side = "up", align = "start" }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const onDown = (event: PointerEvent) => {
      if (!holder.current?.contains(event.target as Node)) onClose();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onClose();
      holder.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", onDown);
    document.addEventListener("keydown", onKey, true);
    return () => {
      document.removeEventListener("pointerdown", onDown);
      document.removeEventListener("keydown", onKey, true);
    };
  }, [open]);
  return (
    <div class="popover-holder" ref={holder}>
      {anchor}
      {open && <div class={`popover ${side} ${align}`}>{children}</div>}
    </div>
  );
}
