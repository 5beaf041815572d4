// The rates of the last minutes, for the plot.

import { Store } from "./store.js";

// How many seconds the plot shows: at first, and later on.
const LEAST_SPAN = 60;
const SPAN = 300;

export class History {
  constructor() {
    this.store = new Store({ version: 0 });
    this.times = [];
    this.rates = [];
  }

  /** Adds a rate; `null` stands for a time without a connection. */
  add(milliseconds, rate) {
    const now = milliseconds / 1000;
    this.times.push(now);
    this.rates.push(rate);
    while (this.times[0] < now - SPAN - 5) {
      this.times.shift();
      this.rates.shift();
    }
    this.store.set({ version: this.store.state.version + 1 });
  }

  forget() {
    this.times = [];
    this.rates = [];
  }

  /** Returns the times, in seconds, with which the plot begins and ends. */
  window() {
    const now = this.times.at(-1) || Date.now() / 1000;
    return [now - Math.min(Math.max(now - (this.times[0] || now), LEAST_SPAN), SPAN), now];
  }

  /** Returns the highest rate. */
  peak() {
    return this.rates.reduce((most, rate) => Math.max(most, rate || 0), 0);
  }
}
