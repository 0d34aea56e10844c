// JSON as a tree that opens: what is closed is not made.

import { el } from './dom.js';
import { plural } from './format.js';
import { pieces } from './visible.js';

const atOnce = 500; // entries made before one has to ask for more
const longest = 10_000; // characters of a string

/** tree shows nodes of json.js. */
export function tree(nodes) {
  const budget = { left: 300 }; // of entries that are open from the start
  return el('div', { class: 'json' }, ...nodes.map((n) => entry(null, n, budget, true)));
}

function entry(key, node, budget, root = false) {
  const name = key === null ? [] : [el('span', { class: typeof key === 'number' ? 'index' : 'key' }, ...pieces(String(key))), ': '];
  if (!Array.isArray(node.value)) return el('div', { class: 'leaf' }, ...name, leaf(node));
  const size = node.value.length;
  const [open, close] = node.kind === 'object' ? '{}' : '[]';
  if (size === 0) return el('div', { class: 'leaf' }, ...name, open + close);
  const body = el('div', { class: 'body' });
  const details = el('details', { toggle: () => details.open && fill() },
    el('summary', {}, ...name, el('span', { class: 'size' }, `${open} ${plural(size, node.kind === 'object' ? 'key' : 'item')} ${close}`)), body);
  const fill = () => {
    if (!body.hasChildNodes()) more(body, node.value, budget);
  };
  if (root || budget.left >= size) {
    budget.left -= size;
    fill();
    details.open = true;
  }
  return details;
}

function more(body, entries, budget, from = 0) {
  body.append(...entries.slice(from, from + atOnce).map(([key, node]) => entry(key, node, budget)));
  const left = entries.length - from - atOnce;
  if (left <= 0) return;
  const button = el('button', { type: 'button', click: () => { button.remove(); more(body, entries, { left: 0 }, from + atOnce); } },
    `${Math.min(left, atOnce)} more of ${left}`);
  body.append(button);
}

function leaf(node) {
  if (node.kind !== 'string') return el('span', { class: node.kind }, node.value);
  if (node.value.length <= longest) return quoted(node.value);
  const e = quoted(`${node.value.slice(0, longest)}…`);
  const button = el('button', { type: 'button', click: () => { button.remove(); e.replaceWith(quoted(node.value)); } },
    `all ${plural(node.value.length, 'character')}`);
  return el('span', {}, e, ' ', button);
}

const quoted = (text) => el('span', { class: 'string' }, '"', el('bdi', {}, ...pieces(text)), '"');
