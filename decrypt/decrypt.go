// Package decrypt opens TLS 1.2 and 1.3 connections (RFC 5246, RFC 8446) with
// the secrets that one of their ends wrote down: a [KeyLog] in the format of RFC
// 9850, which browsers, OpenSSL, NSS and crypto/tls write.
//
// A [Conn] is a reassembly.Consumer that stands between TCP and another Consumer,
// which it feeds with plaintext. It authenticates every record: what does not
// verify is not given on. After a loss it finds the next record and its number
// again, and where the capture began too late for the handshake it tries the
// traffic secrets of the log. What waits for its secrets is kept within a budget.
//
// No error, string or counter of this package holds bytes of a secret.
package decrypt
