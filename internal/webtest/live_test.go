package webtest

import (
	"fmt"
	"strconv"
	"testing"
)

// live is a page of messages that come while it is looked at.
func live(t *testing.T) (p *page, say func(n int)) {
	c, said := newChat(), 0
	w := feed(t, c.open(1, nil))
	p = open(t, w.url)
	say = func(n int) {
		records := make([]record, n)
		for i := range records {
			records[i] = c.text(1, []string{"client", "server"}[said%2], fmt.Sprintf("message %d", said))
			said++
		}
		write(t, w.stdin, records...)
	}
	return p, say
}

// TestPause: what is shown stays as it is, what comes is counted, and nothing is
// missing afterwards.
func TestPause(t *testing.T) {
	p, say := live(t)
	say(100)
	p.wait(`rowcount() === 100`)
	p.keys("G") // a file is shown from its beginning
	p.wait(`lines().at(-1) === 'message 99'`)
	say(50)
	p.wait(`lines().at(-1) === 'message 149'`)

	p.keys(" ")
	p.wait(`$('#pause').getAttribute('aria-pressed') === 'true'`)
	before := eval[string](p, `lines().join()`)
	say(30)
	p.wait(`text('#pause') === '30 new' && counter('messages') === '180'`)
	p.equal(`lines().join()`, before)
	p.equal(`rowcount()`, "150")

	p.keys(" ")
	p.wait(`rowcount() === 180 && lines().at(-1) === 'message 179'`)
	p.equal(`$('#pause').getAttribute('aria-pressed')`, "false")
	p.keys("g")
	p.wait(`lines()[0] === 'message 0'`)
}

// TestTail: it is followed at the end of the list alone, and what is looked at
// does not move.
func TestTail(t *testing.T) {
	p, say := live(t)
	say(300)
	p.wait(`rowcount() === 300`)
	p.keys("G")
	p.wait(`lines().at(-1) === 'message 299'`)
	eval[any](p, `$('#messages').scrollBy(0, -1200), 0`)
	p.wait(`lines().at(-1) !== 'message 299' && !lines().includes('')`)
	before := eval[string](p, `lines().join()`)
	say(200)
	p.wait(`rowcount() === 500 && !$('#latest').hidden`)
	p.equal(`lines().join()`, before)
	p.click(`#latest`)
	p.wait(`lines().at(-1) === 'message 499' && $('#latest').hidden`)
	say(10)
	p.wait(`lines().at(-1) === 'message 509'`)
}

// TestGone: the page says that wsdump is gone, keeps what it has, and does not
// take another one for it.
func TestGone(t *testing.T) {
	w := serve(t, "-r", walkthrough)
	p := open(t, w.url)
	p.expected = "Failed to load resource"
	p.wait(`rowcount() === 18 && lines()[17] !== ''`)
	p.equal(`$('#link').dataset.state`, "ended")
	w.end(t)
	p.wait(`text('#link').includes('does not answer') && text('#status').includes('does not answer')`)
	p.equal(`lines().length`, "18")
	serve(t, "--web="+w.port(t), "-r", walkthrough)
	p.wait(`text('#link').includes('another token')`)
	p.equal(`lines().length`, "18")
}

// TestForgotten: what went for the budget is told, and the rest is as it was.
func TestForgotten(t *testing.T) {
	const n = 50_000
	p := open(t, serve(t, "-r", long(t, n), "--web-memory", "4M").url)
	p.wait(`text('#link') === 'whole file read' && Number((counter('forgotten') ?? '').replaceAll(',', '')) > 0`)
	p.wait(`rowcount() > 100 && rowcount() < ` + strconv.Itoa(n) + ` && lines().length > 20 && lines().every((l) => l !== '')`)
	p.keys("G")
	p.wait(`lines().at(-1) === 'message ` + strconv.Itoa(n-1) + `'`)
	p.keys("g")
	p.wait(`lines()[0] === 'message ' + (` + strconv.Itoa(n) + ` - rowcount())`)
}

// TestEmpty: the page says why it is empty.
func TestEmpty(t *testing.T) {
	c := newChat()
	p := open(t, serve(t, "-r", file(t, c.open(1, nil), c.end(1))).url)
	p.wait(`!$('#empty').hidden && text('#empty h3') === 'No messages'`)
	p.wait(`all('#connections .connection:not([hidden])').length === 1`)
}

// TestFailed: a file that is broken is not called read, and the page says what is wrong.
func TestFailed(t *testing.T) {
	p := open(t, serve(t, "-r", file(t, record{})).url)
	p.wait(`text('#link').startsWith('failed') && $('#link').title.includes('no "event" in it')`)
	p.equal(`text('#empty').includes('no "event" in it')`, "true")
	p.equal(`$('#lines').textContent.includes('no "event" in it')`, "true")
}

// TestToken: without it nothing is shown, and the page says what is missing.
func TestToken(t *testing.T) {
	p := open(t, "http://127.0.0.1:"+serve(t, "-r", walkthrough).port(t)+"/")
	p.expected = "403"
	p.wait(`text('#empty').includes('Open the address that wsdump printed')`)
	p.equal(`lines().length`, "0")
}
