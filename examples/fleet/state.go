package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wstap/wstap/examples/fleet/internal/batch"
)

// A state is kept beside the spool: whose it is, and how its last run ended.
type state struct {
	Tap  string `json:"tap"`
	Boot string `json:"boot"`
	Done bool   `json:"done"` // it ended in good order
}

func (t *tap) stateFile() string { return filepath.Join(t.spoolDir, "state.json") }

// begin remembers that a run has begun, and returns what there is to tell of the last.
func (t *tap) begin() ([]batch.Field, error) {
	fields := []batch.Field{{Name: "source", Text: t.src.name}, {Name: "filter", Text: t.filter}, {Name: "version", Text: version()}}
	if t.filter == "" {
		fields = append(fields[:1], fields[2:]...)
	}
	if t.spool == nil {
		return fields, nil
	}
	var last state
	b, err := os.ReadFile(t.stateFile())
	if err == nil {
		err = json.Unmarshal(b, &last)
	}
	if err == nil && last.Tap != t.name {
		return nil, fmt.Errorf("the spool %s is that of tap %s: give another --spool", t.spoolDir, last.Tap)
	}
	if err == nil {
		fields = append(fields, batch.Field{Name: "before", Text: last.Boot})
		if !last.Done {
			fields = append(fields, batch.Field{Name: "before_ended", Text: "killed"})
		}
	}
	return fields, t.save(false)
}

func (t *tap) end() error {
	if t.spool == nil {
		return nil
	}
	return t.save(true)
}

func (t *tap) save(done bool) error {
	b, err := json.Marshal(state{t.name, t.boot, done})
	if err == nil {
		err = os.WriteFile(t.stateFile()+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(t.stateFile()+".new", t.stateFile())
	}
	return err
}
