// The search box and the toggles: what is shown of the messages.

import { byId, el, setAttribute, setText, soon } from './dom.js';
import { change, view } from './view.js';

const box = byId('search');
const error = byId('search-error');

/** marker returns a function that cuts text into what was searched for, in <mark>, and the rest; null where nothing is to mark. */
export function marker(search) {
  if (!search || search[0] === '!') return null;
  let re;
  try {
    const m = /^\/(.+)\/([a-z]*)$/s.exec(search);
    re = m ? new RegExp(m[1], m[2].includes('i') ? 'giu' : 'gu') : new RegExp(RegExp.escape?.(search) ?? search.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'g');
  } catch {
    return null; // RE2 knows what JavaScript does not
  }
  return (text) => {
    const parts = [];
    let end = 0;
    for (const m of text.matchAll(re)) {
      if (m[0] === '') continue;
      parts.push(text.slice(end, m.index), el('mark', {}, m[0]));
      end = m.index + m[0].length;
    }
    return end ? [...parts, text.slice(end)] : null;
  };
}

const search = soon(() => change({ search: box.value }), 180);
box.addEventListener('input', search);

/** refused shows why the server does not take the filter; null: it does. */
export function refused(reason) {
  error.hidden = !reason;
  setText(error, reason ?? '');
  setAttribute(box, 'aria-invalid', reason ? 'true' : null);
}

/** focus goes to the search box. */
export function focus() {
  box.focus();
  box.select();
}

/** empty clears the box and says whether there was something in it. */
export function empty() {
  const was = box.value !== '';
  box.value = '';
  change({ search: '' });
  return was;
}

const sides = document.querySelectorAll('button[data-from]');
const kinds = document.querySelectorAll('button[data-kind]');

for (const b of sides) b.addEventListener('click', () => change({ from: b.dataset.from }));
for (const b of kinds) b.addEventListener('click', () => toggle(b.dataset.kind));

function toggle(kind) {
  const hide = view.hide.includes(kind) ? view.hide.filter((k) => k !== kind) : [...view.hide, kind];
  change({ hide: hide.length === kinds.length ? [] : hide }); // with nothing shown nothing is hidden
}

/** show puts the filter into the controls. */
export function show() {
  if (document.activeElement !== box || view.search === '') box.value = view.search;
  for (const b of sides) setAttribute(b, 'aria-pressed', String(b.dataset.from === view.from));
  for (const b of kinds) setAttribute(b, 'aria-pressed', String(!view.hide.includes(b.dataset.kind)));
}
