package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/wstap/wstap/internal/peers/capgen"
)

// secure compares what TLS 1.3 costs above the same capture without it with what
// crypto/cipher alone takes for as many records, so that the rest of the way does not
// hide it; and JSON with tshark's, which opens TLS too.
func secure(dir string, caps []capFile) ([]row, error) {
	var both [2]capFile // without TLS, with it
	for i := range both {
		w := capgen.TLS(caps[1].Messages)
		w.TLS = i == 1
		path := filepath.Join(dir, fmt.Sprintf("tls%d.pcap", i))
		sum, err := w.Create(path)
		if err != nil {
			return nil, err
		}
		both[i] = capFile{w, sum, path}
	}
	plain, secured := both[0], both[1]
	wsdump, keys := filepath.Join(dir, "wsdump"), capgen.KeyLog(secured.path)
	rows := []row{{"TLS 1.3, " + secured.Name, "record", secured.holds.Messages,
		contestant{"wsdump --count, less what it takes without TLS", func() (time.Duration, error) {
			with, err := least(3, func() (time.Duration, error) {
				return processor(secured, wsdump, "-r", secured.path, "--keylog", keys, "--count")
			})
			if err != nil {
				return 0, err
			}
			without, err := least(3, func() (time.Duration, error) { return processor(plain, wsdump, "-r", plain.path, "--count") })
			return with - without, err
		}},
		contestant{"crypto/cipher alone", func() (time.Duration, error) {
			const parts = 50
			part, err := least(parts, timed("", opener(secured.Size, secured.holds.Messages/parts)).run)
			return parts * part, err
		}}}}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		fmt.Println("JSON over TLS is not compared with tshark's: there is none.")
		return rows, nil
	}
	args := []string{"-r", secured.path, "-o", "tls.keylog_file:" + keys, "-Y", "websocket", "-T", "fields", "-e", "websocket.payload"}
	theirs := process("tshark", capFile{}, tshark, args...)
	checked := false
	return append(rows, row{"TLS 1.3, " + secured.Name, "", 0,
		process("wsdump --json", capFile{}, wsdump, "-r", secured.path, "--keylog", keys, "--json"),
		contestant{theirs.name, func() (time.Duration, error) {
			if checked {
				return theirs.run()
			}
			checked = true // in the round that does not count
			var n lines
			cmd := exec.Command(tshark, args...)
			cmd.Stdout = &n
			if err := cmd.Run(); err != nil {
				return 0, err
			}
			if int(n) != secured.holds.Messages {
				return 0, fmt.Errorf("it shows %d messages of %d", n, secured.holds.Messages)
			}
			return 0, nil
		}}}), nil
}

// lines counts those that are written.
type lines int

func (n *lines) Write(b []byte) (int, error) {
	*n += lines(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// least returns the least of several measurements: of differences the rest is mostly noise.
func least(n int, measure func() (time.Duration, error)) (time.Duration, error) {
	took := time.Duration(math.MaxInt64)
	for range n {
		d, err := measure()
		if err != nil {
			return 0, err
		}
		took = min(took, d)
	}
	return took, nil
}

// processor runs a program that prints how many messages it found, on one processor, and
// returns what it took of that.
func processor(c capFile, path string, args ...string) (time.Duration, error) {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err == nil && string(out) != c.prints() {
		err = fmt.Errorf("it printed %q, not %q", out, c.prints())
	}
	if err != nil {
		return 0, err
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// opener opens n records of messages of a size.
func opener(size, n int) func() error {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic(err) // a key of the wrong length: never
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // not a block of 16 bytes: never
	}
	nonce, head := make([]byte, 12), make([]byte, 5)
	sealed := aead.Seal(nil, nonce, make([]byte, 8+size+1), head) // with a frame's header and a type
	buf := make([]byte, len(sealed))
	return func() error {
		for range n {
			if _, err := aead.Open(buf[:0], nonce, sealed, head); err != nil {
				return err
			}
		}
		return nil
	}
}
