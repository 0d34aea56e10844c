package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/wstap/wstap/internal/cli"
)

var namespaceFlags = []cli.Option[options]{
	cli.Arg(0, "netns", nonEmpty(func(o *options) *string { return &o.netns })),
	cli.Arg(0, "container", nonEmpty(func(o *options) *string { return &o.container })),
}

// namespace returns the network namespace to capture in, as capture.Config has it.
func (o *options) namespace() (string, error) {
	switch {
	case o.container != "":
		pid, err := cli.ContainerProcess("/proc", o.container)
		if err != nil {
			return "", fmt.Errorf("--container: %w", err)
		}
		return strconv.Itoa(pid), nil
	case strings.Contains(o.netns, "/"), isNumber(o.netns), o.netns == "":
		return o.netns, nil
	}
	name := path.Join("/run/netns", o.netns) // where ip-netns(8) has them
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("--netns: no namespace %s: ip netns lists the names; a path and the id of a process will do as well", quoteArg(o.netns))
	}
	return name, nil
}

// ownNamespace says whether a namespace, as capture.Config has it, is that of this
// process.
func ownNamespace(namespace string) bool {
	switch {
	case namespace == "":
		return true
	case isNumber(namespace):
		namespace = path.Join("/proc", namespace, "ns/net")
	}
	other, err1 := os.Stat(namespace)
	own, err2 := os.Stat("/proc/self/ns/net")
	return err1 == nil && err2 == nil && os.SameFile(own, other)
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}
