// The messages of the filter: one row each, followed at their end or left where
// the reader is.

import { byId, el, say, setAttribute, setText } from './dom.js';
import { clock, count, day } from './format.js';
import { List } from './list.js';
import { Rows } from './rows.js';
import { marker } from './search.js';
import { change, parameters, view } from './view.js';
import { escaped } from './visible.js';
import { closeMeaning, rowWords } from './words.js';

const rowHeight = 24;
const grid = byId('grid');
const scroller = byId('messages');
const latest = byId('latest');

let rows = null; // of the filter
let next = null; // of the one that was just set, until its first rows are here
let begin = 0; // rows.begin as it is shown
let frozen = -1; // the end as it was when the reader paused, -1: not paused
let follow = true; // the end of what comes
let mark = null; // finds what is searched for
let live = false; // more may come
const told = { changed: () => {}, failed: () => {} };

const list = new List(scroller, { height: rowHeight, make, bind, moved, inner: 'rowgroup' });
list.stick = true;

/** listen says whom to call when there are more rows, and with an error or null when a filter is refused or not. */
export const listen = (listeners) => Object.assign(told, listeners);

/** setLive says whether more may come. */
export function setLive(yes) {
  if (live === yes) return;
  live = yes;
  moved();
}

export const paused = () => frozen >= 0;

/** counts are of the rows: how many there are, came while paused, and were forgotten. */
export const counts = () => ({
  shown: rows ? shownEnd() - begin : 0,
  held: paused() && rows ? Math.max(0, rows.end - frozen) : 0,
  forgotten: rows?.begin ?? 0,
  searched: !next && (rows?.searched ?? false),
});

const shownEnd = () => Math.max(begin, paused() ? Math.min(frozen, rows.end) : rows.end);

/** start shows the rows of the filter, at the place where the reader was. */
export async function start({ tail = false } = {}) {
  next?.close();
  const opening = new Rows(parameters(), () => rowsChanged(opening));
  next = opening;
  grid.setAttribute('aria-busy', 'true');
  const keep = (rows && view.selected) || view.at; // what stays in sight
  try {
    const around = keep ? await opening.place(keep) : tail || (rows && follow) ? undefined : 0;
    await opening.open(around);
    if (next !== opening) return;
    const first = !rows;
    swap(opening);
    if (around === undefined) setFollow(true);
    else arrive(around, keep, first);
    told.failed(null);
  } catch (e) {
    if (next !== opening) return;
    next = null;
    opening.close();
    told.failed(e);
  } finally {
    if (next === null) grid.removeAttribute('aria-busy');
  }
}

function swap(opening) {
  rows?.close();
  rows = opening;
  next = null;
  mark = marker(view.search);
  if (paused()) frozen = rows.end;
  begin = rows.begin;
  list.setCount(0);
  list.setCount(shownEnd() - begin);
  list.refresh();
  told.changed();
}

// arrive scrolls to a row: back to where a reload found it, or with what is
// selected in the middle.
function arrive(n, seq, first) {
  setFollow(false);
  const atTop = first && seq === view.at;
  list.to(n - begin, atTop || !seq ? 'top' : 'center');
  remember();
}

function rowsChanged(which) {
  if (which !== rows) return;
  const dropped = rows.begin - begin;
  begin = rows.begin;
  if (paused() && frozen < begin) frozen = begin;
  list.setCount(shownEnd() - begin, dropped);
  if (follow && !paused()) list.toEnd();
  list.refresh();
  told.changed();
}

/** refresh is called when the server has more. */
export const refresh = () => rows?.refresh().catch(() => {});

/** pause holds what is seen; what comes is counted. */
export function pause(yes = !paused()) {
  if (!rows || yes === paused()) return;
  const { held } = counts();
  frozen = yes ? rows.end : -1;
  say(yes ? 'Paused' : `Going on, with ${count(held)} new`);
  list.setCount(shownEnd() - begin);
  if (!yes && follow) list.toEnd();
  told.changed();
}

/** toLatest goes to the end and follows it. */
export function toLatest() {
  pause(false);
  setFollow(true);
}

/** toFirst goes to the oldest. */
export function toFirst() {
  setFollow(false);
  list.to(0, 'top');
}

function setFollow(yes) {
  follow = yes;
  if (yes) list.toEnd();
  remember();
}

function moved() {
  if (!rows) return;
  follow = list.atEnd;
  rows.want(begin + list.first, begin + list.last);
  setAttribute(grid, 'aria-rowcount', list.count + 1);
  const newer = list.count - list.last;
  latest.hidden = follow || paused() || newer <= 0 || !live;
  setText(latest, `↓ ${count(newer)} more`);
  remember();
}

// remember writes down what is at the top, unless it is the end that is looked at.
function remember() {
  if (!rows || next) return;
  if (follow) change({ at: 0 });
  else {
    const row = rows.get(begin + Math.ceil(list.top / rowHeight));
    if (row) change({ at: row.seq });
  }
}

/** seen are the times of the first and the last row in sight, if they are here. */
export function seen() {
  if (!rows || list.count === 0) return null;
  const first = rows.get(begin + list.first);
  const last = rows.get(begin + list.last - 1);
  return first && last ? [first.time, last.time] : null;
}

/** selectedRow is the row of the selected message, if it is here. */
export const selectedRow = () => rowOf(view.selected);

/** rowOf finds the row of a message near what is seen. */
export function rowOf(seq) {
  if (!rows || !seq) return null;
  for (let n = begin + list.first - 100; n < begin + list.last + 100; n++) {
    const row = rows.get(n);
    if (row?.seq === seq) return row;
  }
  return null;
}

/** step selects the row so many away from the one that is selected, or one in sight. */
export async function step(by) {
  if (!rows || list.count === 0) return;
  let n = selectedRow()?.n;
  if (n === undefined && view.selected) {
    try {
      n = await rows.place(view.selected) - (by > 0 ? 1 : 0);
    } catch { /* gone: begin anew */ }
  }
  n = n === undefined ? begin + (by > 0 ? list.first : list.last - 1) : n + by;
  n = Math.max(begin, Math.min(shownEnd() - 1, n));
  list.to(n - begin);
  const row = rows.get(n) ?? await arrival(n);
  if (row) select(row);
}

// arrival waits for a row that is being fetched.
async function arrival(n) {
  for (let i = 0; i < 100 && !rows.get(n); i++) await new Promise((r) => setTimeout(r, 20));
  return rows.get(n);
}

/** select selects a row, and keeps it in sight. */
export function select(row) {
  change({ selected: row?.seq ?? 0 });
  if (row) list.to(row.n - begin);
}

/** toRow goes to a row by its number. */
export function toRow(n) {
  if (!rows) return;
  setFollow(false);
  list.to(n - begin, 'top');
}

/** focus lets keys move the selection. */
export const focus = () => scroller.focus({ preventScroll: true });

/** redraw binds again, when the selection changed. */
export function redraw() {
  list.refresh();
  const row = selectedRow();
  setAttribute(scroller, 'aria-activedescendant', row && list.element(row.n - begin) ? `m${row.seq}` : null);
}

function make() {
  const cell = (name) => el('span', { role: 'gridcell', class: name });
  const e = el('div', { class: 'row message', role: 'row', click: chosen, dblclick: opened },
    cell('time'), cell('conn n'),
    el('span', { role: 'gridcell', class: 'from' }, el('i', { 'aria-hidden': 'true' }), el('span', { class: 'hidden' })),
    cell('type'), cell('length n'),
    el('span', { role: 'gridcell', class: 'line' }, el('span', { class: 'flag', hidden: true }), el('bdi', {})));
  const [time, conn, from, type, length, line] = e.children;
  e.cells = { time, conn, arrow: from.firstChild, from: from.lastChild, type, length, flag: line.firstChild, text: line.lastChild };
  return e;
}

function bind(e, index) {
  const n = begin + index;
  const row = rows?.get(n);
  const c = e.cells;
  e.row = row;
  setAttribute(e, 'aria-rowindex', index + 2);
  e.classList.toggle('waiting', !row);
  e.classList.toggle('selected', !!row && row.seq === view.selected);
  setAttribute(e, 'aria-selected', row ? String(row.seq === view.selected) : null);
  setAttribute(e, 'id', row ? `m${row.seq}` : null);
  setAttribute(e, 'data-from', row?.from ?? null);
  setAttribute(e, 'data-opcode', row?.opcode ?? null);
  setText(c.time, row ? clock(row.time) : '');
  setAttribute(c.time, 'title', row ? day(row.time) : null);
  setText(c.conn, row ? `#${row.conn}` : '');
  c.arrow.className = row ? (row.from === 'client' ? 'up' : 'down') : '';
  setText(c.from, row?.from ?? '');
  setText(c.type, row?.opcode ?? '');
  setText(c.length, row ? count(row.length) : '');
  const flags = rowWords(row?.flags ?? []);
  c.flag.hidden = flags.length === 0;
  setText(c.flag, flags.length > 1 ? `${flags[0]} +${flags.length - 1}` : flags[0] ?? '');
  setAttribute(c.flag, 'title', flags.length ? flags.join(', ') : null);
  setLine(c.text, row ? lineOf(row) : '');
}

// lineOf is a row's payload in a line; a close frame's code is in front of its reason.
function lineOf(row) {
  if (row.code === undefined) return escaped(row.line ?? '');
  return escaped(`${row.code} ${row.reason || closeMeaning(row.code).replace(/:.*/, '')}`);
}

function setLine(element, text) {
  const parts = mark?.(text);
  if (!parts) {
    if (element.childElementCount) element.textContent = '';
    setText(element, text);
    return;
  }
  element.replaceChildren(...parts);
}

function chosen(e) {
  const { row } = e.currentTarget;
  if (!row) return;
  if (e.target.closest('.conn')) change({ conn: view.conn.length === 1 && view.conn[0] === row.conn ? [] : [row.conn] });
  select(row);
}

function opened() {
  byId('detail').querySelector('button')?.focus();
}

latest.addEventListener('click', toLatest);
