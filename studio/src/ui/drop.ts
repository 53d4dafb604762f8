/** A place to drop a file at: spread the handlers over an element; `over` while something hangs above it. */

import { useSignal } from "@preact/signals";

export function useFileDrop(take: (file: File) => void) {
  const over = useSignal(false);
  return {
    over: over.value,
    handlers: {
      onDragOver: (event: DragEvent) => {
        event.preventDefault();
        over.value = true;
      },
      onDragLeave: () => {
        over.value = false;
      },
      onDrop: (event: DragEvent) => {
        event.preventDefault();
        event.stopPropagation();
        over.value = false;
        const file = event.dataTransfer?.files[0];
        if (file) take(file);
      },
    },
  };
}
