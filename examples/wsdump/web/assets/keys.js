// The keyboard.

import { jump } from './connections.js';
import { byId, el } from './dom.js';
import * as detail from './detail.js';
import * as messages from './messages.js';
import * as search from './search.js';
import { change, clear, filtered, view } from './view.js';

const help = byId('help');

const keys = [
  [['j', 'ArrowDown'], 'next message', () => messages.step(1)],
  [['k', 'ArrowUp'], 'message before', () => messages.step(-1)],
  [['Enter'], 'details', detail.enter],
  [['Escape'], 'back: out of the search, the details, the filter', back],
  [['/'], 'search', search.focus],
  [[' '], 'pause, go on', () => messages.pause()],
  [['g', 'Home'], 'the oldest', messages.toFirst],
  [['G', 'End'], 'the newest, and follow', messages.toLatest],
  [['c'], 'only its connection', onlyConnection],
  [['y'], 'copy the payload', detail.copyPayload],
  [['?'], 'this help', () => help.showModal()],
];

const names = { ' ': 'Space', ArrowDown: '↓', ArrowUp: '↑', Escape: 'Esc' };

function onlyConnection() {
  const row = messages.selectedRow();
  if (row) jump(row.conn);
}

function back() {
  if (view.selected || view.about) {
    change({ selected: 0, about: 0 });
    messages.focus();
  } else if (filtered()) clear();
}

// What has the focus and needs a key itself keeps it.
function taken(e) {
  const t = e.target;
  if (t.closest('dialog, [popover]')) return true;
  if (t.matches('input')) return true;
  if (t.closest('button, summary, a, [role=slider], [role=tab]')) return [' ', 'Enter', 'ArrowDown', 'ArrowUp', 'Home', 'End'].includes(e.key);
  if (t.closest('.view')) return [' ', 'ArrowDown', 'ArrowUp', 'Home', 'End'].includes(e.key);
  return false;
}

byId('search').addEventListener('keydown', (e) => {
  if (e.key === 'Escape') {
    e.preventDefault();
    if (!search.empty()) messages.focus();
  } else if (e.key === 'Enter' || e.key === 'ArrowDown') {
    e.preventDefault();
    messages.focus();
    if (!view.selected) messages.step(1);
  }
});

addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || taken(e)) return;
  const key = keys.find(([names]) => names.includes(e.key));
  if (!key) return;
  e.preventDefault();
  key[2]();
});

help.append(
  el('header', { class: 'head' }, el('h2', {}, 'Keyboard'), el('button', { type: 'button', class: 'plain', 'aria-label': 'Close', click: () => help.close() }, '✕')),
  el('dl', {}, ...keys.flatMap(([k, what]) => [el('dt', {}, ...k.map((n) => el('kbd', {}, names[n] ?? n))), el('dd', {}, what)])),
  el('h2', {}, 'Search'),
  el('dl', {}, ...[
    ['error', 'payloads with this text'],
    ['/err(or)?/i', 'or that match a regular expression (RE2)'],
    ['!heartbeat', 'or that do not have it'],
  ].flatMap(([k, what]) => [el('dt', {}, el('code', {}, k)), el('dd', {}, what)])),
  el('p', {}, 'Drag over the timeline to choose a span, click to go there. Ctrl-click connections to choose several. The same data is there as JSON, under /api/.'),
);
help.addEventListener('click', (e) => { if (e.target === help) help.close(); });
byId('help-button').addEventListener('click', () => help.showModal());
byId('pause').addEventListener('click', () => messages.pause());
