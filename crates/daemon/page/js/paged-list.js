// A long list of the daemon, of which only the pages around the visible rows are here.

import { Store } from "./store.js";

export const PAGE_SIZE = 100;

export class PagedList {
  /** `load(offset, limit)` resolves to `{ total, rows }`; `failed` is told why it did not. */
  constructor(load, failed) {
    this.load = load;
    this.failed = failed;
    this.pages = new Map();
    this.visible = [0, 0];
    this.era = 0;
    this.busy = false;
    this.again = false;
    /** `total` is null until it is known; `version` counts changes. */
    this.store = new Store({ total: null, version: 0 });
  }

  get total() {
    return this.store.state.total;
  }

  /** Returns a row, or `undefined` if it is not here yet. */
  row(index) {
    const page = this.pages.get(Math.floor(index / PAGE_SIZE));
    return page && page[index % PAGE_SIZE];
  }

  /** Returns where a row stands among those that are here; -1 if it is not. */
  indexOf(id) {
    for (const [number, page] of this.pages) {
      const at = page.findIndex((row) => row.id === id);
      if (at >= 0) return number * PAGE_SIZE + at;
    }
    return -1;
  }

  /** Says which rows are visible; loads what is missing of them. */
  show(first, last) {
    this.visible = [first, last];
    if (this.missing().length > 0) this.refresh(false);
  }

  /** Replaces a row that is here by a newer one. Returns the older one. */
  replace(row) {
    const index = this.indexOf(row.id);
    if (index < 0) return undefined;
    const page = this.pages.get(Math.floor(index / PAGE_SIZE));
    const older = page[index % PAGE_SIZE];
    page[index % PAGE_SIZE] = row;
    this.changed();
    return older;
  }

  /** Forgets everything, and begins with another `load`. */
  restart(load) {
    this.load = load;
    this.forget();
    return this.refresh();
  }

  forget() {
    this.era += 1;
    this.pages.clear();
    this.visible = [0, 0];
    this.store.set({ total: null });
    this.changed();
  }

  /** Loads the visible pages, all of them or only the missing ones. One call at a time. */
  async refresh(all = true) {
    if (this.busy) {
      this.again = this.again || all;
      this.more = true;
      return;
    }
    this.busy = true;
    this.more = false;
    this.again = false;
    const era = this.era;
    const wanted = all ? this.visiblePages() : this.missing();
    try {
      const loaded = await Promise.all(wanted.map((number) => this.load(number * PAGE_SIZE, PAGE_SIZE)));
      if (era === this.era) this.take(wanted, loaded, all);
    } catch (error) {
      this.failed(error);
      // What failed is not asked for again until somebody asks.
      this.more = this.more && era !== this.era;
    } finally {
      this.busy = false;
    }
    if (this.more && (era !== this.era || this.again || this.missing().length > 0)) {
      await this.refresh(this.again || era !== this.era);
    }
  }

  take(numbers, loaded, all) {
    // Pages that are not visible are stale now: rows have moved.
    if (all) this.pages.clear();
    numbers.forEach((number, nth) => this.pages.set(number, loaded[nth].rows));
    const last = loaded.at(-1);
    if (last) this.store.set({ total: last.total });
    this.changed();
  }

  visiblePages() {
    const [first, last] = this.visible.map((index) => Math.floor(Math.max(index, 0) / PAGE_SIZE));
    return Array.from({ length: last - first + 1 }, (_, nth) => first + nth);
  }

  missing() {
    const end = this.total === null ? Infinity : this.total;
    return this.visiblePages().filter((number) => !this.pages.has(number) && (number === 0 || number * PAGE_SIZE < end));
  }

  changed() {
    this.store.set({ version: this.store.state.version + 1 });
  }
}
