package wstaptest

// Unavailable is for tests.
var Unavailable = unavailable
