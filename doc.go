// Package wstap holds no code: it is the door to a passive WebSocket tap in pure Go.
//
//   - [github.com/wstap/wstap/websocket]: Tap makes messages of a capture. Begin here.
//   - [github.com/wstap/wstap/capture]: frames from the kernel (Linux), and what a Source is.
//   - [github.com/wstap/wstap/capture/pcapfile]: frames from capture files, and into them.
//   - [github.com/wstap/wstap/capture/filter]: the language of pcap-filter(7).
//   - [github.com/wstap/wstap/decrypt]: the key log that opens TLS.
//   - [github.com/wstap/wstap/export/jsonl], [github.com/wstap/wstap/export/har]: events as JSON lines and HTTP Archives.
//   - [github.com/wstap/wstap/wstaptest]: for tests of programs on wstap, and of services that speak WebSocket.
//   - [github.com/wstap/wstap/decode], [github.com/wstap/wstap/reassembly]: the layers below, for programs of other kinds.
//
// The command is examples/wsdump, tcpdump for WebSocket messages.
package wstap
