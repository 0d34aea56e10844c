// The lines between the panes: dragged, or moved by arrow keys. Widths are kept
// for the next time.

import { byId, setAttribute } from './dom.js';

const root = document.documentElement;

function splitter(id, name, min, max, way) {
  const line = byId(id);
  const read = () => parseInt(getComputedStyle(root).getPropertyValue(name), 10);
  const set = (px) => {
    const value = Math.round(Math.max(min, Math.min(max(), px)));
    root.style.setProperty(name, `${value}px`);
    setAttribute(line, 'aria-valuenow', value);
    setAttribute(line, 'aria-valuemin', min);
    setAttribute(line, 'aria-valuemax', Math.round(max()));
    return value;
  };
  const keep = (px) => {
    try {
      localStorage.setItem(name, set(px));
    } catch { /* not for ever, then */ }
  };
  line.addEventListener('pointerdown', (down) => {
    down.preventDefault();
    line.setPointerCapture(down.pointerId);
    const before = read();
    const move = (e) => set(before + way * (e.clientX - down.clientX));
    line.addEventListener('pointermove', move);
    line.addEventListener('lostpointercapture', () => {
      line.removeEventListener('pointermove', move);
      keep(read());
    }, { once: true });
  });
  line.addEventListener('keydown', (e) => {
    const by = { ArrowLeft: -16, ArrowRight: 16 }[e.key];
    if (!by) return;
    e.preventDefault();
    keep(read() + way * by);
  });
  line.addEventListener('dblclick', () => {
    root.style.removeProperty(name);
    try {
      localStorage.removeItem(name);
    } catch { /* nor was it kept */ }
  });
  let kept = null;
  try {
    kept = localStorage.getItem(name);
  } catch { /* a browser without storage */ }
  set(Number(kept) || read());
}

splitter('split-left', '--left', 200, () => innerWidth * 0.5, 1);
splitter('split-right', '--right', 260, () => innerWidth * 0.6, -1);
