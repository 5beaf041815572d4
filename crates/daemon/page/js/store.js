// State that components look at, and are drawn again when what they look at changes.

import { useLayoutEffect, useReducer, useRef } from "./html.js";

export class Store {
  constructor(state) {
    this.state = state;
    this.listeners = new Set();
  }

  set(change) {
    this.state = { ...this.state, ...change };
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Returns a part of the state; the component is drawn again when it is another one. */
export function useStore(store, pick) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const shown = useRef();
  const wanted = useRef();
  wanted.current = pick;
  shown.current = pick(store.state);
  useLayoutEffect(() => {
    const look = () => {
      if (!Object.is(wanted.current(store.state), shown.current)) redraw();
    };
    look();
    return store.subscribe(look);
  }, [store]);
  return shown.current;
}
