// Downloads of what the filter shows, or of one message.

import { address, check } from './api.js';
import { byId, el, say, setText } from './dom.js';
import { parameters } from './view.js';

const formats = [
  ['har', 'HAR', 'for the network panel of a browser'],
  ['jsonl', 'JSON lines', 'as wsdump --json prints them'],
  ['pcapng', 'pcapng', 'the packets'],
];

async function fetchFile(format, of) {
  const q = { ...of, format };
  try {
    await check('export', q);
  } catch (e) {
    say(e.message, true);
    return;
  }
  el('a', { href: address('export', q), download: '' }).click();
}

/** downloads are buttons for the formats that hold what is described by parameters. */
export function downloads(of, what) {
  return formats.slice(0, 2).map(([format, name]) => el('button', {
    type: 'button', 'aria-label': `Download as ${name}: ${what}`, click: () => fetchFile(format, of),
  }, `Download ${name}`));
}

const menu = byId('downloads');
const button = byId('download');

menu.append(el('p', {}, 'What the filter shows, as'), ...formats.map(([format, name, hint]) => el('button', {
  type: 'button', role: 'menuitem', 'data-format': format,
  click: () => {
    menu.hidePopover();
    fetchFile(format, parameters());
  },
}, el('b', {}, name), el('small', {}, hint))));

/** keeps says whether the packets are kept, without which there is no pcapng. */
export function keeps(packets) {
  const b = menu.querySelector('[data-format=pcapng]');
  b.disabled = !packets;
  setText(b.querySelector('small'), packets ? 'the packets' : 'no packets are kept: read a file, or write one with -w');
}

/** place puts a menu at its button. */
export function place(popover, by, above = false) {
  popover.addEventListener('beforetoggle', (e) => {
    if (e.newState !== 'open') return;
    const r = by.getBoundingClientRect();
    popover.style.right = `${Math.max(8, document.documentElement.clientWidth - r.right)}px`;
    popover.style[above ? 'bottom' : 'top'] = `${above ? innerHeight - r.top + 4 : r.bottom + 4}px`;
  });
}

place(menu, button);
menu.addEventListener('toggle', (e) => { if (e.newState === 'open') menu.querySelector('button').focus(); });
menu.addEventListener('keydown', (e) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!by) return;
  e.preventDefault();
  const items = [...menu.querySelectorAll('button:enabled')];
  items[(items.indexOf(document.activeElement) + by + items.length) % items.length].focus();
});
