// Command bake prints what `docker buildx bake --print` prints for the Bake and
// compose files in its folder, with buildx's own module. whittle's tests compare
// its readers with it: go test ./internal/project -run TestBuilds -update.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/docker/buildx/bake"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bake:", err)
		os.Exit(1)
	}
}

func run(names []string) error {
	files, err := bake.ReadLocalFiles(names, os.Stdin, nil)
	if err != nil {
		return err
	}
	targets, groups, err := bake.ReadTargets(context.Background(), files, []string{"default"}, nil, nil, nil, &bake.EntitlementConf{})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	return out.Encode(map[string]any{"group": groups, "target": targets})
}
