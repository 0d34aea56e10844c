package decrypt

import (
	"crypto"
	_ "crypto/sha1"   // hash functions of cipher suites
	_ "crypto/sha256" // the same
	_ "crypto/sha512" // the same
	"fmt"
	"strings"
	"sync"
)

// A suite is what a cipher suite means for records.
type suite struct {
	name  string
	bulk  bulk
	key   int         // bytes of a key
	hash  crypto.Hash // of the key schedule or the PRF
	mac   crypto.Hash // of records, with cbc
	tag   int         // bytes
	tls13 bool
}

// A bulk is a way to encrypt records.
type bulk uint8

const (
	gcm bulk = iota
	chacha
	ccm
	cbcAES
	cbc3DES
)

// suiteNames are the cipher suites that can be opened, by IANA's numbers.
var suiteNames = map[uint16]string{
	0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
	0x1304: "TLS_AES_128_CCM_SHA256", 0x1305: "TLS_AES_128_CCM_8_SHA256",

	0x000a: "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x0016: "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
	0xc008: "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", 0xc012: "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
	0x002f: "TLS_RSA_WITH_AES_128_CBC_SHA", 0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
	0x003c: "TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256",
	0x0032: "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", 0x0038: "TLS_DHE_DSS_WITH_AES_256_CBC_SHA",
	0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", 0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
	0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", 0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
	0xc009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc00a: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
	0xc013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
	0xc023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	0xc027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	0x008c: "TLS_PSK_WITH_AES_128_CBC_SHA", 0x008d: "TLS_PSK_WITH_AES_256_CBC_SHA",
	0xc035: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", 0xc036: "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",

	0x009c: "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009d: "TLS_RSA_WITH_AES_256_GCM_SHA384",
	0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
	0x00a2: "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", 0x00a3: "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384",
	0x00a8: "TLS_PSK_WITH_AES_128_GCM_SHA256", 0x00a9: "TLS_PSK_WITH_AES_256_GCM_SHA384",
	0xc02b: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02c: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	0xc02f: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	0xd001: "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", 0xd002: "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",

	0xcca8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xccab: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
	0xccac: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",

	0xc09c: "TLS_RSA_WITH_AES_128_CCM", 0xc09d: "TLS_RSA_WITH_AES_256_CCM",
	0xc09e: "TLS_DHE_RSA_WITH_AES_128_CCM", 0xc09f: "TLS_DHE_RSA_WITH_AES_256_CCM",
	0xc0a0: "TLS_RSA_WITH_AES_128_CCM_8", 0xc0a1: "TLS_RSA_WITH_AES_256_CCM_8",
	0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", 0xc0ad: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
	0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xc0af: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
}

var suites = sync.OnceValue(func() map[uint16]*suite {
	m := make(map[uint16]*suite, len(suiteNames))
	for id, name := range suiteNames {
		m[id] = newSuite(name)
	}
	return m
})

// newSuite reads what a suite means from its name, which is made of it.
func newSuite(name string) *suite {
	s := &suite{name: name, key: 16, hash: crypto.SHA256, tag: 16}
	_, cipher, old := strings.Cut(name, "_WITH_")
	s.tls13 = !old
	if s.tls13 {
		cipher = strings.TrimPrefix(name, "TLS_")
	}
	if strings.Contains(cipher, "256_") || strings.HasPrefix(cipher, "CHACHA20") {
		s.key = 32
	}
	switch {
	case strings.Contains(cipher, "_CBC_"):
		s.bulk, s.mac = cbcAES, crypto.SHA1
	case strings.Contains(cipher, "_CCM"):
		s.bulk = ccm
		if strings.Contains(cipher, "CCM_8") {
			s.tag = 8
		}
	case strings.HasPrefix(cipher, "CHACHA20"):
		s.bulk = chacha
	}
	if strings.HasPrefix(cipher, "3DES") {
		s.bulk, s.key = cbc3DES, 24
	}
	switch {
	case strings.HasSuffix(cipher, "_SHA384"):
		s.hash = crypto.SHA384
		s.mac = crypto.SHA384
	case strings.HasSuffix(cipher, "_SHA256"):
		s.mac = crypto.SHA256
	}
	return s
}

// suiteName returns IANA's name of a suite that can be opened, or the number.
func suiteName(id uint16) string {
	if s := suites()[id]; s != nil {
		return s.name
	}
	return fmt.Sprintf("0x%04X", id)
}

// overhead is what a record of n bytes of content is longer than that, with its
// header and without padding; exact where it is always the same.
func (s *suite) overhead() (n int, exact bool) {
	switch {
	case s.tls13:
		return headerLen + 1 + s.tag, true
	case s.bulk == gcm || s.bulk == ccm:
		return headerLen + explicitLen + s.tag, true
	case s.bulk == chacha:
		return headerLen + s.tag, true
	}
	block := 16
	if s.bulk == cbc3DES {
		block = 8
	}
	return headerLen + block + s.mac.Size() + 1, false
}
