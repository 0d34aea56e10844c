// What peers sent may hold characters that do something, or cannot be seen:
// control codes, C1, overrides of direction, marks without width. They are shown
// as escapes, as wsdump shows them on a terminal.

import { el } from './dom.js';

// Not a line's end and a tab, which layout may keep.
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}\ud800-\udfff]/gu;

const short = { 8: '\\b', 12: '\\f', 13: '\\r' };

function escape(c) {
  const n = c.codePointAt(0);
  if (short[n]) return short[n];
  if (n < 0x100) return `\\x${n.toString(16).padStart(2, '0')}`;
  return n < 0x10000 ? `\\u${n.toString(16).padStart(4, '0')}` : `\\U${n.toString(16).padStart(8, '0')}`;
}

/** escaped is text for one line. */
export const escaped = (text) => text.replace(acting, escape).replaceAll('\n', '\\n').replaceAll('\t', '\\t');

/** pieces are text and, as elements, the escapes in it; lines' ends and tabs stay. */
export function pieces(text) {
  const parts = [];
  let end = 0;
  for (const m of text.matchAll(acting)) {
    if (m.index > end) parts.push(text.slice(end, m.index));
    parts.push(el('span', { class: 'escape' }, escape(m[0])));
    end = m.index + m[0].length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}
