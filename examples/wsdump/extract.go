package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/wstap/wstap/websocket"
)

// An extractor writes each binary and each long payload into a file of its own.
type extractor struct {
	dir   string
	count map[uint64]uint64 // messages of each connection that goes on, by its number
}

func newExtractor(dir string) (*extractor, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return &extractor{dir, make(map[uint64]uint64)}, nil
}

func (x *extractor) Encode(ev websocket.Event) error {
	switch ev := ev.(type) {
	case *websocket.End:
		delete(x.count, ev.Conn.Number)
	case *websocket.Message:
		x.count[ev.Conn.Number]++
		if ev.Opcode == websocket.Binary || ev.Opcode == websocket.Text && (len(ev.Payload) > shownBytes || ev.Undecoded) {
			return x.write(ev, x.count[ev.Conn.Number])
		}
	}
	return nil
}

// sameNames bounds how many files of earlier runs may have the same name.
const sameNames = 10000

// write writes a payload. Nothing of what a peer sent is in the name but its kind.
func (x *extractor) write(m *websocket.Message, n uint64) error {
	name := fmt.Sprintf("conn%d-message%d-%v", m.Conn.Number, n, m.From)
	for again := range sameNames {
		unique := name
		if again > 0 {
			unique = fmt.Sprintf("%s-%d", name, again)
		}
		f, err := os.OpenFile(filepath.Join(x.dir, unique+extension(m)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = f.Write(m.Payload)
		return errors.Join(err, f.Close())
	}
	return fmt.Errorf("%s holds too many files of earlier runs", x.dir)
}

// extensions are of what services send most, by MIME type.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp",
	"audio/wave": ".wav", "audio/mpeg": ".mp3", "application/ogg": ".ogg", "video/mp4": ".mp4", "video/webm": ".webm",
	"application/pdf": ".pdf", "application/zip": ".zip", "application/x-gzip": ".gz",
}

func extension(m *websocket.Message) string {
	switch e := extensions[http.DetectContentType(m.Payload)]; {
	case m.Undecoded:
		return ".deflate"
	case e != "":
		return e
	case m.Opcode == websocket.Text && utf8.Valid(m.Payload):
		return ".txt"
	}
	return ".bin"
}
