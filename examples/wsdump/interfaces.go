package main

import (
	"io"

	"github.com/wstap/wstap/internal/cli"
)

// interfaceNumber finds the interface that -D lists under a number.
func interfaceNumber(s string) (name string, ok bool) {
	list, err := cli.Interfaces()
	if err != nil {
		return "", false
	}
	name = cli.InterfaceNumber(list, s)
	return name, name != ""
}

func listInterfaces(w io.Writer) error {
	list, err := cli.Interfaces()
	if err != nil {
		return err
	}
	return cli.ListInterfaces(w, list, "all interfaces")
}
