/** The browser's own dialog for one file. */

import { fail } from "./notices";

/** Let a person choose a file and use it. The field is in the page while the dialog is open: a browser may forget others. */
export function pickFile(accept: string, use: (file: File) => Promise<void>): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = accept;
  input.hidden = true;
  input.onchange = () => {
    const file = input.files?.[0];
    if (file) use(file).catch(fail);
    input.remove();
  };
  input.oncancel = () => input.remove();
  document.body.append(input);
  input.click();
}
