// Testreport reads what go test -json prints and shows what matters: a line for
// each package, the output of what failed, what was skipped and why, and what
// took longest. It ends with status 1 if anything failed or nothing was tested.
//
//	go test -json ./... | testreport
package main

import (
	"fmt"
	"os"
)

func main() {
	ok, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}
