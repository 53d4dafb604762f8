/** The bar above: the shot's name, what the middle is for, undo, files, the server. */

import { useState } from "preact/hooks";
import { clearSelection } from "../model/edits";
import { exportPath, importPath } from "../model/files";
import {
  canRedo,
  canUndo,
  change,
  endGesture,
  redo,
  redoLabel,
  shot,
  undo,
  undoLabel,
} from "../model/history";
import { active } from "../model/jobs";
import { mode, type Mode } from "../model/mode";
import { lockedOut } from "../model/notices";
import { seek } from "../model/playback";
import { online } from "../model/server";
import { newShot } from "../model/shot";
import { saved } from "../model/storage";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icon";
import { overlay } from "../ui/overlay-state";
import { Popover } from "../ui/popover";

const MODES: readonly { id: Mode; label: string; icon: IconName }[] = [
  { id: "path", label: "Path", icon: "path" },
  { id: "takes", label: "Takes", icon: "compare" },
  { id: "fly", label: "Fly", icon: "gamepad" },
];

export function TopBar() {
  return (
    <header class="topbar">
      <div class="topbar-left">
        <Mark />
        <h1 class="sr-only">flythrough studio</h1>
        <input
          class="shot-name"
          type="text"
          aria-label="Name of the shot"
          autocomplete="off"
          spellcheck={false}
          maxLength={80}
          value={shot.value.name}
          onInput={(event) =>
            change("Rename shot", { ...shot.peek(), name: event.currentTarget.value }, "name")
          }
          onBlur={endGesture}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        />
        <Saved />
      </div>
      <nav class="segmented modes" aria-label="What to do">
        {MODES.map(({ id, label, icon }, i) => (
          <Button
            key={id}
            label={label}
            shortcut={String(i + 1)}
            icon={icon}
            pressed={mode.value === id}
            onClick={() => (mode.value = id)}
          >
            {label}
            {id === "takes" && active.value.length > 0 && <span class="badge">{active.value.length}</span>}
          </Button>
        ))}
      </nav>
      <div class="topbar-right">
        <Button
          label={undoLabel.value ? `Undo: ${undoLabel.value}` : "Undo"}
          shortcut="Ctrl Z"
          icon="undo"
          disabled={!canUndo.value}
          onClick={undo}
        />
        <Button
          label={redoLabel.value ? `Redo: ${redoLabel.value}` : "Redo"}
          shortcut="Ctrl ⇧ Z"
          icon="redo"
          disabled={!canRedo.value}
          onClick={redo}
        />
        <span class="rule" />
        <Files />
        <Button
          label="Keyboard shortcuts"
          shortcut="?"
          icon="help"
          onClick={() => (overlay.value = "keys")}
        />
        <Server />
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg class="mark" width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M5 24 12 8.5l4.5 9.5L20 12l7 12" />
      <circle cx="24" cy="8" r="2.6" />
    </svg>
  );
}

function Saved() {
  const text = { saved: "Saved", saving: "Saving", failed: "Not saved: this browser keeps nothing" }[
    saved.value
  ];
  return (
    <span class={`saved ${saved.value}`} role="status">
      {text}
    </span>
  );
}

function Files() {
  const [open, setOpen] = useState(false);
  const item = (label: string, icon: IconName, shortcut: string, run: () => void) => (
    <button
      type="button"
      class="menu-item"
      onClick={() => {
        setOpen(false);
        run();
      }}
    >
      <Icon name={icon} />
      {label}
      <kbd>{shortcut}</kbd>
    </button>
  );
  return (
    <Popover
      open={open}
      onClose={() => setOpen(false)}
      side="down"
      align="end"
      anchor={
        <button type="button" class="button plain" aria-expanded={open} onClick={() => setOpen(!open)}>
          File
          <Icon name="chevron" size={12} />
        </button>
      }
    >
      <div class="menu">
        {item("New shot", "plus", "", startOver)}
        {item("Import a path", "upload", "Ctrl O", importPath)}
        {item("Export the path", "download", "Ctrl S", exportPath)}
      </div>
    </Popover>
  );
}

function Server() {
  const now = online.value;
  if (lockedOut.value)
    return (
      <Button label="Log in" icon="lock" variant="solid" onClick={() => (overlay.value = "login")}>
        Log in
      </Button>
    );
  const text = now === null ? "Connecting" : now ? "Connected" : "Server away";
  return (
    <span class={`server ${now ? "on" : now === null ? "" : "off"}`} role="status" data-tip={location.host}>
      <span class="server-dot" />
      {text}
    </span>
  );
}

function startOver(): void {
  change("New shot", newShot());
  clearSelection();
  seek(0);
  mode.value = "path";
}
