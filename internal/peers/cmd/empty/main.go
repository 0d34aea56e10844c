// Empty does nothing: what starting it takes is the least that starting a Go program can.
package main

func main() {}
