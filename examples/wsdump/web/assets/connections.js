// The connections: what each is, how it ended, and how much it says.

import { get } from './api.js';
import { byId, el, setAttribute, setText, soon, svg } from './dom.js';
import { bytes, plural, some } from './format.js';
import { List } from './list.js';
import { rates } from './rates.js';
import { change, view } from './view.js';
import { escaped } from './visible.js';
import { causeWords, flagWords } from './words.js';

const rowHeight = 62;
const scroller = byId('connections');
const find = byId('find');
const all = byId('all');

const byNumber = new Map(); // number to connection
let order = []; // those that are found, by number
let version = 0; // of what is here
let wanted = 0; // of what there is
let fetching = false;
let cursor = 0; // index of the one that keys move

const list = new List(scroller, { height: rowHeight, make, bind, moved: look });

function look() {
  if (order.length) rates.look(order.slice(list.first, list.last));
}

/** connection is what is known of one. */
export const connection = (number) => byNumber.get(number);

export const total = () => byNumber.size;

/** refresh fetches what changed up to a version. */
export async function refresh(to) {
  wanted = Math.max(wanted, to);
  if (fetching) return;
  fetching = true;
  try {
    while (version < wanted) {
      const answer = await get('connections', version ? { since: version } : {});
      for (const c of answer.rows) {
        rates.count(c, byNumber.get(c.conn));
        byNumber.set(c.conn, c);
      }
      version = answer.version;
      if (answer.version < wanted) wanted = answer.version;
      sort();
    }
  } catch { /* the next state tries again */ } finally {
    fetching = false;
  }
}

/** forget begins anew, with another server. */
export function forget() {
  byNumber.clear();
  version = wanted = 0;
}

function sort() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  order = [...byNumber.values()];
  if (words.length) order = order.filter((c) => words.every((w) => text(c).includes(w)));
  order.sort((a, b) => a.conn - b.conn);
  list.setCount(order.length);
  list.refresh();
}

const text = (c) => `#${c.conn} ${c.url} ${c.client} ${c.server} ${c.status} ${c.subprotocol} ${state(c)} ${flagsOf(c).map((f) => flagWords(f)[0]).join(' ')}`.toLowerCase();

const flagsOf = (c) => c.flags ?? [];

function state(c) {
  if (!c.ended) return c.status && c.status !== 101 && c.status !== 200 ? `refused ${c.status}` : 'open';
  if (c.ended.code) return `${causeWords(c.ended.cause)} ${c.ended.code}`;
  return causeWords(c.ended.cause);
}

/** jump shows a connection in the list, and only its messages. */
export function jump(number) {
  find.value = '';
  sort();
  const index = order.findIndex((c) => c.conn === number);
  if (index >= 0) {
    cursor = index;
    list.to(index, 'center');
  }
  change({ conn: [number] });
}

function make() {
  const up = svg('path', { class: 'client' });
  const down = svg('path', { class: 'server' });
  const e = el('div', { class: 'row connection', role: 'option', click: chosen },
    el('div', { class: 'first' }, el('span', { class: 'number' }), el('bdi', { class: 'url' }), el('span', { class: 'state' })),
    el('div', { class: 'second' }, el('bdi', { class: 'ends' }), svg('svg', { class: 'rate', viewBox: '0 0 80 18', 'aria-hidden': 'true' }, up, down)),
    el('div', { class: 'third' }, el('span', { class: 'sent' }), el('span', { class: 'received' }), el('span', { class: 'flags' })));
  const q = (name) => e.querySelector(`.${name}`);
  e.parts = { number: q('number'), url: q('url'), state: q('state'), ends: q('ends'), sent: q('sent'), received: q('received'), flags: q('flags'), up, down };
  return e;
}

function bind(e, index) {
  const c = order[index];
  const p = e.parts;
  const chosen = view.conn.includes(c.conn);
  e.conn = c.conn;
  setAttribute(e, 'id', `c${c.conn}`);
  setAttribute(e, 'aria-selected', String(chosen));
  setAttribute(e, 'aria-setsize', order.length);
  setAttribute(e, 'aria-posinset', index + 1);
  e.classList.toggle('cursor', index === cursor);
  e.classList.toggle('ended', !!c.ended);
  setText(p.number, `#${c.conn}`);
  setText(p.url, short(c));
  setAttribute(p.url, 'title', c.url ? escaped(c.url) : null);
  setText(p.state, state(c));
  setAttribute(p.state, 'data-state', c.ended ? (c.ended.cause === 'rst' || c.ended.cause === 'refused' ? 'bad' : 'ended') : state(c) === 'open' ? 'open' : 'bad');
  setText(p.ends, `${c.client} → ${c.server}`);
  const { client, server } = c.counts;
  setText(p.sent, `↑ ${some(client.messages)} · ${bytes(client.bytes)}`);
  setText(p.received, `↓ ${some(server.messages)} · ${bytes(server.bytes)}`);
  setAttribute(p.sent, 'title', `${plural(client.messages, 'message')} of the client`);
  setAttribute(p.received, 'title', `${plural(server.messages, 'message')} of the server`);
  bindFlags(p.flags, c);
  drawRate(p, c);
}

// The scheme is among the flags; what tells connections apart is the rest.
const short = (c) => (c.url ? escaped(c.url).replace(/^wss?:\/\//, '') : c.server);

function bindFlags(element, c) {
  const flags = flagsOf(c).map((f) => (f.startsWith('copy') && c.copy_of ? [`copy of #${c.copy_of}`, flagWords(f)[1]] : flagWords(f)));
  if (c.lost > 0) flags.push([`${bytes(c.lost)} lost`, 'Bytes of it were lost to the capture']);
  if (c.subprotocol) flags.push([escaped(c.subprotocol), 'Subprotocol']);
  const key = flags.map((f) => f[0]).join();
  if (element.key === key) return;
  element.key = key;
  element.replaceChildren(...flags.map(([word, title]) => el('span', { class: /loss|lost/.test(word) ? 'flag bad' : 'flag', title }, word)));
}

function drawRate(parts, c) {
  const [client, server] = rates.of(c);
  const most = Math.max(1, ...client, ...server);
  setAttribute(parts.up, 'd', bars(client, most, -1));
  setAttribute(parts.down, 'd', bars(server, most, 1));
}

// bars are the client's above a line in the middle and the server's below it.
function bars(values, most, way) {
  let d = '';
  values.forEach((v, i) => {
    if (v > 0) d += `M${i * 2} 9h1.5v${(way * Math.max(1, v / most * 8.5)).toFixed(1)}h-1.5z`;
  });
  return d;
}

function chosen(e) {
  choose(e.currentTarget.conn, e.ctrlKey || e.metaKey || e.shiftKey);
}

function choose(number, more) {
  const had = view.conn.includes(number);
  cursor = order.findIndex((c) => c.conn === number);
  if (more) change({ conn: had ? view.conn.filter((n) => n !== number) : [...view.conn, number].sort((a, b) => a - b) });
  else if (had && view.conn.length === 1) change({ conn: [], about: 0 });
  else change({ conn: [number], about: number, selected: 0 });
}

scroller.addEventListener('keydown', (e) => {
  const by = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[e.key];
  if (by && order.length) {
    cursor = Math.max(0, Math.min(order.length - 1, cursor + by));
    list.to(cursor);
    list.refresh();
    setAttribute(scroller, 'aria-activedescendant', `c${order[cursor].conn}`);
  } else if ((e.key === 'Enter' || e.key === ' ') && order[cursor]) {
    choose(order[cursor].conn, e.ctrlKey || e.metaKey || e.key === ' ');
  } else {
    return;
  }
  e.preventDefault();
  e.stopPropagation();
});

find.addEventListener('input', soon(() => { cursor = 0; sort(); }, 100));
find.addEventListener('keydown', (e) => {
  if (e.key === 'Enter' && order.length) jump(order[0].conn);
});
all.addEventListener('click', () => change({ conn: [] }));

/** redraw binds again what is seen: the choice or the rates changed. */
export function redraw() {
  setAttribute(all, 'aria-pressed', String(view.conn.length === 0));
  list.refresh();
}
