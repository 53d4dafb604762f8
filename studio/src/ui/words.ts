/** Times in words. */

/** Seconds as 0:42 or 12:05. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How long since a Unix time: "now", "4 min", "3 h", "2 days". */
export function ago(unix: number): string {
  const minutes = (Date.now() / 1000 - unix) / 60;
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)} h ago`;
  return `${Math.floor(minutes / 60 / 24)} d ago`;
}

/** "1 frame", "81 frames". */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
