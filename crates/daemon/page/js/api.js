// Calls of /api/v1. Each failure is an ApiError, with a message for people.

const BASE = "/api/v1";

export class ApiError extends Error {
  /** `status` is 0 if there was no answer at all. */
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

/** Returns an address below the API, without the parameters that are empty. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

export class Api {
  constructor() {
    this.secret = "";
    /** Called when the daemon does not know the secret. */
    this.refused = () => {};
  }

  /** Returns the JSON of an answer; `undefined` if it has none. */
  async call(method, path, body, options = {}) {
    const response = await this.send(method, path, body, options);
    return response.status === 204 ? undefined : response.json();
  }

  get(path, parameters, options) {
    return this.call("GET", address(path, parameters), undefined, options);
  }

  /** Returns a response of success. `body` is sent as JSON unless it is a Blob. */
  async send(method, path, body, { signal, type } = {}) {
    const headers = { Accept: "application/json" };
    if (this.secret) headers.Authorization = `Bearer ${this.secret}`;
    // A form of another site cannot send a request of this type.
    if (method !== "GET") headers["Content-Type"] = type || "application/json";
    headers["X-Haul"] = "page";
    let content = body;
    if (method !== "GET" && !(body instanceof Blob)) content = JSON.stringify(body || {});
    let response;
    try {
      response = await fetch(BASE + path, { method, headers, body: content, signal, cache: "no-store", redirect: "error" });
    } catch (error) {
      if (signal && signal.aborted) throw error;
      throw new ApiError(0, "unreachable", "");
    }
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (failure.status === 401) this.refused(failure);
    throw failure;
  }
}

async function failureOf(response) {
  const text = await response.text().catch(() => "");
  let told = {};
  try {
    told = JSON.parse(text).error || {};
  } catch {
    // A proxy may answer in its own way.
  }
  const message = told.message || text.slice(0, 300).trim() || response.statusText || String(response.status);
  return new ApiError(response.status, told.kind || "http", message);
}
