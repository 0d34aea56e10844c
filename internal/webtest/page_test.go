package webtest

import (
	"strings"
	"testing"
)

// TestWalkthrough: the conversation of the two browsers is there, with what was
// captured of it and how it ended.
func TestWalkthrough(t *testing.T) {
	p := open(t, serve(t, "-r", walkthrough).url)
	p.wait(`lines().length === 18 && lines()[17] === '1000 normal closure'`)
	p.equal(`lines()[0]`, `{"type":"login","client_name":"mynick","room_id":1}`)
	p.true(`lines()[2].includes('hi, all !')`)
	p.true(`lines()[7].includes('你好 🌍, \\"quoted\\" & <b>')`)
	p.equal(`lines()[13]`, `1000 bye`)
	p.wait(`all('#connections .connection:not([hidden])').length === 2`)
	p.equal(`text('#c1 .state')`, `reset 1001`)
	p.equal(`text('#c2 .state')`, `closed 1000`)
	p.equal(`text('#c2 .ends')`, `127.0.0.1:36540 → 127.0.0.1:7272`)
	p.true(`text('#c2 .sent').startsWith('↑ 3 · ')`)
	p.wait(`$('#c1 .rate .client').getAttribute('d') !== '' && $('.bars .server').getAttribute('d') !== ''`)
	p.equal(`counter('messages')`, `18`)
	p.equal(`counter('packets')`, `77`)
	p.equal(`counter('dropped by kernel')`, `0`)
	p.equal(`counter('lost in gaps')`, `0`)
	p.equal(`text('#link')`, `whole file read`)

	p.click(`#messages .message:nth-child(10)`)
	p.wait(`text('#detail .json').includes('content: "你好 🌍')`)
	p.click(`[data-form=hex]`)
	p.wait(`text('#detail .hex .row').startsWith('0000007b 22 74 79 70 65 22 3a')`)
	p.click(`[data-form=connection]`)
	p.wait(`text('#detail .facts').includes('ws://127.0.0.1:7272/') && text('#detail .panel').includes('Sec-Websocket-Accept')`)
	p.click(`#messages .message:nth-child(17)`)
	p.wait(`text('#detail .closing') === '1001 going away: a server stops, or a browser leaves the page'`)

	p.click(`#c2`)
	p.wait(`rowcount() === 7 && text('#detail h2') === 'Connection #2'`)
	p.click(`#all`)
	p.wait(`rowcount() === 18`)
}

// TestDemo: what the page shows of a live capture.
func TestDemo(t *testing.T) {
	w, why := run(t, "--demo")
	if w == nil {
		if strings.Contains(why, "permitted") || strings.Contains(why, "demo needs") {
			t.Skip(why)
		}
		t.Fatalf("wsdump has no page: %s", why)
	}
	p := open(t, w.url)
	p.wait(`lines().length === 15`)
	p.wait(`text('#link') === 'capture ended' && counter('connections') === '2'`)
	p.true(`lines().some((l) => l.includes('hi, all !'))`)
}

// TestSearch: words, expressions and toggles narrow what is shown, and what the
// server does not understand is told.
func TestSearch(t *testing.T) {
	p := open(t, serve(t, "-r", walkthrough).url)
	p.wait(`rowcount() === 18`)
	for _, test := range []struct {
		words string
		rows  string
	}{{"mynick", "6"}, {"第二人", "1"}, {"/LOGIN/i", "5"}, {"!login", "13"}, {"nothing like this", "0"}} {
		p.search(test.words)
		p.wait(`rowcount() === ` + test.rows + ` && text('#found') === '` + test.rows + `'`)
		if test.words == "/LOGIN/i" {
			p.true(`all('mark').length === 5 && all('mark').every((m) => m.textContent === 'login')`)
		}
		if test.rows == "0" {
			p.true(`!$('#empty').hidden && text('#empty h3') === 'No message is like that'`)
		}
		p.keys("Escape")
		p.wait(`rowcount() === 18 && $('#search').value === ''`)
		p.keys("Escape")
	}

	p.expected = "400"
	p.search("/(/")
	p.wait(`!$('#search-error').hidden && text('#search-error').includes('missing closing )')`)
	p.true(`$('#search').getAttribute('aria-invalid') === 'true' && rowcount() === 18`)
	p.keys("Escape", "Escape")
	p.wait(`$('#search-error').hidden`)

	p.click(`[data-from=client]`)
	p.wait(`rowcount() === 7 && lines().length === 7`)
	p.true(`all('.message:not([hidden])').every((m) => m.dataset.from === 'client')`)
	p.click(`[data-from=""]`)
	p.click(`[data-kind=close]`)
	p.wait(`rowcount() === 14`)
	p.click(`[data-kind=close]`)
	p.click(`[data-kind=text]`)
	p.wait(`rowcount() === 4`)
	p.keys("Escape")
	p.wait(`rowcount() === 18 && $('[data-kind=text]').getAttribute('aria-pressed') === 'true'`)
}
