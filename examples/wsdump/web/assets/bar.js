// What is always in sight: the counters, what was lost, whether the server
// answers, and why nothing is shown where nothing is.

import { byId, el, say, setAttribute, setText } from './dom.js';
import { bytes, count, plural } from './format.js';
import { place } from './download.js';
import * as messages from './messages.js';
import { clear, filtered } from './view.js';

const counters = byId('counters');
const link = byId('link');
const empty = byId('empty');
const found = byId('found');
const source = byId('source');
const lines = byId('lines');
const pauseButton = byId('pause');

let stats = null;
let linked = ''; // 'live', 'gone', 'refused'

/** showStats shows the server's counters. */
export function showStats(s) {
  stats = s;
  setText(source, (s.source ?? '').replace(/^.*[/\\](?=.)/, ''));
  setAttribute(source, 'title', s.source);
  const title = `${source.textContent || 'wsdump'} · wsdump`;
  if (document.title !== title) document.title = title;
  show();
}

/** showLink shows whether the server answers. */
export function showLink(state) {
  if (state === linked) return;
  if (state === 'gone') say('wsdump does not answer. Trying again.');
  if (state === 'live' && linked) say('wsdump answers again');
  linked = state;
  showState();
  showEmpty();
}

function showState() {
  const [word, kind, title] = linked === 'gone' ? ['wsdump does not answer, trying again', 'bad', 'What was fetched is still shown']
    : linked === 'refused' ? ['another token is needed: open the address that wsdump printed', 'bad', '']
      : !stats ? ['connecting', '', '']
        : stats.failed ? ['failed, see Counters', 'bad', stats.failed]
          : stats.ended ? [stats.live ? 'capture ended' : 'whole file read', 'ended', '']
            : stats.live ? ['capturing', 'live', ''] : ['reading', 'live', ''];
  setText(link, word);
  setAttribute(link, 'data-state', kind);
  setAttribute(link, 'title', title || null);
}

/** show shows everything that depends on counters. */
export function show() {
  showState();
  showCounters();
  showFound();
  showEmpty();
  showPause();
}

const known = new Map(); // names to elements

function counter(name, text, { bad = false, title = '', hidden = false } = {}) {
  let e = known.get(name);
  if (!e) {
    const dd = el('dd', {});
    e = { group: el('div', {}, el('dt', {}, name), dd), dd };
    known.set(name, e);
    counters.append(e.group);
  }
  setText(e.dd, text);
  e.group.hidden = hidden;
  e.group.classList.toggle('bad', bad);
  setAttribute(e.group, 'title', title || null);
}

// Losses that are shown only where there are any.
const others = {
  undecoded: ['packets not decoded', 'Packets that are damaged, or of a kind that is not known'],
  truncated: ['truncated', 'Messages of which bytes are missing'],
  unselected: ['left out by options', 'Messages that an option of wsdump leaves out', false],
  copies: ['copies left out', 'Messages of connections that were seen at another place too: see --copies', false],
};

function showCounters() {
  if (!stats) return;
  const t = stats.totals ?? {};
  const l = stats.losses ?? {};
  const s = stats.stored ?? {};
  counter('messages', count(t.messages));
  counter('connections', count(t.connections));
  counter('packets', count(t.packets), { hidden: !t.packets && t.messages > 0 }); // a file of messages has none
  counter('dropped by kernel', count(l.kernel_drops), { bad: l.kernel_drops > 0, title: 'Packets that came faster than they were read' });
  counter('lost in gaps', l.gaps > 0 || l.lost_bytes > 0 ? `${bytes(l.lost_bytes ?? 0)} in ${count(l.gaps)}` : '0', { bad: l.gaps > 0 || l.lost_bytes > 0, title: 'Bytes of connections that the capture did not see' });
  counter('without keys', count(l.without_keys), { bad: l.without_keys > 0, title: 'Connections of TLS for which no secrets are there: see --keylog' });
  for (const [name, [words, title, bad = true]] of Object.entries(others)) {
    counter(words, count(l[name]), { bad: bad && l[name] > 0, hidden: !l[name], title });
  }
  counter('forgotten', count(s.forgotten), { bad: s.forgotten > 0, hidden: !s.forgotten, title: 'The oldest messages went, to stay within --web-memory' });
  counter('cut', count(s.cut), { bad: s.cut > 0, hidden: !s.cut, title: 'Messages of which only the beginning is kept' });
  counter('memory', `${bytes(s.memory ?? s.bytes ?? 0)} of ${bytes(s.budget ?? 0)}`, { title: 'What messages take of --web-memory; then the oldest go' });
  const text = [stats.failed, ...(stats.lines ?? [])].filter(Boolean).join('\n');
  if (lines.textContent !== text) lines.replaceChildren(el('pre', {}, text));
}

let spoken = '';

function showFound() {
  const c = messages.counts();
  const text = c.searched ? `${count(c.shown)}` : `${count(c.shown)}…`;
  setText(found, filtered() && byId('search-error').hidden ? text : '');
  setAttribute(found, 'title', c.searched ? null : 'still searching');
  const words = filtered() && c.searched ? `${plural(c.shown, 'message')} found` : '';
  if (words !== spoken && (words || spoken) && !stats?.live) say(words || 'everything is shown');
  spoken = words;
}

function showPause() {
  const is = messages.paused();
  setAttribute(pauseButton, 'aria-pressed', String(is));
  const { held } = messages.counts();
  setText(pauseButton.querySelector('span'), is ? (held ? `${count(held)} new` : 'Paused') : 'Pause');
  setAttribute(pauseButton, 'aria-label', is ? `Go on, ${count(held)} new messages` : 'Pause the list');
  document.body.classList.toggle('paused', is);
}

let reason = '';

function showEmpty() {
  const { shown, searched, forgotten } = messages.counts();
  const nothing = shown === 0 && (stats || linked === 'refused' || linked === 'gone');
  empty.hidden = !nothing;
  if (!nothing) return;
  const [title, ...why] = emptiness(searched, forgotten);
  const key = JSON.stringify([title, why]);
  if (key === reason) return;
  reason = key;
  empty.replaceChildren(el('h3', {}, title), ...why.filter(Boolean).map((w) => el('p', {}, w)),
    filtered() && linked === 'live' ? el('button', { type: 'button', click: clear }, 'Show everything') : '');
}

function emptiness(searched, forgotten) {
  if (linked === 'refused') return ['The token is missing or another one', 'Open the address that wsdump printed: it has the token behind it.'];
  if (!stats) return ['wsdump does not answer', 'It is tried again.'];
  if (!searched && filtered()) return ['Searching'];
  if (messages.paused() && forgotten > 0) return ['What was shown has been forgotten', 'Go on to see what came since.'];
  if (stats.totals?.messages > 0 && filtered()) return ['No message is like that', stats.stored?.forgotten > 0 ? `The oldest ${count(stats.stored.forgotten)} were forgotten, to stay within --web-memory.` : ''];
  if (stats.ended) return ['No messages', stats.failed ?? stats.why ?? ''];
  return [stats.live ? `Listening on ${stats.source}` : `Reading ${stats.source}`, stats.why ?? 'No message yet.'];
}

place(lines, byId('lines-button'), true);
