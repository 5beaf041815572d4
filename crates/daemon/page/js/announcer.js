// What a screen reader is told: one text at a time, and not more than it can read.

import { Store } from "./store.js";

const PAUSE = 2500;
const MOST = 3;

export class Announcer {
  constructor() {
    this.store = new Store({ said: "" });
    this.queue = [];
    this.timer = null;
  }

  say(words) {
    this.queue.push(words);
    // Of many at once, the last ones are told.
    if (this.queue.length > MOST) this.queue.shift();
    if (!this.timer) this.next();
  }

  next() {
    const words = this.queue.shift();
    if (words === undefined) {
      this.timer = null;
      return;
    }
    this.store.set({ said: words });
    this.timer = setTimeout(() => this.next(), PAUSE);
  }
}
