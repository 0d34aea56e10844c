package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// patience is for a browser and wsdump on a machine that does much else.
const patience = time.Minute

// browser is the one of all tests; each has a page of its own.
var browser context.Context

// dir holds the binary of wsdump and the browser's profile.
var dir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if dir, err = os.MkdirTemp("", "webtest"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		loopbackUp()
		allocated, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(chromium()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(filepath.Join(dir, "profile")),
			chromedp.Flag("disable-lcd-text", true), chromedp.Flag("hide-scrollbars", false))...)
		defer cancel()
		browser, cancel = chromedp.NewContext(allocated)
		defer cancel()
		return m.Run()
	}())
}

// chromium is the path of a browser, or empty.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// start starts the browser, once.
var start = sync.OnceValue(func() error { return chromedp.Do(browser) })

// A page is a tab that shows wsdump's.
type page struct {
	*testing.T
	ctx context.Context

	mu        sync.Mutex
	complaint []string // of the browser's console
	expected  string   // part of those that are as they should be
}

// open opens a page at a URL, light and 1440 by 900 pixels.
func open(t *testing.T, url string) *page {
	t.Helper()
	if err := start(); err != nil {
		t.Fatalf("%s does not start: %v", chromium(), err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &page{T: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as this context
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(1440, 900))
	p.scheme("light")
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.complaint = append(p.complaint, m.String())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.complaint {
			if p.expected == "" || !strings.Contains(c, p.expected) {
				t.Errorf("the browser's console: %s", c)
			}
		}
	})
	p.do(chromedp.Navigate(url))
	return p
}

// do runs steps.
func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

// scheme says whether the system is light or dark.
func (p *page) scheme(name string) {
	p.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.Fatal(err)
	}
}

// Functions for the expressions of eval and wait.
const prelude = `const $ = (s) => document.querySelector(s), all = (s) => [...document.querySelectorAll(s)];
const text = (s) => $(s)?.textContent ?? '';
const lines = () => all('#messages .message:not([hidden])').map((r) => r.querySelector('.line').textContent);
const rowcount = () => Number($('#grid').getAttribute('aria-rowcount')) - 1;
const index = (r) => Number(r?.getAttribute('aria-rowindex')) - 2;
const counter = (name) => all('#counters > div').find((d) => d.querySelector('dt').textContent === name && !d.hidden)?.querySelector('dd').textContent;
`

// eval is the value of an expression, or of the promise that it is.
func eval[T any](p *page, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T]("(async () => {"+prelude+"return ("+expression+")})()", chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until an expression is true.
func (p *page) wait(expression string) {
	p.Helper()
	for deadline := time.Now().Add(patience); !eval[bool](p, "!!("+expression+")"); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatalf("never true: %s\nthe page: %s", expression, eval[string](p, "document.body.innerText"))
		}
	}
}

// true fails if an expression is not true now.
func (p *page) true(expression string) {
	p.Helper()
	if !eval[bool](p, "!!("+expression+")") {
		p.Errorf("not true: %s\nthe page: %s", expression, eval[string](p, "document.body.innerText"))
	}
}

// equal fails if an expression is not a string now.
func (p *page) equal(expression, want string) {
	p.Helper()
	if got := eval[string](p, "String("+expression+")"); got != want {
		p.Errorf("%s is %q, should be %q", expression, got, want)
	}
}

// keys presses keys, one after the other, that type nothing: "j", "Escape".
func (p *page) keys(names ...string) {
	p.Helper()
	for _, name := range names {
		for _, typ := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: typ, Key: name}); err != nil {
				p.Fatal(err)
			}
		}
	}
}

// search types into the search box.
func (p *page) search(words string) {
	p.Helper()
	p.keys("/")
	p.do(chromedp.KeyEvent(words))
}

// click clicks what a CSS selector finds first.
func (p *page) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}
