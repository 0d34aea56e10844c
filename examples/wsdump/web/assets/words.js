// The meaning of numbers and flags, in words.

const codes = {
  1000: 'normal closure',
  1001: 'going away: a server stops, or a browser leaves the page',
  1002: 'protocol error',
  1003: 'unsupported data: a kind of message that this end does not take',
  1004: 'reserved',
  1005: 'no status received: must not be sent',
  1006: 'abnormal closure: must not be sent',
  1007: 'invalid payload: not what its type says, such as text that is not UTF-8',
  1008: 'policy violation',
  1009: 'message too big',
  1010: 'mandatory extension: the server did not agree to one that the client needs',
  1011: 'internal error: the server met a condition that it did not expect',
  1012: 'service restart',
  1013: 'try again later',
  1014: 'bad gateway',
  1015: 'TLS handshake failed: must not be sent',
};

/** closeMeaning says what a close code means: RFC 6455, section 7.4, and IANA's registry. */
export function closeMeaning(code) {
  if (code in codes) return codes[code];
  if (code < 1000) return 'not used: RFC 6455, section 7.4.2';
  if (code < 3000) return 'reserved for the protocol: RFC 6455, section 7.4.2';
  if (code < 4000) return "registered for a library or framework: IANA's registry";
  if (code < 5000) return 'private use: the application knows';
  return 'outside of what RFC 6455 defines';
}

// Fields of a message's record that are there only when true.
const notes = {
  truncated: 'Truncated: bytes are missing, by a loss, a snapshot length or a limit',
  undecoded: 'Still compressed: it could not be inflated, because what it refers to was not captured',
  conflict: 'Conflict: its bytes were seen twice with different contents',
  midstream: 'Joined late: the connection was there before the capture',
  invalid_utf8: 'Not UTF-8, which a text message must be: U+FFFD stands for what is none',
  bad_mask: 'Masked where it must not be, or not masked where it must be: RFC 6455, section 5.1',
  copy: 'A copy, seen at another place as well',
};

const violations = {
  reserved_opcode: 'Of a type that is not defined: RFC 6455, section 5.2',
  long_control: 'A control frame of more than 125 bytes: RFC 6455, section 5.5',
  fragmented_control: 'A control frame in fragments: RFC 6455, section 5.5',
  close_code: 'A close code that must not be sent: RFC 6455, section 7.4',
  unfinished: 'Another message begins before this one ended: RFC 6455, section 5.4',
  no_beginning: 'A continuation of nothing: RFC 6455, section 5.4',
};

// Words that a row has room for; being compressed is nothing to note.
const rowFlags = {
  compressed: '',
  truncated: 'truncated',
  undecoded: 'still compressed',
  partial: 'partial',
  conflict: 'conflict',
  midstream: 'joined late',
  invalid_utf8: 'not UTF-8',
  bad_mask: 'bad mask',
  rsv: 'reserved bits',
  copy: 'copy',
  cut: 'cut',
  reserved_opcode: 'undefined type',
  long_control: 'long control',
  fragmented_control: 'fragmented control',
  close_code: 'bad code',
  unfinished: 'unfinished',
  no_beginning: 'no beginning',
};

/** rowWords are the flags of a row in short words. */
export const rowWords = (names) => names.map((f) => rowFlags[f] ?? f.replaceAll('_', ' ')).filter(Boolean);

/** noteWords lists the flags of a message's record in words. */
export function noteWords(record) {
  const words = Object.keys(notes).filter((k) => record[k]).map((k) => notes[k]);
  if (record.unknown) words.push(`Partial: ${record.unknown} bytes of the payload could not be known, because older messages that it refers to were not captured`);
  if (record.rsv) words.push(`Reserved bits that no known extension explains: 0x${record.rsv.toString(16)}`);
  for (const v of record.violations ?? []) words.push(violations[v] ?? `Breaks a rule of RFC 6455: ${v}`);
  return words;
}

const flags = {
  tls: ['wss', 'Inside TLS, opened with the secrets of a key log'],
  compressed: ['deflate', 'Messages may be compressed: permessage-deflate, RFC 7692'],
  joined_late: ['joined late', 'It was there before the capture: the handshake was not seen'],
  midstream: ['joined late', 'It was there before the capture: the handshake was not seen'],
  refused: ['refused', 'The server did not agree'],
  draft: ['draft', 'A draft before RFC 6455, whose frames are others'],
  headers_dropped: ['no headers', 'Its headers were too long to keep'],
  loss: ['losses', 'Bytes of it were lost to the capture'],
  lost: ['losses', 'Bytes of it were lost to the capture'],
  copy: ['copy', 'The same connection, seen at another place as well'],
  proxied: ['proxied', 'A proxy speaks for another client'],
  same_key: ['other leg', 'Another leg of a proxy that passed the key on'],
};

/** flagWords are a flag's short word and what it means. */
export const flagWords = (flag) => flags[flag] ?? [flag.replaceAll('_', ' '), flag.replaceAll('_', ' ')];

const causes = {
  fin: 'closed',
  rst: 'reset',
  idle: 'silent for too long',
  evicted: 'given up, for memory',
  reused: 'its ports were used again',
  eof: 'open when the capture ended',
  refused: 'refused',
};

/** causeWords says how a connection ended, in a few words. */
export const causeWords = (cause) => causes[cause] ?? cause;
