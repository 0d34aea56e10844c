// Endpoints of the ws package for endpoints_test.go, as servers and as clients.
//
//   node ws.js DIRECTORY    where DIRECTORY/node_modules holds ws
//
// The first line of the output tells the server's port. Each line of the input
// asks for one conversation as a client; when a conversation ends, a line tells
// what its endpoint received.
'use strict';
const { createHash } = require('crypto');
const { readFileSync } = require('fs');
const { createServer } = require('http');
const { join } = require('path');
const { createInterface } = require('readline');
const { WebSocket, WebSocketServer } = require(join(process.argv[2], 'node_modules', 'ws'));

const tell = (object) => process.stdout.write(JSON.stringify(object) + '\n');

// Sends in pieces what pieces of endpoints_test.go cuts, in the same places.
function send(ws, data, options) {
  const cuts = data.length > 0 && data.length % 1000 === 0 ? [1, data.length >> 1, data.length] : [data.length];
  let from = 0;
  for (const to of cuts) {
    ws.send(data.subarray(from, to), { ...options, fin: to === data.length });
    from = to;
  }
}

// Notes what ws receives, and tells it at the end.
function watch(ws, side, onMessage) {
  const report = { side, extensions: '', messages: [], pings: [], status: 0, error: '' };
  ws.on('message', (data, binary) => {
    report.messages.push({ binary, length: data.length, sum: createHash('sha256').update(data).digest('hex') });
    onMessage(data, binary, report.messages.length);
  });
  ws.on('ping', (data) => report.pings.push(data.toString()));
  ws.on('upgrade', (res) => { report.extensions = res.headers['sec-websocket-extensions'] || ''; });
  ws.on('error', (err) => { report.error = String(err); });
  ws.on('close', (code) => { report.status = code; tell(report); });
}

const server = createServer().on('upgrade', (req, socket, head) => {
  const query = new URL(req.url, 'http://localhost').searchParams;
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: JSON.parse(query.get('deflate')) });
  wss.handleUpgrade(req, socket, head, (ws) => {
    watch(ws, 'server', (data, binary, count) => {
      if (count === 2) ws.ping('from the server');
      send(ws, data, { binary, compress: !query.has('mixed') || count % 2 === 0 });
    });
  });
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));

function converse({ url, deflate, mixed, script }) {
  const messages = JSON.parse(readFileSync(script)).map(({ binary, payload }) => ({ binary, data: Buffer.from(payload, 'base64') }));
  const ws = new WebSocket(url, { perMessageDeflate: deflate });
  let pongs = 0, echoes = 0;
  const close = () => { if (pongs === 1 && echoes === messages.length) ws.close(4000, 'done'); };
  const next = () => {
    if (echoes === messages.length) return close();
    if (echoes === 2) ws.ping('from the client');
    const { binary, data } = messages[echoes];
    send(ws, data, { binary, compress: !mixed || echoes % 2 === 0 });
  };
  ws.on('open', next);
  ws.on('pong', () => { pongs++; close(); });
  watch(ws, 'client', (data, binary, count) => { echoes = count; next(); });
}
createInterface({ input: process.stdin })
  .on('line', (line) => converse(JSON.parse(line)))
  .on('close', () => process.exit());
