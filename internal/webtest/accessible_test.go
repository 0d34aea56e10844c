package webtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// tree lists what assistive technology is told: "role name".
func (p *page) tree() (nodes []string) {
	p.Helper()
	all, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.Fatal(err)
	}
	value := func(v *accessibility.Value) (s string) {
		if v != nil && json.Unmarshal(v.Value, &s) != nil {
			p.Errorf("a value that is no string: %s", v.Value)
		}
		return s
	}
	for _, n := range all.Nodes {
		if !n.Ignored {
			nodes = append(nodes, value(n.Role)+" "+value(n.Name))
		}
	}
	return nodes
}

// TestAccessible: parts have roles and names, whatever is open.
func TestAccessible(t *testing.T) {
	p := open(t, serve(t, "-r", walkthrough).url)
	p.wait(`rowcount() === 18 && lines().length === 18 && all('.connection').length > 1`)
	p.click(`#messages .message:nth-child(3)`)
	p.wait(`$('#detail .json')`)
	nodes := p.tree()
	for _, want := range []string{
		"searchbox Search messages", "searchbox Find a connection", "group Who sent it", "group Kinds of messages",
		"button Both sides", "button Only from the client", "button Only from the server", "button Text", "button Binary", "button Close",
		"button Ping/pong", "button Pause the list", "button Download", "button Keyboard and help", "button All",
		"slider From what time messages are shown", "slider Until what time messages are shown",
		"listbox Connections", "grid Messages", "columnheader Time", "columnheader Payload", "columnheader Sent by", "gridcell server",
		"button Copy the payload", "button Close the details", "button Only connection 1", "tablist Forms", "tab JSON", "tab Hex", "tabpanel JSON",
		"complementary Details", "region Timeline", "status ",
	} {
		if !slices.Contains(nodes, want) {
			t.Errorf("nothing is a %q", want)
		}
	}
	for _, n := range nodes {
		for _, role := range []string{"button", "searchbox", "slider", "tab", "grid", "listbox", "option", "columnheader", "gridcell", "dialog", "menuitem", "menu", "separator"} {
			if n == role+" " && role != "columnheader" && role != "gridcell" {
				t.Errorf("a %s has no name", role)
			}
		}
	}
	p.equal(`all('[aria-live=polite]').length`, "1")
	p.equal(`$('.message.selected').getAttribute('aria-selected')`, "true")

	// All that keys can reach shows that it has the focus.
	p.true(`all('button, input, [tabindex="0"]').filter((e) => e.checkVisibility()).every((e) => {
		e.focus({ focusVisible: true });
		return document.activeElement === e && getComputedStyle(e).outlineStyle !== 'none';
	})`)

	p.keys("Escape", "?")
	p.wait(`$('#help').open`)
	if nodes := p.tree(); !slices.Contains(nodes, "dialog Keyboard and help") {
		t.Error("the help is no dialog")
	}
}

// contrast finds text that is hard to read: less than 4.5 to 1, by WCAG 2.2.
const contrast = `all('body *').filter((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !e.disabled &&
	!e.closest('svg, .hidden, noscript') && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== '')).map((e) => {
	const rgb = (s) => s.match(/[\d.]+/g).map(Number);
	const light = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	let ground = e, b = [0, 0, 0, 0];
	for (; ground && (b.length === 4 && b[3] === 0); ground = ground.parentElement) b = rgb(getComputedStyle(ground).backgroundColor);
	const [x, y] = [light(rgb(getComputedStyle(e).color)), light(b)].sort((a, b) => b - a);
	const ratio = (x + 0.05) / (y + 0.05);
	return ratio < 4.5 ? e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 30) + ': ' + ratio.toFixed(2) : '';
}).filter(Boolean).join('\n')`

// TestContrast: all text can be read, light and dark.
func TestContrast(t *testing.T) {
	c := newChat()
	records := []record{c.open(1, record{"extensions": "permessage-deflate"}), c.text(1, "client", `{"a":[1,true,"x"],"b":null}`),
		c.binary(1, "server", "ping", []byte("x")), c.binary(1, "server", "binary", []byte{0, 1, 0x41})}
	cut := c.text(1, "server", "error\u202e")
	cut["truncated"] = true
	closing := c.binary(1, "server", "close", nil)
	delete(closing, "base64")
	closing["code"], closing["reason"] = 1000, "error"
	p := open(t, serve(t, "-r", file(t, append(records, cut, closing, c.end(1))...)).url)
	p.wait(`rowcount() === 5 && lines().at(-1) !== ''`)
	p.search("/error|a/")
	p.wait(`all('mark').length > 0`)
	for _, scheme := range []string{"light", "dark"} {
		p.system(scheme, "reduce") // a colour on its way to another one proves nothing
		for row := 1; row <= eval[int](p, `rowcount()`); row++ {
			p.click(fmt.Sprintf(`#messages .message:nth-child(%d)`, row))
			p.wait(fmt.Sprintf(`$('#detail').dataset.of === $('#messages .message:nth-child(%d)').id`, row))
			for _, form := range []string{"text", "hex", "message", "connection", "json"} {
				eval[any](p, `$('[data-form=`+form+`]')?.click(), 0`)
				p.wait(`text('.panel') !== '' && text('.panel') !== '…'`)
				if bad := eval[string](p, contrast); bad != "" {
					t.Errorf("%s, %s: %s", scheme, form, bad)
				}
			}
		}
		p.keys("?")
		if bad := eval[string](p, contrast); bad != "" {
			t.Errorf("%s, help: %s", scheme, bad)
		}
		p.keys("Escape")
	}
}

// TestStill: nothing moves for who asked for that.
func TestStill(t *testing.T) {
	p := open(t, feed(t, newChat().open(1, nil)).url)
	p.wait(`$('#link').dataset.state === 'live'`)
	p.true(`document.getAnimations().length > 0`)
	p.system("light", "reduce")
	p.wait(`document.getAnimations().length === 0`)
}
