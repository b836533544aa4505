package source

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/moby/client"
)

// LocalNames are the names of the images that the Docker engine at DOCKER_HOST
// has, sorted, as people write them. An engine that is reached through ssh is
// not asked, as that could ask for a password.
func LocalNames(ctx context.Context) ([]string, error) {
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	if strings.HasPrefix(cli.DaemonHost(), "ssh:") {
		return nil, nil
	}
	images, err := cli.ImageList(ctx, client.ImageListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, img := range images.Items {
		for _, tag := range img.RepoTags {
			if !strings.Contains(tag, "<none>") {
				names = append(names, tag)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
