// How far a run or an item is: pure.

/**
 * Returns the parts of a run that went well and that failed, from 0 to 1; `null` if its length is
 * not known yet.
 */
export function progressOf(run) {
  const { total, done, skipped, failed } = run.items;
  if (run.state === "done" && !failed) return { good: 1, bad: 0 };
  const byBytes = run.size ? Math.min(run.bytes / run.size, 1) : null;
  if (!total) return byBytes === null ? null : { good: byBytes, bad: 0 };
  const bad = failed / total;
  const byItems = (done + skipped) / total;
  // A few large files: their bytes say more. All of them are there only when each item has ended.
  return { good: Math.min(Math.max(byItems, total > 1 && byBytes === 1 ? 0 : byBytes || 0), 1 - bad), bad };
}

/** Returns how far an item is, from 0 to 1; `null` if nobody knows. */
export function progressOfItem(item) {
  return item.size ? Math.min(item.bytes / item.size, 1) : null;
}
