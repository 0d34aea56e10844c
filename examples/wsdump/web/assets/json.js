// JSON as it was sent: numbers keep their digits and objects their doubled keys,
// which JSON.parse would lose.

const token = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;
const deepest = 200;

/** A Node is an object ("object", entries of key and node), an array ("array", entries of index and node), or a leaf ("string", "number", "word"). */
class Node {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value; // entries, a string, or the text of a number or word
  }
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.depth = 0;
  }

  next() {
    token.lastIndex = this.at;
    const m = token.exec(this.text);
    if (!m) throw new SyntaxError('not JSON');
    this.at = token.lastIndex;
    return m;
  }

  peek(mark) {
    const { at } = this;
    if (this.next()[1] === mark) return true;
    this.at = at;
    return false;
  }

  expect(mark) {
    if (this.next()[1] !== mark) throw new SyntaxError('not JSON');
  }

  value() {
    const [, mark, string, number, word] = this.next();
    if (string !== undefined) return new Node('string', JSON.parse(string));
    if (number !== undefined) return new Node('number', number);
    if (word !== undefined) return new Node('word', word);
    if (mark !== '{' && mark !== '[') throw new SyntaxError('not JSON');
    if (++this.depth > deepest) throw new SyntaxError('too deep');
    const node = new Node(mark === '{' ? 'object' : 'array', []);
    const end = mark === '{' ? '}' : ']';
    if (!this.peek(end)) {
      for (;;) {
        node.value.push(this.entry(node));
        if (this.peek(end)) break;
        this.expect(',');
      }
    }
    this.depth--;
    return node;
  }

  entry(node) {
    if (node.kind === 'array') return [node.value.length, this.value()];
    const [, , key] = this.next();
    if (key === undefined) throw new SyntaxError('not JSON');
    this.expect(':');
    return [JSON.parse(key), this.value()];
  }
}

/** parse reads one value that is all of the text. */
export function parse(text) {
  const p = new Parser(text);
  const node = p.value();
  if (text.slice(p.at).trim() !== '') throw new SyntaxError('something follows');
  return node;
}

/**
 * read finds JSON in a payload: an object or array, behind what socket.io puts
 * before it, or several, a line or a record separator apart. It returns the text
 * before it and the nodes, or null.
 */
export function read(text) {
  const [prefix] = /^(?:\d+(?:-)?(?:\/[^,[{]*,)?\d*)?/.exec(text);
  const rest = text.slice(prefix.length);
  if (!/^\s*[{[]/.test(rest)) return null;
  try {
    return { prefix, nodes: [parse(rest)] };
  } catch { /* perhaps several */ }
  try {
    const parts = rest.split(/[\n\u001e]/).filter((s) => s.trim() !== '');
    return parts.length > 1 && parts.length < 1000 ? { prefix, nodes: parts.map(parse) } : null;
  } catch {
    return null;
  }
}

/** write is the text of a node, indented. */
export function write(node, indent = '') {
  if (node.kind === 'string') return JSON.stringify(node.value);
  if (node.kind === 'number' || node.kind === 'word') return node.value;
  const [open, close] = node.kind === 'object' ? '{}' : '[]';
  if (node.value.length === 0) return open + close;
  const deeper = `${indent}  `;
  const entries = node.value.map(([key, value]) => `${deeper}${node.kind === 'object' ? `${JSON.stringify(key)}: ` : ''}${write(value, deeper)}`);
  return `${open}\n${entries.join(',\n')}\n${indent}${close}`;
}
