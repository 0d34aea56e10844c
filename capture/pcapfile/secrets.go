package pcapfile

import "encoding/binary"

// A block of secrets is
//
//	type(4) length(4) secrets-type(4) secrets-length(4) secrets options length(4)
const (
	secretsHeader = 16
	secretsTLS    = 0x544c534b // "TLSK": lines of a TLS key log
)

// secrets begins to pass over a block of secrets, of n bytes. Those of TLS go to
// Config.Secrets on the way, for the block may be long.
func (ng *pcapng) secrets(at int64, n int) error {
	in := &ng.in
	ng.skipped = skipped{at: at, n: n, left: n - 4}
	if ng.r.secrets == nil || n < secretsHeader+4 {
		return nil
	}
	if err := in.need(secretsHeader); err != nil {
		ng.skipped = skipped{} // to be read anew when there is more
		return ng.cutIn(err, at)
	}
	b := in.window()
	if ng.uint32(b[8:]) == secretsTLS {
		ng.skipped.secrets = int(min(ng.uint32(b[12:]), uint32(n-secretsHeader-4)))
	}
	in.pos += secretsHeader
	ng.skipped.left -= secretsHeader
	return nil
}

// pass gives the secrets in b, which is being passed over, to Config.Secrets.
func (ng *pcapng) pass(b []byte) {
	s := &ng.skipped
	if s.secrets == 0 {
		return
	}
	n := min(s.secrets, len(b))
	_, _ = ng.r.secrets.Write(b[:n]) // its errors are its own
	if s.secrets -= n; s.secrets == 0 {
		_, _ = ng.r.secrets.Write([]byte{'\n'}) // the last line may lack its end
	}
}

// maxSecrets is how many bytes of secrets a block is made of.
const maxSecrets = 1 << 20

// WriteSecrets adds lines of a TLS key log to a pcapng file, in a Decryption
// Secrets Block before the next frame. It does nothing to a pcap file. Who has the
// file can then read what the connections carry.
func (w *Writer) WriteSecrets(lines []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.format.(*pcapngEncoder)
	if err := w.failed(); err != nil || !ok {
		return err
	}
	e.secrets = append(e.secrets, lines...)
	if len(e.secrets) < maxSecrets {
		return nil
	}
	return w.gathered(e.addSecrets(w.buf))
}

// addSecrets appends a block of the secrets that wait for one.
func (e *pcapngEncoder) addSecrets(b []byte) []byte {
	if len(e.secrets) == 0 {
		return b
	}
	b, start := beginBlock(b, blockSecrets)
	b = binary.LittleEndian.AppendUint32(b, secretsTLS)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.secrets)))
	b = pad(append(b, e.secrets...), len(e.secrets))
	clear(e.secrets)
	e.secrets = e.secrets[:0]
	return endBlock(b, start, false)
}
