package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/capture/pcapfile"
	"github.com/wstap/wstap/internal/cli"
)

// A long holds the options of captures that run for a long time.
type long struct {
	duration time.Duration // --duration; 0 is no end
	size     int64         // -C, bytes
	interval time.Duration // -G
	files    int           // -W
	after    string        // -z
	jsonFile string        // of --json; empty is standard output
}

var longFlags = []cli.Option[options]{
	cli.Arg(0, "duration", func(o *options, v string) (err error) {
		o.duration, err = time.ParseDuration(v)
		if err != nil || o.duration <= 0 {
			return errors.New("must be a time such as 90s, 10m or 8h")
		}
		return nil
	}),
	cli.Arg('C', "", func(o *options, v string) (err error) {
		o.size, err = rotationSize(v)
		return err
	}),
	cli.Arg('G', "", func(o *options, v string) error {
		n, err := number(v, 1, math.MaxInt32)
		o.interval = time.Duration(n) * time.Second
		return err
	}),
	cli.Arg('W', "", func(o *options, v string) (err error) {
		o.files, err = number(v, 1, math.MaxInt32)
		return err
	}),
	cli.Arg('z', "", nonEmpty(func(o *options) *string { return &o.after })),
	cli.MaybeArg("json", func(o *options, v string) error {
		o.json, o.jsonFile = true, v
		return nil
	}),
}

// rotationSize reads the value of -C: millions of bytes, unless a letter says
// KiB, MiB or GiB.
func rotationSize(v string) (int64, error) {
	unit, digits := int64(1e6), v
	for _, u := range []struct {
		letter string
		unit   int64
	}{{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}} {
		if before, ok := strings.CutSuffix(strings.ToLower(v), u.letter); ok {
			unit, digits = u.unit, before
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64/unit {
		return 0, errors.New("must be a number of millions of bytes, or end in k, m or g")
	}
	return n * unit, nil
}

func (o *options) rotates() bool { return o.size > 0 || o.interval > 0 }

// checkLong refuses what contradicts itself.
func (o *options) checkLong() error {
	switch {
	case o.rotates() && (o.write == "" || o.write == "-"):
		return usagef("-C and -G rotate the file of -w: name it")
	case (o.files > 0 || o.after != "") && !o.rotates():
		return usagef("-W and -z belong to -C and -G, which rotate the file of -w")
	case len(o.more) > 0 && o.follow:
		return usagef("--follow waits for one file to grow: give one -r")
	case o.jsonFile != "" && o.demo:
		return usagef("--demo shows its lines on standard output: leave out the file of --json")
	}
	return nil
}

// rotation returns nil where there is one file.
func (o *options) rotation(live bool) *pcapfile.Rotation {
	if !o.rotates() {
		return nil
	}
	r := &pcapfile.Rotation{Size: o.size, Interval: o.interval, Files: o.files}
	if live {
		r.Begin = time.Now()
	}
	if o.after != "" {
		r.Closed = func(name string) { afterRotation(o.after, name) }
	}
	return r
}

// afterRotation runs the command of -z on a file, beside the capture and behind
// all else that wants to run. It may outlive wsdump.
func afterRotation(command, name string) {
	cmd := exec.Command(command, name)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr // standard output is for messages
	err := cmd.Start()
	if err == nil {
		lowerPriority(cmd.Process.Pid)
		go func() { _ = cmd.Wait() }() // its own words say what went wrong
		return
	}
	fmt.Fprintf(os.Stderr, "wsdump: -z: %s\n", explain(err))
}
