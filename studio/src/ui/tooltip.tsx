import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

const WAIT_MS = 450;
const GAP = 8;

/** One tooltip for everything with `data-tip`, on hover and on keyboard focus. */
export function Tooltip() {
  const shown = useSignal<{ text: string; shortcut: string; box: DOMRect } | null>(null);
  const bubble = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hide = () => {
      clearTimeout(timer);
      shown.value = null;
    };
    const show = (event: Event, wait: number) => {
      const target = (event.target as Element).closest?.<HTMLElement>("[data-tip]");
      hide();
      if (!target) return;
      timer = setTimeout(() => {
        const { tip = "", shortcut = "" } = target.dataset;
        if (target.isConnected) shown.value = { text: tip, shortcut, box: target.getBoundingClientRect() };
      }, wait);
    };
    const onOver = (event: Event) => show(event, WAIT_MS);
    const onFocus = (event: Event) => {
      if ((event.target as Element).matches(":focus-visible")) show(event, 0);
    };
    const listeners: [string, (event: Event) => void][] = [
      ["pointerover", onOver],
      ["focusin", onFocus],
      ["focusout", hide],
      ["pointerdown", hide],
      ["keydown", hide],
    ];
    for (const [name, run] of listeners) document.addEventListener(name, run);
    return () => {
      for (const [name, run] of listeners) document.removeEventListener(name, run);
    };
  }, []);

  useEffect(() => {
    const element = bubble.current;
    const now = shown.value;
    if (!element || !now) return;
    const { offsetWidth: width, offsetHeight: height } = element;
    const below = now.box.bottom + GAP + height < window.innerHeight;
    const left = Math.min(
      window.innerWidth - width - GAP,
      Math.max(GAP, now.box.left + now.box.width / 2 - width / 2),
    );
    element.style.transform = `translate(${left}px, ${below ? now.box.bottom + GAP : now.box.top - GAP - height}px)`;
    element.style.visibility = "visible";
  });

  if (!shown.value) return null;
  return (
    <div ref={bubble} class="tooltip" role="tooltip">
      {shown.value.text}
      {shown.value.shortcut && <kbd>{shown.value.shortcut}</kbd>}
    </div>
  );
}
