// Package cli holds what the programs of this module share as programs: the
// command line ([Parse]), the list of interfaces, hexadecimal dumps, terminals
// and signals. Words that differ between them, of mistakes for instance, are
// theirs.
package cli
