package webtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// long is a file of n messages on a few connections, "message 0" the first.
func long(t *testing.T, n int) string {
	t.Helper()
	c := newChat()
	name := file(t, c.open(1, nil), c.open(2, nil), c.open(3, nil))
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		text := "message " + strconv.Itoa(i)
		c.now = c.now.Add(time.Millisecond)
		now := c.now.Format(time.RFC3339Nano)
		fmt.Fprintf(b, `{"event":"message","time":"%s","start":"%s","conn":%d,"client":"192.0.2.1:40001","server":"192.0.2.80:80","from":"%s",`+
			`"opcode":"text","length":%d,"wire_length":%[5]d,"frames":1,"compressed":false,"text":"%s"}`+"\n",
			now, now, 1+i%3, []string{"client", "server"}[i%2], len(text), text)
	}
	if err := errors.Join(b.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestReload: what was searched for, selected and looked at is there again.
func TestReload(t *testing.T) {
	p := open(t, serve(t, "-r", long(t, 3000)).url)
	p.wait(`rowcount() === 3000`)
	p.search("/[02468]$/")
	p.wait(`rowcount() === 1500`)
	p.keys("Escape", "/")
	p.wait(`rowcount() === 3000`)
	p.search("message")
	p.keys("Enter")
	p.click(`#c2`)
	p.wait(`rowcount() === 1000 && lines()[0] === 'message 1'`)
	p.click(`[data-from=server]`)
	p.wait(`rowcount() === 500 && lines()[1] === 'message 7'`)
	eval[any](p, `$('#messages').scrollBy(0, 6000), 0`)
	p.wait(`lines()[0] === 'message 1501'`)
	p.click(`#messages .message:nth-child(4)`)
	p.wait(`text('#detail .text') === 'message 1519'`)
	p.click(`[data-form=hex]`)
	p.wait(`location.hash.includes('tab=hex') && location.hash.includes('at=') && location.hash.includes('selected=')`)
	before := eval[string](p, `lines().join()`)

	p.do(chromedp.Reload())
	p.wait(`rowcount() === 500 && text('#detail .hex').includes('6d 65 73 73')`)
	p.wait(`lines().join() === ` + quote(before))
	p.equal(`$('#search').value`, "message")
	p.equal(`$('.message.selected .line').textContent`, "message 1519")
	p.true(`$('[data-from=server]').getAttribute('aria-pressed') === 'true' && $('#c2').getAttribute('aria-selected') === 'true'`)
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestKeyboard: everything by keys.
func TestKeyboard(t *testing.T) {
	p := open(t, serve(t, "-r", long(t, 1000)).url)
	p.wait(`rowcount() === 1000`)
	p.keys("j", "j", "j", "k")
	p.wait(`text('.message.selected .line') === 'message 1' && text('#detail .text') === 'message 1'`)
	p.keys("Enter")
	p.equal(`document.activeElement.dataset.form`, "text")
	p.keys("ArrowRight")
	p.wait(`document.activeElement.dataset.form === 'hex' && $('.hex')`)
	p.keys("Escape")
	p.wait(`$('#detail').hidden && document.activeElement.id === 'messages'`)
	p.keys("G")
	p.wait(`lines().at(-1) === 'message 999'`)
	p.keys("ArrowUp")
	p.wait(`text('.message.selected .line') === 'message 999'`)
	p.equal(`document.activeElement.getAttribute('aria-activedescendant')`, eval[string](p, `$('.message.selected').id`))
	p.keys("c")
	p.wait(`rowcount() === 334 && text('.message.selected .line') === 'message 999'`)
	p.keys("Escape", "Escape")
	p.wait(`rowcount() === 1000`)
	p.keys("g")
	p.wait(`lines()[0] === 'message 0'`)
	p.keys("/")
	p.equal(`document.activeElement.id`, "search")
	p.do(chromedp.KeyEvent("message 77"))
	p.wait(`rowcount() === 11`)
	p.keys("Enter")
	p.wait(`document.activeElement.id === 'messages' && text('.message.selected .line') === 'message 77'`)
	p.keys("?")
	p.wait(`$('#help').open && text('#help').includes('next message')`)
	p.keys("Escape")
	p.wait(`!$('#help').open`)
}

// TestTimeline: dragging over it chooses a span, which the list and the address have.
func TestTimeline(t *testing.T) {
	p := open(t, serve(t, "-r", long(t, 1000)).url)
	p.wait(`rowcount() === 1000 && $('.bars .client').getAttribute('d')`)
	box := eval[[]float64](p, `(({ left, top, width, height }) => [left, top, width, height])($('.track').getBoundingClientRect())`)
	x, y := func(f float64) float64 { return box[0] + f*box[2] }, box[1]+box[3]/2
	p.do(chromedp.MouseClickXY(x(0.5), y))
	p.wait(`/message (49\d|50\d)$/.test(lines()[0])`)
	p.do(chromedp.DragAndDropXY(x(0.25), y, x(0.5), y, 5))
	p.wait(`rowcount() > 240 && rowcount() < 260 && location.hash.includes('since=')`)
	p.keys("g")
	p.wait(`/message (24\d|25\d)$/.test(lines()[0])`)
	p.true(`text('.scale .span').includes(' of ') && !$('.shade').hidden`)
	p.click(`.scale button`)
	p.wait(`rowcount() === 1000`)
}

// TestDownload: a file of what the filter shows.
func TestDownload(t *testing.T) {
	p := open(t, serve(t, "-r", walkthrough).url)
	dir := t.TempDir()
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir}); err != nil {
		t.Fatal(err)
	}
	p.wait(`rowcount() === 18`)
	p.click(`#c2`)
	p.wait(`rowcount() === 7`)
	for _, test := range []struct{ format, holds string }{{"jsonl", `"conn":2`}, {"har", `"_webSocketMessages"`}, {"pcapng", "\x0a\x0d\x0d\x0a"}} {
		p.click(`#download`)
		p.click(`[data-format=` + test.format + `]`)
		got := ""
		for deadline := time.Now().Add(patience); got == "" && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if names, _ := filepath.Glob(filepath.Join(dir, "*."+test.format)); len(names) > 0 {
				b, err := os.ReadFile(names[0])
				if err != nil {
					t.Fatal(err)
				}
				got = string(b)
			}
		}
		if !strings.Contains(got, test.holds) || strings.Contains(got, `"conn":1`) {
			t.Errorf("the download of %s: %.300q", test.format, got)
		}
	}
}
