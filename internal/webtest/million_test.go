package webtest

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// TestMillion: a long list stays smooth and right, from one end to the other. A
// million with WSTAP_LONG=1; the fewer are more than the height of an element can
// hold as well.
func TestMillion(t *testing.T) {
	n := 350_000
	if os.Getenv("WSTAP_LONG") != "" {
		n = 1_000_000
	} else if testing.Short() {
		t.Skip("long")
	}
	p := open(t, serve(t, "-r", long(t, n), "--web-memory", "1G").url)
	p.wait(fmt.Sprintf(`rowcount() === %d && text('#link') === 'whole file read'`, n))
	p.true(`$('#messages').scrollHeight < 15e6 && $('#messages').scrollHeight < rowcount() * 24`)

	// right fails unless every row in sight holds its own message.
	right := func(where string) {
		t.Helper()
		p.wait(`lines().length > 20 && lines().every((l) => l !== '')`)
		p.true(`all('.message:not([hidden])').every((m) => m.querySelector('.line').textContent === 'message ' + index(m))`)
		if t.Failed() {
			t.Fatalf("at %s", where)
		}
	}
	right("the beginning")
	for _, f := range []float64{0.1, 0.333, 0.5, 0.9} {
		eval[any](p, fmt.Sprintf(`$('#messages').scrollTop = $('#messages').scrollHeight * %v, 0`, f))
		p.wait(fmt.Sprintf(`Math.abs(index($('.message')) / rowcount() - %v) < 0.08`, f))
		right(fmt.Sprint(f))
	}
	p.keys("G")
	p.wait(fmt.Sprintf(`lines().at(-1) === 'message %d'`, n-1))
	right("the end")
	eval[any](p, `$('#messages').scrollTop = 0, 0`)
	p.wait(`lines()[0] === 'message 0'`)

	frames(p, "by pixels", `$('#messages').scrollBy(0, 90)`, 200)
	right("pixels")
	frames(p, "by pages", `$('#messages').scrollBy(0, $('#messages').clientHeight)`, 100)
	frames(p, "by the scroll bar", `$('#messages').scrollTop = $('#messages').scrollHeight * ((i * 37) % 100) / 100`, 100)
	right("the scroll bar")
	p.true(`all('#messages .message').length < 60`)
}

// frames scrolls once a frame and logs how long frames take: the middle one, one
// of twenty, the longest. A machine that does much else makes them long, so they
// are only told.
func frames(p *page, how, step string, n int) {
	p.Helper()
	times := eval[[]float64](p, fmt.Sprintf(`(async () => {
		const times = [];
		let last = await new Promise(requestAnimationFrame);
		for (let i = 0; i < %d; i++) {
			%s;
			const now = await new Promise(requestAnimationFrame);
			times.push(now - last);
			last = now;
		}
		return times;
	})()`, n, step))
	slices.Sort(times)
	p.Logf("%d messages, scrolled %s: %.1f ms a frame, %.1f ms one of twenty, %.1f ms the longest",
		eval[int](p, `rowcount()`), how, times[n/2], times[n*95/100], times[n-1])
}
