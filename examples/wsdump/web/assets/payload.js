// A payload as JSON, as text and as bytes.

import { el } from './dom.js';
import { plural } from './format.js';
import { read, write } from './json.js';
import { List } from './list.js';
import { tree } from './tree.js';
import { pieces } from './visible.js';

const longestText = 64 << 10; // shown before one has to ask

/** A Payload is that of a message's record, in every form. */
export class Payload {
  constructor(record) {
    this.record = record;
    if (record.base64 !== undefined) this.bytes = Uint8Array.from(atob(record.base64), (c) => c.charCodeAt(0));
    else if (record.code !== undefined) this.bytes = closing(record);
    else this.bytes = new TextEncoder().encode(record.text ?? '');
    this.text = record.text ?? (record.code !== undefined ? record.reason ?? '' : new TextDecoder().decode(this.bytes));
    this.json = this.text.length > 1 && this.text.length <= 1 << 20 ? read(this.text) : null;
    this.isText = record.text !== undefined || record.code !== undefined || this.bytes.length === 0;
  }

  /** best is the form that says most. */
  get best() { return this.json ? 'json' : this.isText ? 'text' : 'hex'; }

  /** copied is what the button copies, in a form. */
  copied(form) {
    if (form === 'json' && this.json) return this.json.prefix + this.json.nodes.map((n) => write(n)).join('\n');
    if (form === 'hex') {
      const lines = [];
      for (let i = 0; i < this.bytes.length; i += 16) lines.push(hexLine(this.bytes, i, 16).join('  '));
      return lines.join('\n');
    }
    return this.text;
  }
}

function closing({ code, reason = '' }) {
  const text = new TextEncoder().encode(reason);
  const bytes = new Uint8Array(2 + text.length);
  bytes[0] = code >> 8;
  bytes[1] = code & 255;
  bytes.set(text, 2);
  return bytes;
}

/** jsonView is the tree. */
export function jsonView({ json }) {
  return el('div', { class: 'view' }, json.prefix && el('div', { class: 'prefix' }, json.prefix), tree(json.nodes));
}

/** textView is the text, its escapes shown, and marked what is searched for. */
export function textView({ text }, mark) {
  const pre = el('pre', { class: 'view text', tabindex: 0, dir: 'auto', 'aria-label': 'Payload as text' });
  const put = (part) => pre.replaceChildren(...(mark?.(part) ?? [part]).flatMap((p) => {
    if (typeof p === 'string') return pieces(p);
    p.replaceChildren(...pieces(p.textContent));
    return [p];
  }));
  put(text.slice(0, longestText));
  if (text.length > longestText) {
    const button = el('button', { type: 'button', click: () => { button.remove(); put(text); } }, `Show all ${plural(text.length, 'character')}`);
    pre.append('\n', button);
  }
  if (text === '') pre.append(el('span', { class: 'muted' }, 'no payload'));
  return pre;
}

/** hexView is a list of rows of sixteen bytes, or of eight where there is not the room. */
export function hexView({ bytes }) {
  const view = el('div', { class: 'view hex scroller', tabindex: 0, role: 'group', 'aria-label': 'Payload as bytes' });
  const make = () => el('div', { class: 'row' }, el('span', { class: 'offset' }), el('span', { class: 'bytes' }), el('span', { class: 'ascii' }));
  let width = 16;
  const bind = (e, index) => hexLine(bytes, index * width, width).forEach((part, k) => { e.children[k].textContent = part; });
  const list = new List(view, { height: 18, make, bind });
  const fit = () => {
    width = view.clientWidth < 580 ? 8 : 16;
    list.setCount(Math.ceil(bytes.length / width));
    list.refresh();
  };
  new ResizeObserver(fit).observe(view);
  return view;
}

// hexLine is an offset, so many bytes and what of them is ASCII.
function hexLine(bytes, from, width) {
  const part = bytes.subarray(from, from + width);
  const hex = Array.from(part, (b) => b.toString(16).padStart(2, '0'));
  const groups = [];
  for (let i = 0; i < width; i += 8) groups.push(hex.slice(i, i + 8).join(' ').padEnd(23));
  const ascii = Array.from(part, (b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '·')).join('');
  return [from.toString(16).padStart(6, '0'), groups.join('  '), ascii];
}
