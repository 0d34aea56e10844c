//go:build !linux

package capture

import (
	"errors"
	"fmt"
)

func supported() error {
	return fmt.Errorf("live capture needs Linux; read a capture file instead: %w", errors.ErrUnsupported)
}

// live is never used: open always fails.
type live struct {
	warnings   []string
	bufferSize int
}

func (l *live) open(string, *Config) error { return supported() }
func (l *live) read([]Frame) (int, error)  { return 0, errClosed }
func (l *live) info() Info                 { return Info{Live: true} }
func (l *live) sources() []Source          { return nil }
func (l *live) stats() (Stats, error)      { return Stats{}, errClosed }
func (l *live) stop() error                { return errClosed }
func (l *live) setFilter(string) error     { return errClosed }
func (l *live) close() error               { return nil }
