// The server's side of the page: pages of JSON, and server-sent events that
// only say that something changed.

const token = new URLSearchParams(location.search).get('token') ?? '';

/** A Refusal is an answer that is an error, with the server's reason. */
export class Refusal extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/** address is the URL of something under /api/, with the token for what cannot send a header. */
export function address(path, parameters) {
  const q = new URLSearchParams(parameters);
  q.set('token', token);
  return `api/${path}?${q}`;
}

/** get fetches JSON. */
export async function get(path, parameters, signal) {
  const q = new URLSearchParams(parameters).toString();
  const answer = await fetch(`api/${path}${q && `?${q}`}`, { headers: { Authorization: `Bearer ${token}` }, signal });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/** check asks for a download and lets go of it when the server has agreed. */
export async function check(path, parameters) {
  const abort = new AbortController();
  const answer = await fetch(address(path, parameters), { signal: abort.signal });
  if (!answer.ok) throw await refusal(answer);
  abort.abort();
}

async function refusal(answer) {
  let reason = answer.statusText;
  try {
    reason = (await answer.json()).error ?? reason;
  } catch { /* not ours: the status has to do */ }
  return new Refusal(answer.status, reason);
}

/**
 * watch calls changed with each state that the server tells, and linked with
 * "live", "gone" (it is tried again) or "refused" (the token is another's).
 */
export function watch(changed, linked) {
  let wait = 500;
  const open = () => {
    const events = new EventSource(address('events'));
    events.addEventListener('state', (e) => {
      wait = 500;
      linked('live');
      changed(JSON.parse(e.data));
    });
    events.onerror = async () => {
      events.close();
      linked(await refused() ? 'refused' : 'gone');
      setTimeout(open, wait);
      wait = Math.min(wait * 2, 5000);
    };
  };
  open();
}

async function refused() {
  try {
    await get('stats');
  } catch (e) {
    return e instanceof Refusal && e.status === 403;
  }
  return false;
}
