//go:build !linux

package capture

import (
	"errors"
	"fmt"

	"github.com/wstap/wstap/decode"
)

func supported() error {
	return fmt.Errorf("live capture needs Linux; read a capture file instead: %w", errors.ErrUnsupported)
}

// live is never used: open always fails.
type live struct {
	link       decode.LinkType
	warnings   []string
	bufferSize int
}

func (l *live) open(string, *Config) error     { return supported() }
func (l *live) next(*Frame) error              { return errClosed }
func (l *live) nextBatch([]Frame) (int, error) { return 0, errClosed }
func (l *live) sources() []Source              { return nil }
func (l *live) stats() (Stats, error)          { return Stats{}, errClosed }
func (l *live) stop() error                    { return errClosed }
func (l *live) setFilter(string) error         { return errClosed }
func (l *live) interfaceName(int) string       { return "" }
func (l *live) close() error                   { return nil }
