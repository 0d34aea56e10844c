// A page over TLS for a browser, for browser_linux_test.go, whose script talks to the ws
// package, by HTTP/1.1 or, where the page came by HTTP/2, by that (RFC 8441).
//
//   node browser.js DIRECTORY CERT KEY http/1.1|h2 TEXTS    where DIRECTORY/node_modules holds ws
//
// The first line of the output tells the port, the last ones what each side received.
'use strict';
const http2 = require('http2');
const https = require('https');
const { readFileSync } = require('fs');
const { join } = require('path');
const [, , dir, cert, key, protocol, texts] = process.argv;
const { WebSocket, WebSocketServer } = require(join(dir, 'node_modules', 'ws'));

const tell = (object) => process.stdout.write(JSON.stringify(object) + '\n');

function echo(ws) {
  const messages = [];
  ws.on('message', (data, binary) => {
    messages.push(data.toString('base64'));
    ws.send(data, { binary });
  });
  ws.on('close', () => tell({ side: 'server', messages }));
}

const page = `<script>
const texts = ${texts}, received = [];
const ws = new WebSocket('wss://' + location.host + '/chat');
ws.onopen = () => texts.forEach((t) => ws.send(t));
ws.onmessage = (m) => { received.push(m.data); if (received.length === texts.length) ws.close(4000, 'done'); };
ws.onclose = () => fetch('/done', { method: 'POST', body: JSON.stringify(received) });
</script>`;

// Answers a request, whose stream is also that of an HTTP/2 stream.
function answer(method, path, stream, html) {
  if (method !== 'POST') return html(path === '/' ? page : '');
  let body = '';
  stream.on('data', (b) => { body += b; });
  stream.on('end', () => {
    tell({ side: 'client', messages: JSON.parse(body).map((t) => Buffer.from(t).toString('base64')) });
    html('');
  });
}

const options = { cert: readFileSync(cert), key: readFileSync(key), settings: { enableConnectProtocol: true } };
const server = protocol === 'h2' ? http2.createSecureServer(options) : https.createServer(options);
if (protocol !== 'h2') {
  server.on('request', (req, res) => answer(req.method, req.url, req, (text) => { res.setHeader('Content-Type', 'text/html'); res.end(text); }));
}
const wss = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } });
server.on('upgrade', (req, socket, head) => wss.handleUpgrade(req, socket, head, echo));
server.on('stream', (stream, headers) => {
  if (headers[':protocol'] !== 'websocket') {
    return answer(headers[':method'], headers[':path'], stream, (text) => { stream.respond({ ':status': 200, 'content-type': 'text/html' }); stream.end(text); });
  }
  stream.respond({ ':status': 200 });
  const ws = new WebSocket(null, undefined, {}); // it reads and writes any duplex stream
  ws._isServer = true;
  ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false, allowSynchronousEvents: true });
  echo(ws);
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));
process.stdin.resume().on('end', () => process.exit());
