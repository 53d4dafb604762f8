import { dismiss, notices } from "../model/notices";
import { Button } from "./button";
import { Icon } from "./icon";

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.kind}`}>
          <Icon name={notice.kind === "error" ? "warning" : "check"} />
          <p>{notice.text}</p>
          <Button label="Dismiss" icon="close" onClick={() => dismiss(notice.id)} />
        </div>
      ))}
    </div>
  );
}
