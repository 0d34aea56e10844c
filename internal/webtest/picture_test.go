package webtest

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("webtest.update", false, "write docs/web.png anew")

const picture = "../../docs/web.png"

// TestPicture: README's picture is one of the page, and not too large to load.
func TestPicture(t *testing.T) {
	p := open(t, serve(t, "-r", walkthrough).url)
	p.do(chromedp.EmulateViewport(1280, 660))
	p.wait(`rowcount() === 18 && all('.rate .client').every((e) => !e.checkVisibility() || e.getAttribute('d') !== '')`)
	p.click(`#messages .message:nth-child(10)`)
	p.wait(`text('#detail .json').includes('🌍') && $('.bars .client').getAttribute('d')`)
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(picture, shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{shot, b} {
		c, err := png.DecodeConfig(bytes.NewReader(b))
		if err != nil || c.Width != 1280 || c.Height != 660 || len(b) > 200<<10 {
			t.Errorf("a picture of %d by %d pixels, %d bytes: %v", c.Width, c.Height, len(b), err)
		}
	}
}
