// The details of the selected message and of its connection.

import { get } from './api.js';
import { connection, jump } from './connections.js';
import { byId, copy, el, setAttribute } from './dom.js';
import { bytes, clock, count, day, duration, plural, seconds } from './format.js';
import { downloads } from './download.js';
import { handshake } from './handshake.js';
import * as messages from './messages.js';
import { Payload, hexView, jsonView, textView } from './payload.js';
import { marker } from './search.js';
import { change, view } from './view.js';
import { escaped } from './visible.js';
import { closeMeaning, noteWords } from './words.js';

const pane = byId('detail');
const known = new Map(); // numbers of messages to their records, some
let shown = ''; // what is in the pane
let serial = 0;

const forms = { json: 'JSON', text: 'Text', hex: 'Hex', message: 'Message', connection: 'Connection' };

/** show shows what is selected, or nothing. */
export async function show() {
  const mine = ++serial;
  if (!view.selected && !view.about) {
    pane.hidden = true;
    document.body.classList.remove('detailed');
    pane.replaceChildren();
    shown = '';
    return;
  }
  pane.hidden = false;
  document.body.classList.add('detailed');
  try {
    const content = view.selected ? ofMessage(await record(view.selected)) : await ofConnection(view.about);
    if (mine === serial) put(content);
  } catch (e) {
    if (mine === serial) put([head('Details'), el('p', { class: 'gone', role: 'alert' }, escaped(e.message))]);
  }
}

function put(content) {
  const focused = document.activeElement?.closest('#detail') ? document.activeElement.dataset.form : null;
  const key = `${view.selected} ${view.about}`;
  pane.replaceChildren(...content.filter(Boolean));
  if (focused) pane.querySelector(`[data-form="${focused}"]`)?.focus();
  if (shown !== key) pane.querySelector('.view')?.scrollTo(0, 0);
  shown = key;
}

async function record(seq) {
  if (!known.has(seq)) {
    known.set(seq, await get(`messages/${seq}`));
    if (known.size > 30) known.delete(known.keys().next().value);
  }
  return known.get(seq);
}

const close = () => change({ selected: 0, about: 0 });

function head(title, ...buttons) {
  return el('header', { class: 'head' }, el('h2', {}, title), ...buttons,
    el('button', { type: 'button', class: 'plain', 'aria-label': 'Close the details', 'aria-keyshortcuts': 'Escape', click: close }, '✕'));
}

function ofMessage(r) {
  const payload = new Payload(r);
  const available = Object.keys(forms).filter((f) => f !== 'json' || payload.json);
  const form = available.includes(view.tab) ? view.tab : payload.best;
  const from = r.from === 'client' ? 'up' : 'down';
  const title = el('span', { class: 'title' }, el('i', { class: from, 'aria-hidden': 'true' }), `${r.opcode} `, el('small', {}, `from the ${r.from}, ${bytes(length(r))}`));
  return [
    head(title,
      el('button', { type: 'button', 'aria-label': 'Copy the payload', 'aria-keyshortcuts': 'y', id: 'copy', click: () => copy(payload.copied(form), 'Payload') }, 'Copy')),
    el('p', { class: 'where' }, `${day(r.time)} ${clock(r.time, 6)} `,
      el('button', { type: 'button', class: 'link', 'aria-label': `Only connection ${r.conn}`, 'aria-keyshortcuts': 'c', click: () => jump(r.conn) }, `#${r.conn}`),
      ` ${r.client} ${r.from === 'client' ? '→' : '←'} ${r.server}`),
    r.code !== undefined && el('p', { class: 'closing' }, el('b', {}, String(r.code)), ` ${closeMeaning(r.code)}`),
    notes(r),
    tabs(available, form),
    el('div', { class: 'panel', role: 'tabpanel', 'aria-label': forms[form] }, body(r, payload, form)),
  ];
}

function notes(r) {
  const words = noteWords(r);
  if (r.cut) words.push(`Only the beginning is shown, ${bytes(r.cut)} are left out`);
  return words.length > 0 && el('ul', { class: 'notes' }, ...words.map((w) => el('li', {}, w)));
}

function tabs(available, form) {
  const go = (f) => change({ tab: f });
  const list = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Forms' }, ...available.map((f) => el('button', {
    type: 'button', role: 'tab', 'data-form': f, 'aria-selected': String(f === form), tabindex: f === form ? 0 : -1, click: () => go(f),
  }, forms[f])));
  list.addEventListener('keydown', (e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by) return;
    e.preventDefault();
    go(available[(available.indexOf(form) + by + available.length) % available.length]);
  });
  return list;
}

function body(r, payload, form) {
  switch (form) {
    case 'json': return jsonView(payload);
    case 'hex': return hexView(payload);
    case 'message': return facts(r);
    case 'connection': return later(r.conn);
    default: return textView(payload, marker(view.search));
  }
}

// length is that of the whole payload, of which a record may have only the beginning.
const length = (r) => r.length + (r.cut ?? 0);

function facts(r) {
  const took = seconds(r.time) - seconds(r.start ?? r.time);
  const ratio = r.wire_length && length(r) ? `, ${(r.wire_length / length(r) * 100).toFixed(0)} %` : '';
  return el('div', { class: 'view' }, table([
    ['Number', count(r.seq ?? view.selected)],
    ['First byte', `${day(r.start ?? r.time)} ${clock(r.start ?? r.time, 6)}`],
    ['Last byte', `${day(r.time)} ${clock(r.time, 6)}${took > 0 ? `, ${duration(took)} later` : ''}`],
    ['From', r.from],
    ['Client', r.client],
    ['Server', r.server],
    ['Type', r.opcode],
    ['Length', plural(length(r), 'byte')],
    ['On the wire', `${plural(r.wire_length ?? length(r), 'byte')}${r.compressed ? `, compressed${ratio}` : ', not compressed'}`],
    ['Frames', count(r.frames ?? 1)],
    r.code !== undefined && ['Close code', `${r.code}: ${closeMeaning(r.code)}`],
    r.reason !== undefined && ['Reason', escaped(r.reason) || 'none'],
    ['Flags', noteWords(r).join('\n') || 'none'],
  ]), el('p', {}, ...downloads({ conn: r.conn, since: r.time, until: r.time }, 'This message')));
}

/** table is a list of names and values. */
export function table(rows) {
  return el('dl', { class: 'facts' }, ...rows.filter(Boolean).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, el('bdi', {}, value))]));
}

function later(number) {
  const place = el('div', { class: 'view' }, el('p', { class: 'muted' }, '…'));
  get(`connections/${number}`).then((c) => place.replaceChildren(...handshake(c, table)), (e) => place.replaceChildren(escaped(e.message)));
  return place;
}

async function ofConnection(number) {
  const c = await get(`connections/${number}`);
  return [
    head(`Connection #${number}`),
    el('p', { class: 'where' }, `${c.client} → ${c.server}`),
    el('div', { class: 'panel' }, el('div', { class: 'view', tabindex: 0, role: 'group', 'aria-label': 'Handshake' }, ...handshake({ ...c, ...connection(number) ?? {}, request: c.request, response: c.response }, table))),
  ];
}

/** copyLine copies the payload of the selected message. */
export async function copyPayload() {
  if (!view.selected) return;
  const payload = new Payload(await record(view.selected));
  copy(payload.copied(view.tab || payload.best), 'Payload');
}

/** toggle goes into the details and back to the messages. */
export function enter() {
  const row = messages.selectedRow();
  if (!row) return;
  const tab = pane.querySelector('[role=tab][aria-selected=true]');
  tab?.focus();
  setAttribute(pane, 'data-seq', row.seq);
}
