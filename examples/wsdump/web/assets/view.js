// What the page shows, kept in the address behind #, so that a reload resumes:
// the filter, the message that is selected and the one at the top.

const kinds = ['text', 'binary', 'close', 'ping'];

const fresh = () => ({
  conn: [], // numbers of connections, [] for all
  search: '', // text, /regex/i, or ! and what must not be in it
  from: '', // 'client', 'server' or both
  hide: [], // of kinds; ping is for pong too
  since: '',
  until: '',
  selected: 0, // a message's number
  at: 0, // the number of the message at the top; 0 at the end of what comes
  about: 0, // the number of a connection whose details are shown, where no message is selected
  tab: '', // of the details
});

/** view is read by all and written by change alone. */
export const view = fresh();

const groups = {
  filter: ['conn', 'search', 'from', 'hide', 'since', 'until'],
  selected: ['selected', 'about'],
  tab: ['tab'],
};
const listeners = { filter: [], selected: [], tab: [] };

/** on calls f when the filter, what is selected or the form of the details changed. */
export const on = (what, f) => listeners[what].push(f);

/** change changes fields of the view and tells who listens. */
export function change(fields) {
  const before = { ...view };
  Object.assign(view, fields);
  const changed = Object.keys(view).filter((f) => String(view[f]) !== String(before[f]));
  if (changed.length === 0) return;
  remember();
  for (const [what, of] of Object.entries(groups)) {
    if (changed.some((f) => of.includes(f))) listeners[what].forEach((f) => f());
  }
}

/** parameters are those of the filter as the server takes them; times only if asked for. */
export function parameters(times = true) {
  const p = {};
  if (view.conn.length) p.conn = view.conn.join(',');
  if (view.search.length > 1 && view.search[0] === '!') p.not_match = view.search.slice(1);
  else if (view.search) p.match = view.search;
  if (view.from) p.from = view.from;
  if (view.hide.length) p.only = shown();
  if (times && view.since) p.since = view.since;
  if (times && view.until) p.until = view.until;
  return p;
}

/** shown names the kinds that are not hidden. "data" has messages whose beginning was not seen too. */
function shown() {
  const seen = kinds.filter((k) => !view.hide.includes(k));
  const names = seen.includes('text') && seen.includes('binary') ? ['data', ...seen.slice(2)] : seen;
  if (names.includes('ping')) names.push('pong');
  return names.join(',');
}

/** filtered says whether anything is left out. */
export const filtered = () => Object.keys(parameters()).length > 0;

/** clear shows everything again. */
export function clear() {
  const { conn, search, from, hide, since, until } = fresh();
  change({ conn, search, from, hide, since, until });
}

let timer = 0;

// Browsers refuse an address that changes all the time, as it would in scrolling.
function remember() {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    const hash = write();
    if (hash !== location.hash) history.replaceState(null, '', `${location.pathname}${location.search}${hash}`);
  }, 300);
}

function write() {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(view)) {
    const text = Array.isArray(value) ? value.join(',') : String(value || '');
    if (text) q.set(name, text);
  }
  return q.size ? `#${q}` : '';
}

function read() {
  const q = new URLSearchParams(location.hash.slice(1));
  const v = fresh();
  const number = (s) => (/^\d{1,15}$/.test(s ?? '') ? Number(s) : 0);
  v.conn = (q.get('conn') ?? '').split(',').map(number).filter((n) => n > 0);
  v.hide = (q.get('hide') ?? '').split(',').filter((k) => kinds.includes(k));
  v.from = ['client', 'server'].includes(q.get('from')) ? q.get('from') : '';
  for (const f of ['search', 'since', 'until', 'tab']) v[f] = q.get(f) ?? '';
  for (const f of ['selected', 'at', 'about']) v[f] = number(q.get(f));
  return v;
}

Object.assign(view, read());
addEventListener('hashchange', () => change(read()));
addEventListener('pagehide', () => { // a reload within the 300 ms
  history.replaceState(null, '', `${location.pathname}${location.search}${write()}`);
});
