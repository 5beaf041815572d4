// The daemon as the page knows it: what it says, what is asked of it, and the connection to it.

import { Api, ApiError, address } from "./api.js";
import { delayOf, readEvents } from "./events.js";
import { History } from "./history.js";
import { Announcer } from "./announcer.js";
import { PagedList } from "./paged-list.js";
import { keepSecret, knownSecret } from "./secret.js";
import { Store } from "./store.js";
import { text } from "./texts.js";
import { whenShown, whileShown } from "./visibility.js";

/** What the page shows of the runs, by the states of the daemon. */
export const FILTERS = {
  all: "",
  active: "active",
  waiting: "waiting,paused",
  done: "done",
  failed: "failed",
};
// The daemon says something every second; a connection that is silent for so long is dead.
const PATIENCE = 10_000;
// The list of runs is read again at most this often, however many runs change.
const REFRESH_TIME = 700;
const MOST_NOTICES = 4;

export class Daemon {
  constructor() {
    this.api = new Api();
    this.api.refused = (failure) => this.askForSecret(failure);
    // `phase` is starting, signin, checking (a secret) or open; `connection` is live, lost or
    // hidden (with the tab).
    this.store = new Store({
      phase: "starting", refusal: "", connection: "lost", retryAt: null,
      status: null, hosts: [], filter: "all", search: "", selected: "", run: null, notices: [],
    });
    this.history = new History();
    this.announcer = new Announcer();
    this.runs = new PagedList(this.runLoader(), (failure) => this.report(failure));
    this.wake = () => {};
    this.stopped = new AbortController();
    this.lastNotice = 0;
  }

  // Signing in, and the connection

  async start() {
    this.api.secret = knownSecret();
    this.selectFromAddress();
    addEventListener("hashchange", () => this.selectFromAddress());
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
    if (this.api.secret === "" && (await needsSecret())) this.askForSecret(null);
    else this.connect();
  }

  signIn(secret) {
    this.api.secret = secret;
    keepSecret(secret);
    this.store.set({ phase: "checking", refusal: "" });
    this.connect();
  }

  signOut() {
    this.askForSecret(null);
  }

  askForSecret(failure) {
    // Without a secret, the first answer only says that there has to be one.
    const refusal = failure && this.api.secret ? failure.message : "";
    this.stopped.abort();
    this.api.secret = "";
    keepSecret("");
    this.runs.forget();
    this.history.forget();
    this.store.set({ phase: "signin", refusal, connection: "lost", status: null, run: null, hosts: [], notices: [] });
  }

  /**
   * Follows the daemon until somebody signs out: connects, and connects again when the connection
   * is lost. While the tab is hidden there is no connection: a browser has few for each host, and
   * all tabs share them.
   */
  async connect() {
    this.stopped.abort();
    const stopped = new AbortController();
    this.stopped = stopped;
    let attempt = 0;
    while (!stopped.signal.aborted) {
      await whenShown(stopped.signal);
      const shown = whileShown(stopped.signal);
      if (await this.follow(shown.signal)) attempt = 0;
      const wasHidden = shown.signal.aborted;
      shown.abort();
      if (stopped.signal.aborted) return;
      if (wasHidden) {
        this.hidden();
      } else {
        this.lost(delayOf(attempt));
        await this.sleep(delayOf(attempt), stopped.signal);
        attempt += 1;
      }
    }
  }

  /** Returns whether there was a connection, once it has ended. */
  async follow(signal) {
    try {
      const response = await this.api.send("GET", "/events", undefined, { signal });
      this.connected();
      await readEvents(response, (name, data) => this.receive(name, data), { patience: PATIENCE, signal });
      return true;
    } catch (error) {
      if (!signal.aborted && error instanceof ApiError && error.status !== 0 && error.status !== 401) this.report(error);
      return false;
    }
  }

  connected() {
    const { phase, connection } = this.store.state;
    if (phase === "open" && connection === "lost") this.say(text("connected-again"));
    this.store.set({ phase: "open", connection: "live", retryAt: null });
    this.reload();
  }

  hidden() {
    if (this.store.state.connection !== "live") return;
    this.history.add(Date.now(), null);
    this.store.set({ connection: "hidden" });
  }

  lost(delay) {
    const { connection, phase } = this.store.state;
    if (connection === "live") this.history.add(Date.now(), null);
    if (connection !== "lost") this.say(text("connection-lost"));
    this.store.set({ connection: "lost", retryAt: Date.now() + delay, phase: phase === "signin" ? phase : "open" });
  }

  sleep(delay, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", this.wake, { once: true });
    });
  }

  // What the daemon says

  receive(name, data) {
    if (name === "status") this.takeStatus(data);
    else if (name === "hosts") this.store.set({ hosts: data.hosts });
    else if (name === "run") this.takeRun(data);
    else if (name === "removed") this.takeRemoved(data.id);
    else if (name === "reset") this.reload();
  }

  takeStatus(status) {
    this.skew = Date.parse(status.started_at) + status.uptime * 1000 - Date.now();
    this.history.add(Date.now(), status.rate);
    const isIdle = status.runs.active === 0 && this.store.state.hosts.length > 0;
    this.store.set(isIdle ? { status, hosts: [] } : { status });
  }

  /** The time of the daemon's clock, in milliseconds. */
  now() {
    return Date.now() + (this.skew || 0);
  }

  takeRun(run) {
    const older = this.runs.replace(run);
    const moved = !older || older.state !== run.state || older.position !== run.position || older.priority !== run.priority;
    if (moved) this.refreshSoon();
    if (this.store.state.selected === run.id) this.store.set({ run });
    if (older && older.state !== run.state) this.tellOf(run);
  }

  tellOf(run) {
    if (run.state === "done") this.say(text("said-done", { name: run.name }));
    if (run.state === "failed") this.say(text("said-failed", { name: run.name }));
  }

  takeRemoved(id) {
    if (this.store.state.selected === id) this.select("");
    this.refreshSoon();
  }

  async reload() {
    this.runs.refresh();
    const { selected } = this.store.state;
    if (selected) this.loadSelected(selected);
    try {
      this.store.set({ hosts: (await this.api.get("/hosts")).hosts });
    } catch (failure) {
      this.report(failure);
    }
  }

  refreshSoon() {
    if (this.soon) return;
    this.soon = setTimeout(() => {
      this.soon = null;
      this.runs.refresh();
    }, REFRESH_TIME);
  }

  // What is shown of it

  runLoader() {
    const { filter, search } = this.store.state;
    return async (offset, limit) => {
      const answer = await this.api.get("/runs", { state: FILTERS[filter], search, offset, limit });
      return { total: answer.total, rows: answer.runs };
    };
  }

  show(change) {
    this.store.set(change);
    return this.runs.restart(this.runLoader());
  }

  /** Shows a run beside the list; an empty `id` shows none. */
  select(id) {
    const fragment = id ? `#run=${encodeURIComponent(id)}` : "";
    if (location.hash !== fragment) history.replaceState(null, "", fragment || location.pathname);
    this.selectFromAddress();
  }

  selectFromAddress() {
    const selected = new URLSearchParams(location.hash.slice(1)).get("run") || "";
    if (selected === this.store.state.selected) return;
    const index = selected ? this.runs.indexOf(selected) : -1;
    this.store.set({ selected, run: index >= 0 ? this.runs.row(index) : null });
    if (selected && this.store.state.phase === "open") this.loadSelected(selected);
  }

  async loadSelected(id) {
    try {
      const run = await this.api.get(`/runs/${encodeURIComponent(id)}`);
      if (this.store.state.selected === id) this.store.set({ run });
    } catch (failure) {
      if (failure.status === 404 && this.store.state.selected === id) this.select("");
      else this.report(failure);
    }
  }

  // What is asked of it. Each says what went wrong, and returns whether it went well.

  async ask(call, said) {
    try {
      const answer = await call();
      if (said) this.say(said);
      return answer === undefined ? true : answer;
    } catch (failure) {
      this.report(failure);
      return false;
    }
  }

  /** `action` is `pause`, `resume` or `retry`. */
  async act(run, action) {
    const path = `/runs/${encodeURIComponent(run.id)}/${action}`;
    const changed = await this.ask(() => this.api.call("POST", path), text(`said-${action}`, { name: run.name }));
    if (changed) this.takeRun(changed);
  }

  /** Stops a run; takes one that has ended out of the list. */
  async remove(run) {
    const purge = isEnded(run) ? "true" : "";
    const path = address(`/runs/${encodeURIComponent(run.id)}`, { purge });
    if (await this.ask(() => this.api.call("DELETE", path), text("said-removed", { name: run.name }))) {
      if (purge && this.store.state.selected === run.id) this.select("");
      this.refreshSoon();
    }
  }

  async purge() {
    if (await this.ask(() => this.api.call("POST", "/runs/purge"), text("said-purged"))) {
      if (this.store.state.run && isEnded(this.store.state.run)) this.select("");
      this.runs.refresh();
    }
  }

  async move(run, position) {
    const path = `/runs/${encodeURIComponent(run.id)}`;
    const changed = await this.ask(() => this.api.call("PATCH", path, { position }));
    if (!changed) return;
    this.say(text("said-moved", { name: run.name, position: changed.position + 1 }));
    await this.runs.refresh();
  }

  async setLimits(limits) {
    const changed = await this.ask(() => this.api.call("PATCH", "/limits", limits), text("said-limits"));
    const { status } = this.store.state;
    if (changed && status) this.store.set({ status: { ...status, limits: changed } });
    return changed;
  }

  /** Changes the limits and the priority of a run; `changes` has only what changes. */
  async setLimitsOf(run, changes) {
    if (Object.keys(changes).length === 0) return true;
    const path = `/runs/${encodeURIComponent(run.id)}`;
    const changed = await this.ask(() => this.api.call("PATCH", path, changes), text("said-run-limits", { name: run.name }));
    if (changed) this.takeRun(changed);
    return changed;
  }

  /** Adds what somebody has typed or pasted. Returns the run, or throws. */
  async add(request) {
    return this.added(await this.api.call("POST", "/runs", request));
  }

  /** Adds a file as it is. Returns the run, or throws. */
  async addFile(file, parameters) {
    const path = address("/runs", { name: file.name, ...parameters });
    return this.added(await this.api.call("POST", path, file, { type: typeOf(file.name) }));
  }

  added(run) {
    this.say(text("said-added", { name: run.name }));
    this.runs.refresh();
    return run;
  }

  /** Saves what the daemon has about a run: `results` or `report`. */
  async save(run, what, format) {
    const path = address(`/runs/${encodeURIComponent(run.id)}/${what}`, { format });
    const response = await this.ask(() => this.api.send("GET", path));
    if (!response) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${run.name.replace(/[^\p{L}\p{N}._-]+/gu, "_")}.${what}.${format || "html"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // What people are told

  report(failure) {
    if (failure.status === 401) return;
    // The line about the connection says it already.
    if (failure.status === 0 && this.store.state.connection === "lost") return;
    const said = failure instanceof ApiError ? failure.message || text("unreachable") : text("page-error", { error: String(failure) });
    const { notices } = this.store.state;
    if (notices.some((notice) => notice.said === said)) return;
    this.lastNotice += 1;
    this.store.set({ notices: [...notices, { id: this.lastNotice, said }].slice(-MOST_NOTICES) });
  }

  dismiss(id) {
    this.store.set({ notices: this.store.state.notices.filter((notice) => notice.id !== id) });
  }

  say(words) {
    this.announcer.say(words);
  }
}

/** Returns whether the daemon has a secret; asks nothing that would be refused. */
async function needsSecret() {
  try {
    return (await (await fetch("/page/access.json", { cache: "no-store" })).json()).secret;
  } catch {
    return false;
  }
}

export function canRetry(run) {
  return run.state === "failed" || run.state === "removed";
}

export function isEnded(run) {
  return run.state === "done" || run.state === "failed" || run.state === "removed";
}

const TYPES = {
  csv: "text/csv",
  jsonl: "application/x-ndjson",
  meta4: "application/metalink4+xml",
  metalink: "application/metalink4+xml",
  txt: "text/plain",
};

function typeOf(name) {
  return TYPES[name.toLowerCase().split(".").pop()] || "application/octet-stream";
}
