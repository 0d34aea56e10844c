// One conversation over TLS between two endpoints of the ws package, for
// tls_test.go, by HTTP/1.1 or by HTTP/2 (RFC 8441).
//
//   node --tls-keylog=FILE wss.js DIRECTORY CERT KEY    where DIRECTORY/node_modules holds ws
//
// The first line of the output tells the server's port. The one line of the input
// is where the client is to go, how, and what it is to say; the last lines of the
// output tell what each of them received.
'use strict';
const { connect, createSecureServer } = require('http2');
const { readFileSync } = require('fs');
const { join } = require('path');
const { createInterface } = require('readline');
const { WebSocket, WebSocketServer } = require(join(process.argv[2], 'node_modules', 'ws'));

const tell = (object) => process.stdout.write(JSON.stringify(object) + '\n');

function watch(ws, side, onMessage) {
  const messages = [];
  ws.on('message', (data, binary) => { messages.push(data.toString('base64')); onMessage(data, binary, messages.length); });
  ws.on('close', (code) => tell({ side, messages, status: code }));
  return ws;
}

const echo = (ws) => watch(ws, 'server', (data, binary) => ws.send(data, { binary }));

// ws reads and writes any duplex stream, once it is told which end it is.
function onStream(stream, isServer) {
  const ws = new WebSocket(null, undefined, {});
  ws._isServer = isServer;
  ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true });
  return ws;
}

const server = createSecureServer({
  cert: readFileSync(process.argv[3]), key: readFileSync(process.argv[4]), allowHTTP1: true, settings: { enableConnectProtocol: true },
});
const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on('upgrade', (req, socket, head) => wss.handleUpgrade(req, socket, head, echo));
server.on('stream', (stream, headers) => {
  if (headers[':protocol'] !== 'websocket') {
    stream.respond({ ':status': 200 });
    return stream.end('hello');
  }
  stream.respond({ ':status': 200 });
  echo(onStream(stream, true));
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));

function say(ws, texts, done) {
  watch(ws, 'client', (data, binary, count) => {
    if (count === texts.length) return ws.close(4000, 'done');
    ws.send(texts[count]);
  });
  ws.on('close', done);
  ws.send(texts[0]);
}

createInterface({ input: process.stdin }).once('line', (line) => {
  const { port, h2, texts } = JSON.parse(line);
  const end = () => setTimeout(() => process.exit(0), 100);
  if (!h2) {
    const ws = new WebSocket(`wss://127.0.0.1:${port}/chat`, { rejectUnauthorized: false, servername: 'chat.example', perMessageDeflate: false });
    ws.on('open', () => say(ws, texts, end));
    return;
  }
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'chat.example' });
  session.on('remoteSettings', () => {
    session.request({ ':path': '/' }).resume(); // another stream beside it
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat', ':scheme': 'https', 'sec-websocket-version': '13' });
    stream.on('response', () => say(onStream(stream, false), texts, () => { session.close(); end(); }));
  });
});
