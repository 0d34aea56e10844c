// Messages over the time of the whole capture: the client's upwards, the
// server's downwards. Dragging chooses a span, a click goes to a time.

import { get } from './api.js';
import { atMost, byId, el, setAttribute, setText, svg } from './dom.js';
import { clock, day, duration, rfc3339, seconds } from './format.js';
import * as messages from './messages.js';
import { change, parameters, view } from './view.js';

const place = byId('timeline');
const up = svg('path', { class: 'client' });
const down = svg('path', { class: 'server' });
const picture = svg('svg', { class: 'bars', viewBox: '0 -1 1 2', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, up, down);
const shade = ['before', 'after'].map((c) => el('div', { class: `shade ${c}`, hidden: true }));
const sight = el('div', { class: 'sight', title: 'what the list shows' });
const handles = ['From', 'Until'].map((name) => el('div', {
  class: 'handle', role: 'slider', tabindex: 0, 'aria-label': `${name} what time messages are shown`, 'aria-valuemin': 0, 'aria-valuemax': 1000,
}));
const track = el('div', { class: 'track' }, picture, ...shade, sight, ...handles);
const labels = ['start', 'span', 'end'].map((c) => el('span', { class: c }));
const all = el('button', { type: 'button', class: 'plain', hidden: true, 'aria-label': 'Show the whole time', click: () => change({ since: '', until: '' }) }, '✕');
place.append(track, el('div', { class: 'scale' }, ...labels, all));

let since = 0; // seconds
let until = 0;
let data = null;
let chosen = [0, 1]; // what of it is shown, as fractions
let fetching = false;

/** refresh draws it anew, not too often. */
export const refresh = atMost(fetchIt, 1000);

async function fetchIt() {
  if (fetching) return;
  fetching = true;
  try {
    const buckets = Math.max(40, Math.min(600, Math.floor(track.clientWidth / 3)));
    data = await get('timeline', { ...parameters(false), buckets });
    draw();
  } catch { /* a filter that is refused says so elsewhere, and the next state tries again */ } finally {
    fetching = false;
  }
}

function draw() {
  const empty = !data.since || !data.until;
  since = empty ? 0 : seconds(data.since);
  until = empty ? 0 : Math.max(seconds(data.until), since + 1e-6);
  const most = Math.sqrt(Math.max(1, ...data.client, ...data.server));
  setAttribute(picture, 'viewBox', `0 -1 ${Math.max(1, data.client.length)} 2`);
  setAttribute(up, 'd', bars(data.client, most, -1));
  setAttribute(down, 'd', bars(data.server, most, 1));
  const whole = until - since;
  setText(labels[0], empty ? '' : `${whole > 43200 ? `${day(data.since)} ` : ''}${clock(data.since, 3)}`);
  setText(labels[2], empty ? '' : `${whole > 43200 ? `${day(data.until)} ` : ''}${clock(data.until, 3)}`);
  place.classList.toggle('nothing', empty);
  showChoice();
  showSight();
}

// A root of the number: single messages stay visible beside bursts.
function bars(values, most, way) {
  let d = '';
  values.forEach((v, i) => {
    if (v > 0) d += `M${i} 0h.7v${(way * (0.08 + 0.9 * Math.sqrt(v) / most)).toFixed(3)}h-.7z`;
  });
  return d;
}

const fraction = (t) => Math.max(0, Math.min(1, (t - since) / (until - since)));
const time = (f) => since + f * (until - since);
const parsed = (text, otherwise) => (text ? (/^[\d.]+$/.test(text) ? Number(text) : seconds(text)) : otherwise);

/** showChoice shows what span the filter has. */
export function showChoice() {
  if (!data || until === 0) return;
  chosen = [fraction(parsed(view.since, since)), fraction(parsed(view.until, until))];
  showSpan(chosen, !!(view.since || view.until));
}

function showSpan([a, b], is) {
  shade[0].hidden = shade[1].hidden = !is;
  all.hidden = !is;
  shade[0].style.width = `${a * 100}%`;
  shade[1].style.left = `${b * 100}%`;
  [a, b].forEach((f, i) => {
    handles[i].style.left = `${f * 100}%`;
    setAttribute(handles[i], 'aria-valuenow', Math.round(f * 1000));
    setAttribute(handles[i], 'aria-valuetext', clock(rfc3339(time(f)), 3));
  });
  const whole = duration(until - since);
  setText(labels[1], is ? `${clock(rfc3339(time(a)), 3)} to ${clock(rfc3339(time(b)), 3)}: ${duration((b - a) * (until - since))} of ${whole}` : whole);
}

/** showSight shows where in time the rows in sight are. */
export function showSight() {
  const seen = until > 0 && messages.seen();
  sight.hidden = !seen;
  if (!seen) return;
  const [a, b] = seen.map((t) => fraction(seconds(t)));
  sight.style.left = `${a * 100}%`;
  sight.style.width = `${Math.max(0, b - a) * 100}%`;
}

function choose([a, b]) {
  change({ since: a > 0 ? rfc3339(time(a)) : '', until: b < 1 ? rfc3339(time(b)) : '' });
}

const at = (e) => {
  const r = track.getBoundingClientRect();
  return Math.max(0, Math.min(1, (e.clientX - r.left) / r.width));
};

track.addEventListener('pointerdown', (down) => {
  if (down.button !== 0 || until === 0) return;
  down.preventDefault();
  track.setPointerCapture(down.pointerId);
  const from = at(down);
  const grip = handles.indexOf(down.target); // or -1
  const fixed = grip < 0 ? from : chosen[1 - grip];
  let span = null;
  const move = (e) => {
    const to = at(e);
    if (!span && Math.abs(e.clientX - down.clientX) < 4) return;
    span = [Math.min(fixed, to), Math.max(fixed, to)];
    showSpan(span, true);
  };
  const done = (e) => {
    track.removeEventListener('pointermove', move);
    track.removeEventListener('pointerup', done);
    track.removeEventListener('pointercancel', done);
    if (e.type === 'pointercancel') showChoice();
    else if (span) choose(span);
    else if (grip < 0) goTo(from);
  };
  track.addEventListener('pointermove', move);
  track.addEventListener('pointerup', done);
  track.addEventListener('pointercancel', done);
});

track.addEventListener('dblclick', () => change({ since: '', until: '' }));

async function goTo(f) {
  try {
    const { n } = await get('row', { ...parameters(), time: rfc3339(time(f)) });
    messages.toRow(n);
  } catch { /* nothing there */ }
}

handles.forEach((handle, i) => handle.addEventListener('keydown', (e) => {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[e.key];
  const to = { Home: 0, End: 1 }[e.key] ?? (by && chosen[i] + by / 100);
  if (to === undefined) return;
  e.preventDefault();
  e.stopPropagation();
  const span = [...chosen];
  span[i] = Math.max(i === 0 ? 0 : span[0], Math.min(i === 0 ? span[1] : 1, to));
  choose(span);
}));

new ResizeObserver(() => refresh()).observe(track);
