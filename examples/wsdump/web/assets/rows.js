// The rows of one filter, in pages that are fetched as they are looked at.

import { get } from './api.js';

const pageSize = 200;
const mostPages = 80; // that are kept
const atOnce = 2; // fetches

export class Rows {
  /** The rows of a filter's parameters; changed is called when there are more, or others. */
  constructor(parameters, changed) {
    this.parameters = parameters;
    this.changed = changed;
    this.begin = 0; // number of the first that the server still has
    this.end = 0; // one past the last
    this.searched = false; // the server has looked at everything that it has
    this.pages = new Map(); // number to rows, the one used last at the end
    this.fetches = new Map(); // page to AbortController
    this.wanted = [0, 0];
    this.failures = 0; // one after the other
    this.closed = false;
  }

  /** open fetches the first rows that are looked at: around a number, or the last. */
  async open(around) {
    await this.#fetch(around === undefined ? { offset: -pageSize } : { offset: Math.max(0, around - pageSize / 2) });
  }

  /** place is where a message is, or the next one. */
  async place(seq) {
    return (await get('row', { ...this.parameters, seq })).n;
  }

  /** get is a row if it is here. */
  get(n) {
    return this.pages.get(Math.floor(n / pageSize))?.[n % pageSize];
  }

  /** want says which rows are looked at, and fetches those that are not here. */
  want(first, last) {
    this.wanted = [Math.max(first, this.begin), Math.min(last, this.end)];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), 25); // what a fling passes is not fetched
  }

  /** refresh learns how many there are, with the newest of them. */
  async refresh() {
    if (this.refreshing) {
      this.again = true;
      return;
    }
    this.refreshing = true;
    try {
      do {
        this.again = false;
        const before = this.end;
        await this.#fetch({ offset: before });
        if (this.end - before > pageSize) await this.#fetch({ offset: -pageSize });
      } while (this.again && !this.closed);
    } finally {
      this.refreshing = false;
    }
  }

  /** close lets go of everything. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.poll);
    for (const abort of this.fetches.values()) abort.abort();
  }

  #load() {
    if (this.closed) return;
    const [first, last] = this.wanted;
    const pages = [];
    for (let p = Math.floor(first / pageSize); p * pageSize < last; p++) {
      this.#touch(p);
      if (!this.#complete(p, first, last)) pages.push(p);
    }
    for (const [p, abort] of this.fetches) {
      if (!pages.includes(p)) abort.abort();
    }
    for (const p of pages) {
      if (this.fetches.size >= atOnce) break;
      if (!this.fetches.has(p)) this.#page(p);
    }
  }

  async #page(p) {
    const abort = new AbortController();
    this.fetches.set(p, abort);
    const from = Math.max(p * pageSize, this.begin);
    const to = Math.min((p + 1) * pageSize, this.end);
    let good = true;
    try {
      await this.#fetch({ offset: from, limit: to - from }, abort.signal);
      good = this.#complete(p, Math.max(from, this.begin), to);
    } catch {
      good = abort.signal.aborted;
    }
    this.fetches.delete(p);
    this.failures = good ? 0 : this.failures + 1;
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), good ? 0 : Math.min(5000, 200 * 2 ** this.failures)); // later and later
  }

  #touch(p) {
    const rows = this.pages.get(p);
    if (!rows) return;
    this.pages.delete(p);
    this.pages.set(p, rows);
  }

  #complete(p, first, last) {
    const rows = this.pages.get(p);
    if (!rows) return false;
    const from = Math.max(p * pageSize, first);
    const to = Math.min((p + 1) * pageSize, last);
    for (let n = from; n < to; n++) if (!rows[n % pageSize]) return false;
    return true;
  }

  async #fetch(range, signal) {
    const answer = await get('messages', { ...this.parameters, limit: pageSize, ...range }, signal);
    if (this.closed) return;
    this.begin = answer.begin;
    this.end = Math.max(answer.end, answer.begin);
    this.dropped = answer.dropped;
    this.searched = answer.searched !== false;
    for (const row of answer.rows) this.#keep(row);
    while (this.pages.size > mostPages) this.pages.delete(this.pages.keys().next().value);
    clearTimeout(this.poll);
    if (!this.searched) this.poll = setTimeout(() => this.refresh().catch(() => {}), 150);
    this.changed();
  }

  #keep(row) {
    const p = Math.floor(row.n / pageSize);
    let rows = this.pages.get(p);
    if (!rows) this.pages.set(p, rows = new Array(pageSize));
    rows[row.n % pageSize] = row;
  }
}
