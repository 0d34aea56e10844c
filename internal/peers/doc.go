// Package peers holds what compares wstap with other people's code: oracles in
// its tests, benchmarks, and commands. It is no part of the library.
package peers
