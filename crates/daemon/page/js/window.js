// Which rows of a list are visible, and where they stand: pure.

// Browsers draw nothing beyond some millions of pixels. A longer list is scrolled in larger steps.
export const MOST_PIXELS = 6_000_000;
// Rows that are drawn above and below the visible ones.
const MARGIN = 6;

/** Returns the height of the list as the scroll bar sees it. */
export function heightOf(count, rowHeight) {
  return Math.min(count * rowHeight, MOST_PIXELS);
}

/** Returns how many rows are drawn at most. */
export function mostRows({ viewport, rowHeight }) {
  return Math.ceil(viewport / rowHeight) + 2 * MARGIN + 2;
}

/** Returns the rows `first..last` to draw, and how far below the top of the list `first` stands. */
export function visibleRows({ scrollTop, viewport, count, rowHeight }) {
  if (count === 0) return { first: 0, last: -1, top: 0 };
  const height = heightOf(count, rowHeight);
  const top = Math.max(0, Math.min(scrollTop, height - viewport));
  const offset = realOffset(top, viewport, count, rowHeight);
  const first = Math.max(0, Math.floor(offset / rowHeight) - MARGIN);
  const last = Math.min(count - 1, Math.ceil((offset + viewport) / rowHeight) + MARGIN);
  return { first, last, top: top - (offset - first * rowHeight) };
}

/** Returns the least change of `scrollTop` that makes a row visible as a whole. */
export function scrollTopFor(index, { scrollTop, viewport, count, rowHeight }) {
  const height = heightOf(count, rowHeight);
  const offset = realOffset(Math.max(0, Math.min(scrollTop, height - viewport)), viewport, count, rowHeight);
  const [above, below] = [index * rowHeight, (index + 1) * rowHeight - viewport];
  if (offset <= above && offset >= below) return scrollTop;
  const wanted = offset > above ? above : below;
  const [real, shown] = [count * rowHeight - viewport, height - viewport];
  return real <= 0 ? 0 : (wanted * shown) / real;
}

function realOffset(top, viewport, count, rowHeight) {
  const [real, shown] = [count * rowHeight - viewport, heightOf(count, rowHeight) - viewport];
  return shown <= 0 ? 0 : (top * real) / shown;
}
