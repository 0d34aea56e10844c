// A connection's handshake and end, as a list of facts and headers.

import { el } from './dom.js';
import { bytes, clock, day, duration, plural } from './format.js';
import { flagWords, causeWords, closeMeaning } from './words.js';
import { escaped } from './visible.js';

/** handshake is what is known of a connection, with its headers; secrets are masked by the server. */
export function handshake(c, table) {
  const { client, server } = c.counts ?? {};
  return [
    table([
      ['URL', escaped(c.url || 'not seen')],
      ['Status', c.status ? `${c.status}${c.accept_valid === false && c.status === 101 ? ', with an answer to the key that is wrong' : ''}` : 'not seen'],
      ['Client', c.client],
      ['Server', c.server],
      c.proxied && ['Proxied for', `${c.proxied.client} → ${c.proxied.server}`],
      ['Opened', `${day(c.opened ?? c.time)} ${clock(c.opened ?? c.time)}`],
      c.ended && ['Ended', `${causeWords(c.ended.cause)}${c.ended.duration ? ` after ${duration(c.ended.duration)}` : ''}`],
      c.ended?.closed_by && ['Close frame', closing(c.ended)],
      client && ['Client sent', `${plural(client.messages, 'message')}, ${bytes(client.bytes)}`],
      server && ['Server sent', `${plural(server.messages, 'message')}, ${bytes(server.bytes)}`],
      c.lost > 0 && ['Lost', `${plural(c.lost, 'byte')} in ${plural(c.gaps, 'gap')}`],
      c.subprotocol && ['Subprotocol', escaped(c.subprotocol)],
      c.extensions && ['Extensions', escaped(c.extensions)],
      c.draft && ['Draft', escaped(c.draft)],
      c.tls && ['TLS', escaped([c.tls.version, c.tls.cipher, c.tls.server_name, c.tls.alpn].filter(Boolean).join(', '))],
      c.copy_of && ['Copy of', `#${c.copy_of}`],
      c.same_key && ['Other leg', `#${c.same_key}`],
      ...(c.flags ?? []).map((f) => ['Flag', flagWords(f)[1]]),
    ]),
    ...headers('Request', c.request, table),
    ...headers('Response', c.response, table),
  ];
}

function closing({ closed_by: by, code, reason }) {
  if (code === undefined) return `of the ${by}, without a code`;
  return `of the ${by}: ${code}, ${closeMeaning(code)}${reason ? `: ${escaped(reason)}` : ''}`;
}

function headers(title, fields, table) {
  const rows = Object.entries(fields ?? {}).flatMap(([name, values]) => values.map((v) => [escaped(name), escaped(v)]));
  return rows.length ? [el('h3', {}, title), table(rows)] : [];
}
