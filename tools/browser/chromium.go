package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// programs are the names that Debian, Ubuntu and others give the browser.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// findBrowser is the path of the browser of this machine.
func findBrowser() (string, error) {
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no chromium: scripts/setup --browser installs Debian's")
}

// startBrowser starts a browser without a window. The context opens tabs:
// [chromedp.NewContext] gives one each.
func startBrowser(parent context.Context) (context.Context, context.CancelFunc, error) {
	path, err := findBrowser()
	if err != nil {
		return nil, nil, err
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU,
		// It opens nothing but the project's own files, and neither root nor a
		// container can have Chromium's sandbox.
		chromedp.NoSandbox,
		// Two cores that others use too may take long to start it.
		chromedp.WSURLReadTimeout(2*time.Minute),
		chromedp.Flag("hide-scrollbars", false), chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("lang", "en-US"))
	allocator, stop := chromedp.NewExecAllocator(parent, o...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		stop()
		return nil, nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return ctx, func() { _ = chromedp.Cancel(ctx); stop() }, nil
}

// resize gives the page of a tab a width and a height in CSS pixels.
func resize(ctx context.Context, width, height int64) error {
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	return err
}

// look sets what a medium is like: "print" or "screen", "light" or "dark".
func look(ctx context.Context, medium, scheme string) error {
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	return err
}
