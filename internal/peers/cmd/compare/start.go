package main

import (
	"path/filepath"

	"github.com/wstap/wstap/internal/peers/capgen"
)

// starts is how often a program is started in a row, for one start is too short to time.
const starts = 20

// start compares starting wsdump with starting a Go program that does nothing: what a
// script that runs it for each of many small files waits for.
func start(dir string, _ []capFile) ([]row, error) {
	empty := filepath.Join(dir, "empty")
	if err := build(".", "./cmd/empty", empty); err != nil {
		return nil, err
	}
	w := capgen.Workload{Messages: 10, Size: 60, Batch: 1, Conns: 1}
	small := filepath.Join(dir, "small.pcap")
	if _, err := w.Create(small); err != nil {
		return nil, err
	}
	again := func(c contestant) contestant {
		return timed(c.name, func() error {
			for range starts {
				if _, err := c.run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	wsdump, nothing := filepath.Join(dir, "wsdump"), again(process("a Go program that does nothing", capFile{}, empty))
	return []row{
		{"starting", "", starts, again(process("wsdump --version", capFile{}, wsdump, "--version")), nothing},
		{"starting, and 10 messages", "", starts, again(process("wsdump -r", capFile{}, wsdump, "-r", small)), nothing},
	}, nil
}
