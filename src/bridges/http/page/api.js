// What the page asks of the bridge. The token stays in this tab.

const TOKEN = 'ringfence-token';

/** The bridge answered with a status that is no success. */
export class Refused extends Error {
  constructor(status, problem, wait) {
    super(problem.detail ?? `status ${status}`);
    this.status = status;
    /** What the bridge says of it: an object, empty where it says nothing. */
    this.problem = problem;
    /** Seconds until it is worth asking again; 0 where the bridge does not say. */
    this.wait = wait;
  }
}

let onDenied = () => {};

/** `act` is called where the bridge wants a token, or another one. */
export function whenDenied(act) {
  onDenied = act;
}

/** Keeps a token until the tab is closed; an empty one is forgotten. */
export function setToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

/** Asks for `path`, and gives the answer. Throws `Refused`, or what `fetch` throws. */
export async function ask(path, { headers = {}, signal } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, {
    headers: { ...headers, ...authorization },
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal,
  });
  if (response.ok) return response;
  if (response.status === 401 || response.status === 403) onDenied(response.status);
  const wait = Number(response.headers.get('retry-after')) || 0;
  throw new Refused(response.status, await problemOf(response), wait);
}

/** The value that `path` names. */
export async function askJson(path) {
  return (await ask(path)).json();
}

/** What the bridge says of why it refused. */
async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
