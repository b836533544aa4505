//go:build !linux

package main

import (
	"context"
	"errors"
)

func unpacked(context.Context, string, string, map[string]bool) (map[string]string, error) {
	return nil, errors.New("umoci unpacks with owners and devices on Linux only")
}

func different(_, _ map[string]string) string { return "" }
