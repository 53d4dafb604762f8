import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon";

interface Props {
  label: string;
  onClick: (event: MouseEvent) => void;
  icon?: IconName;
  /** Shown in the tooltip; the key itself is handled in model/shortcuts. */
  shortcut?: string;
  variant?: "plain" | "solid" | "accent" | "danger";
  pressed?: boolean;
  disabled?: boolean;
  /** Without text only the icon is seen; the label is then the tooltip and the accessible name. */
  children?: ComponentChildren;
  class?: string;
}

export function Button(props: Props) {
  const { label, icon, shortcut, variant = "plain", pressed, disabled, children } = props;
  const iconOnly = children === undefined;
  return (
    <button
      type="button"
      class={`button ${variant} ${iconOnly ? "icon-only" : ""} ${props.class ?? ""}`}
      aria-label={label}
      aria-pressed={pressed}
      data-tip={iconOnly || shortcut ? label : undefined}
      data-shortcut={shortcut}
      disabled={disabled}
      onClick={props.onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
