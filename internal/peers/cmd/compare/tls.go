package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/decrypt"
	"github.com/wstap/wstap/internal/peers/capgen"
	"github.com/wstap/wstap/websocket"
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
	keys := capgen.KeyLog(secured.path)
	rows := []row{{"TLS 1.3, " + secured.Name, "record", secured.holds.Messages,
		contestant{"Count, less what it takes without TLS", func() (time.Duration, error) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			with, err := timed("", func() error { return drainSecured(secured, keys) }).run()
			if err != nil {
				return 0, err
			}
			without, err := timed("", func() error { return drain(plain, 1) }).run()
			return with - without, err
		}},
		timed("crypto/cipher alone", openers(secured.Size, secured.holds.Messages))}}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		fmt.Println("JSON over TLS is not compared with tshark's: there is none.")
		return rows, nil
	}
	args := []string{"-r", secured.path, "-o", "tls.keylog_file:" + keys, "-Y", "websocket", "-T", "fields", "-e", "websocket.payload"}
	theirs := process("tshark", capFile{}, tshark, args...)
	checked := false
	return append(rows, row{"TLS 1.3, " + secured.Name, "", 0,
		process("wsdump --json", capFile{}, filepath.Join(dir, "wsdump"), "-r", secured.path, "--keylog", keys, "--json"),
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

// drainSecured is drain with a key log.
func drainSecured(c capFile, keyLog string) error {
	keys, err := decrypt.OpenKeyLog(keyLog)
	if err != nil {
		return err
	}
	defer keys.Close()
	src, err := pcapfile.Open(c.path, &pcapfile.Config{Workers: 1})
	if err != nil {
		return err
	}
	tap := websocket.NewTap(src, &websocket.Config{Keys: keys})
	err = tap.Count(context.Background())
	return check(c, int(tap.Stats().Messages), c.holds.Payload, err)
}

// openers opens n records of messages of a size.
func openers(size, n int) func() error {
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
