// What the other modules make elements with. Nothing here, nor anywhere else,
// reads markup out of a string: what peers sent gets in as text only.

/** byId returns an element of index.html. */
export const byId = (id) => document.getElementById(id);

const svgNames = 'http://www.w3.org/2000/svg';

/** el makes an element; functions among the attributes are listeners, other values attributes. */
export function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg makes an element of SVG. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(svgNames, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((c) => c != null && c !== false));
  return element;
}

/** setText writes only what changed, so that nothing is laid out for nothing. */
export function setText(element, text) {
  if (element.firstChild?.nodeType === Node.TEXT_NODE && element.childNodes.length === 1) {
    if (element.firstChild.data !== text) element.firstChild.data = text;
  } else if (element.childNodes.length > 0 || text !== '') {
    element.textContent = text;
  }
}

/** setAttribute writes an attribute only if it changed; null takes it away. */
export function setAttribute(element, name, value) {
  if (value == null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, value);
  }
}

let silence;

/** say tells who cannot see, and shows briefly if visible is true. */
export function say(text, visible = false) {
  setText(byId('status'), text);
  if (!visible) return;
  const toast = byId('toast');
  setText(toast, text);
  toast.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { toast.hidden = true; }, 2500);
}

/** copy puts text on the clipboard and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`, true);
  } catch {
    say('The browser does not let this page copy', true);
  }
}

/** soon runs f once, some milliseconds after the last call. */
export function soon(f, ms) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(f, ms, ...args);
  };
}

/** atMost runs f at once and then not more often than every so many milliseconds; the last call is never lost. */
export function atMost(f, ms) {
  let timer = 0;
  let again = false;
  const run = () => {
    again = false;
    timer = setTimeout(() => { timer = 0; if (again) run(); }, ms);
    f();
  };
  return () => { if (timer) again = true; else run(); };
}
