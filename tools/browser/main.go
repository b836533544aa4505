// Command browser makes pictures of reports and of terminals, for the README:
//
//	browser -o report.webp [-width 1280] [-height 900] [-dark] [-from SELECTOR] report.html
//	browser -o explore.png [-width 1280] frame.ansi
//
// A frame is what tmux capture-pane -e prints. Its tests open reports in the same
// browser, and hold them to what package view and the JSON say.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

type picture struct {
	out           string
	width, height int64
	dark          bool
	from          string
}

func main() {
	var p picture
	flag.StringVar(&p.out, "o", "", "the PNG or WebP file to write")
	flag.Int64Var(&p.width, "width", 1280, "the width in pixels")
	flag.Int64Var(&p.height, "height", 900, "the height of a report's picture in pixels")
	flag.BoolVar(&p.dark, "dark", false, "with light text on dark")
	flag.StringVar(&p.from, "from", "", "the picture begins at this element, by a CSS selector")
	flag.Parse()
	if p.out == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: browser -o OUT.png|OUT.webp [-width N] [-height N] [-dark] [-from SELECTOR] REPORT.html | FRAME.ansi")
		os.Exit(2)
	}
	if err := p.make(flag.Arg(0)); err != nil {
		fmt.Fprintf(os.Stderr, "browser: %s: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

func (p *picture) make(file string) error {
	if strings.HasSuffix(file, ".ansi") {
		frame, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "browser-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file = filepath.Join(dir, "frame.html")
		if err := os.WriteFile(file, []byte(terminalPage(string(frame))), 0o600); err != nil {
			return err
		}
		p.from, p.height = "pre", 0
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	ctx, stop, err := startBrowser(context.Background())
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	png, err := p.take(ctx, "file://"+path)
	if err != nil {
		return err
	}
	return os.WriteFile(p.out, png, 0o644)
}

// take opens a page and takes the picture: of a part from an element on, or of
// all of an element where there is no height.
func (p *picture) take(ctx context.Context, url string) ([]byte, error) {
	scheme := "light"
	if p.dark {
		scheme = "dark"
	}
	if err := resize(ctx, p.width, max(p.height, 400)); err != nil {
		return nil, err
	}
	if err := look(ctx, "screen", scheme); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	from := p.from
	if from == "" {
		from = "body"
	}
	box, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](fmt.Sprintf("(r => [r.x, r.y + scrollY, r.width, r.height])(document.querySelector(%q).getBoundingClientRect())", from)))
	if err != nil {
		return nil, fmt.Errorf("finding %s in it: %w", from, err)
	}
	clip := &page.Viewport{X: 0, Y: box[1], Width: float64(p.width), Height: float64(p.height), Scale: 1}
	if p.height == 0 {
		clip.X, clip.Width, clip.Height = box[0], box[2], box[3]
	}
	beyond, quality := true, int64(90)
	how := page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng, Clip: clip, CaptureBeyondViewport: &beyond}
	if strings.HasSuffix(p.out, ".webp") {
		how.Format, how.Quality = page.CaptureScreenshotFormatWebp, &quality
	}
	res, err := chromedp.Call(ctx, page.CaptureScreenshot, how)
	if err != nil {
		return nil, err
	}
	return res.Data, nil
}
