import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { postEmpty } from "../api/client";
import { FLIGHT_KEYS, SHORTCUTS, type Shortcut } from "../shortcuts";
import { Button } from "./button";
import { overlay } from "./overlay-state";

export function Overlays() {
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = overlay.value;
  useEffect(() => {
    if (shown && !dialog.current?.open) dialog.current?.showModal();
  }, [shown]);
  if (!shown) return null;
  return (
    <dialog
      ref={dialog}
      class={`sheet ${shown}`}
      aria-label={shown === "keys" ? "Keyboard shortcuts" : "Log in"}
      onClose={() => (overlay.value = null)}
      onClick={(event) => event.target === event.currentTarget && event.currentTarget.close()}
    >
      {shown === "keys" ? <Keys close={() => dialog.current?.close()} /> : <Login />}
    </dialog>
  );
}

const GROUPS: readonly Shortcut["group"][] = ["Path", "Everywhere", "Takes", "Fly"];

function Keys({ close }: { close: () => void }) {
  return (
    <>
      <header class="sheet-head">
        <h2>Keyboard</h2>
        <Button label="Close" icon="close" onClick={close} />
      </header>
      <div class="sheet-columns">
        {GROUPS.map((group) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {group === "Fly" &&
                FLIGHT_KEYS.map(([keys, about]) => <Row key={keys} keys={keys} about={about} />)}
              {SHORTCUTS.filter((one) => one.group === group).map((one) => (
                <Row key={one.about} keys={one.shown} about={one.about} />
              ))}
            </dl>
          </section>
        ))}
      </div>
    </>
  );
}

function Row({ keys, about }: { keys: string; about: string }) {
  return (
    <div>
      <dt>{about}</dt>
      <dd>
        {keys.split(" ").map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dd>
    </div>
  );
}

function Login() {
  const token = useSignal("");
  const wrong = useSignal("");
  const submit = (event: Event) => {
    event.preventDefault();
    postEmpty("v1/login", { token: token.value }).then(
      () => location.reload(),
      (error: unknown) => (wrong.value = error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <form class="login" onSubmit={submit}>
      <h2>This server asks for a token</h2>
      <p>It is the one that flythrough serve was started with.</p>
      <input
        class="text"
        type="password"
        aria-label="Token"
        autocomplete="current-password"
        value={token.value}
        onInput={(event) => (token.value = event.currentTarget.value)}
      />
      {wrong.value && (
        <p class="bad" role="alert">
          {wrong.value}
        </p>
      )}
      <button type="submit" class="button accent" disabled={!token.value}>
        Log in
      </button>
    </form>
  );
}
