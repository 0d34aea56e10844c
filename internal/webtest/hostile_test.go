package webtest

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostile: what peers sent is text, whatever it tries to be.
func TestHostile(t *testing.T) {
	const attack = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><iframe src="javascript:parent.pwned=1"></iframe>` +
		`<style>body{display:none}</style><a id=search href="javascript:pwned=1">x</a>`
	payloads := []string{
		attack,
		`{"` + strings.ReplaceAll(attack, `"`, `'`) + `":"` + strings.ReplaceAll(attack, `"`, `'`) + `","__proto__":{"pwned":1},"constructor":1}`,
		"\x1b]0;title\x07\x1b[31mred\x00\u009b2J\u2028\u2029\u0085",
		"abc\u202egnp.exe\u2066\u2067\u200f\u200b\ufeff\U000e0041",
		"שלום עולם مرحبا",
		"]]>--><!--</textarea></title></noscript>" + attack,
		"a\nb\r\nc\td",
		strings.Repeat("W", 100_000),
		"{" + strings.Repeat(`"a":[`, 5000),
		strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000),
		`{"a":1,"a":2,"big":12345678901234567890.10}`,
	}
	c := newChat()
	header := record{"X-Evil\u202e": []string{attack + "\u202e\x1b[2J"}, "__proto__": []string{attack}}
	records := []record{c.open(1, record{"url": "ws://chat.example/" + attack + "\u202e", "subprotocol": attack + "\u200f", "extensions": attack,
		"request": header, "response": header})}
	for _, p := range payloads {
		records = append(records, c.text(1, "client", p))
	}
	code := []byte{0x0f, 0xa0}
	closing := c.binary(1, "server", "close", append(code, attack...))
	delete(closing, "base64")
	closing["code"], closing["reason"] = 4000, attack+"\u202e"
	records = append(records, c.binary(1, "server", "binary", []byte("\x00\x01<script>pwned=1</script>\xff")), closing, c.end(1))

	p := open(t, serve(t, "-r", file(t, records...)).url)
	p.wait(`rowcount() === 13 && lines()[12] !== ''`)
	// check looks at all of the page: nothing was made of what peers sent, and
	// nothing of it acts on how the rest is shown.
	check := func() {
		t.Helper()
		p.true(`!('pwned' in window) && !('pwned' in Object.prototype) && document.title === 'wsdump' && getComputedStyle(document.body).display === 'grid'`)
		p.equal(`all('img, iframe, style, a, script:not([src="main.js"]), textarea, object, embed').length`, "0")
		p.equal(`(document.documentElement.outerHTML.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u) ?? []).length`, "0")
		p.true(`$('#search') === document.querySelector('input#search') && document.documentElement.scrollWidth <= innerWidth`)
	}
	check()
	p.true(`lines()[0].startsWith('<img src=x onerror=')`)
	p.true(`lines()[2].startsWith('\\x1b]0;title\\x07')`)
	p.true(`lines()[3].startsWith('abc\\u202egnp.exe')`)
	for i := range 13 {
		eval[any](p, fmt.Sprintf(`all('#messages .message')[%d].click(), 0`, i))
		p.wait(fmt.Sprintf(`index($('.message.selected')) === %d && $('#detail').dataset.of === $('.message.selected').id`, i))
		for _, form := range []string{"json", "text", "hex", "message", "connection"} {
			if !eval[bool](p, `!!$('[data-form=`+form+`]')`) {
				continue
			}
			eval[any](p, `$('[data-form=`+form+`]').click(), 0`)
			p.wait(`$('[data-form=` + form + `]').getAttribute('aria-selected') === 'true' && ` +
				`$('.panel').getAttribute('aria-label') === $('[data-form=` + form + `]').textContent && text('.panel').length > 1`)
			check()
		}
	}
	p.wait(`text('.panel').includes('X-Evil\\u202e') && text('.panel').includes('<script>window.pwned=1')`)

	// JSON as it was sent, doubled keys and long numbers too.
	eval[any](p, `all('#messages .message')[10].click(), 0`)
	p.wait(`index($('.message.selected')) === 10 && $('#detail').dataset.of === $('.message.selected').id`)
	p.click(`[data-form=json]`)
	p.wait(`text('#detail .json').includes('a: 1a: 2big: 12345678901234567890.10')`)
	check()
}
