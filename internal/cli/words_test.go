package cli

import "testing"

func TestQuantity(t *testing.T) {
	for want, got := range map[string]string{
		"0 packets": Quantity(0, "packet"), "1 packet": Quantity(1, "packet"),
		"1 history": Quantity(1, "history"), "18446744073709551615 histories": Quantity(1<<64-1, "history"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
