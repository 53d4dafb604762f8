/**
 * Keyboard, mouse and gamepad as keys held: the letters of the flythrough dialect. The mouse and the sticks turn by
 * holding a key while they are out of the middle.
 */

const LETTERS = new Set("wasdijklqerf");
const ARROWS: Record<string, string> = { ArrowUp: "i", ArrowDown: "k", ArrowLeft: "a", ArrowRight: "d" };
const STICK_REST = 0.35;
const MOUSE_REST_PX = 6;
const MOUSE_HALF_MS = 75; // in which half of its deflection goes
const MOUSE_MOST_PX = 90;

export class Hands {
  private readonly keys = new Set<string>();
  private mouse = { x: 0, y: 0 };
  private request = 0;
  private ticked = performance.now();
  private last = "";

  /** onChange is told the letters held, whenever they change. */
  constructor(
    private readonly surface: HTMLElement,
    private readonly onChange: (letters: readonly string[]) => void,
  ) {
    window.addEventListener("keydown", this.onKeyDown);
    window.addEventListener("keyup", this.onKeyUp);
    window.addEventListener("blur", this.letGo);
    document.addEventListener("mousemove", this.onMouse);
    this.request = requestAnimationFrame(this.tick);
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
    window.removeEventListener("keydown", this.onKeyDown);
    window.removeEventListener("keyup", this.onKeyUp);
    window.removeEventListener("blur", this.letGo);
    document.removeEventListener("mousemove", this.onMouse);
    if (document.pointerLockElement === this.surface) document.exitPointerLock();
  }

  private readonly tick = (now: number): void => {
    this.request = requestAnimationFrame(this.tick);
    const kept = 0.5 ** (Math.max(0, now - this.ticked) / MOUSE_HALF_MS);
    this.mouse = { x: this.mouse.x * kept, y: this.mouse.y * kept };
    this.ticked = now;
    const held = new Set([...this.keys, ...this.mouseLetters(), ...gamepadLetters()]);
    const letters = [...held].sort();
    if (letters.join("") === this.last) return;
    this.last = letters.join("");
    this.onChange(letters);
  };

  private readonly onKeyDown = (event: KeyboardEvent): void => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = letterOf(event);
    if (!letter) return;
    this.keys.add(letter);
    event.preventDefault();
  };

  private readonly onKeyUp = (event: KeyboardEvent): void => {
    const letter = letterOf(event);
    if (letter) this.keys.delete(letter);
  };

  private readonly letGo = (): void => this.keys.clear();

  private readonly onMouse = (event: MouseEvent): void => {
    if (document.pointerLockElement !== this.surface) return;
    const within = (value: number) => Math.min(MOUSE_MOST_PX, Math.max(-MOUSE_MOST_PX, value));
    this.mouse = { x: within(this.mouse.x + event.movementX), y: within(this.mouse.y + event.movementY) };
  };

  private mouseLetters(): string[] {
    const { x, y } = this.mouse;
    return [...side(x, MOUSE_REST_PX, "a", "d"), ...side(y, MOUSE_REST_PX, "i", "k")];
  }
}

/** Of the standard mapping: left stick walks and strafes, right stick turns and looks, triggers sink and rise, shoulders roll. */
function gamepadLetters(): string[] {
  const pad = navigator.getGamepads?.().find((one) => one?.connected && one.mapping === "standard");
  if (!pad) return [];
  const [lx = 0, ly = 0, rx = 0, ry = 0] = pad.axes;
  const pressed = (button: number, letter: string) => (pad.buttons[button]?.pressed ? [letter] : []);
  return [
    ...side(ly, STICK_REST, "w", "s"),
    ...side(lx, STICK_REST, "j", "l"),
    ...side(rx, STICK_REST, "a", "d"),
    ...side(ry, STICK_REST, "i", "k"),
    ...pressed(6, "f"),
    ...pressed(7, "r"),
    ...pressed(4, "q"),
    ...pressed(5, "e"),
  ];
}

function side(value: number, rest: number, less: string, more: string): string[] {
  return value < -rest ? [less] : value > rest ? [more] : [];
}

function letterOf(event: KeyboardEvent): string | null {
  const key = event.key.toLowerCase();
  return ARROWS[event.key] ?? (LETTERS.has(key) ? key : null);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select") !== null;
}
