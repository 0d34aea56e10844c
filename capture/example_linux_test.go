package capture_test

import (
	"errors"
	"fmt"

	"github.com/wstap/wstap/capture"
	"github.com/wstap/wstap/capture/filter"
)

// A mistake in the filter is told before anything is opened.
func ExampleListen_filterError() {
	_, err := capture.Listen(capture.Any, &capture.Config{Filter: "tcp prot 7272"})
	var mistake *filter.Error
	fmt.Println(errors.As(err, &mistake))
	// Output: true
}
