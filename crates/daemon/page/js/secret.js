// The secret: from the fragment of the address or from a form; kept until the tab is closed.

const KEY = "haul-secret";

/** Returns the secret that is known, and takes it out of the address bar. */
export function knownSecret() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const given = fragment.get("secret");
  if (given !== null) {
    fragment.delete("secret");
    const rest = fragment.toString();
    history.replaceState(null, "", rest ? `#${rest}` : location.pathname);
    keepSecret(given);
    return given;
  }
  return sessionStorage.getItem(KEY) || "";
}

export function keepSecret(secret) {
  if (secret) sessionStorage.setItem(KEY, secret);
  else sessionStorage.removeItem(KEY);
}
