package host

import (
	"context"

	"whittle.dev/whittle"
)

// CacheFacts describe the cache of layer indexes.
type CacheFacts struct {
	Dir     string `json:"dir"`
	Indexes int    `json:"indexes"`
	Bytes   int64  `json:"bytes"`
	Limit   int64  `json:"limit"`
}

// CacheUsage describes the cache of layer indexes.
func CacheUsage(env *Env) (*CacheFacts, error) {
	if env.Index.Cache == nil {
		return nil, whittle.ErrUsage.Errorf("the cache of indexes is switched off")
	}
	u, err := env.Index.Cache.Usage()
	if err != nil {
		return nil, err
	}
	return &CacheFacts{Dir: u.Dir, Indexes: u.Indexes, Bytes: u.Bytes, Limit: u.Max}, nil
}

// ClearCache removes all indexes from the cache.
func ClearCache(env *Env) error {
	if env.Index.Cache == nil {
		return nil
	}
	return env.Index.Cache.Clear()
}

// EngineFacts describe a build engine.
type EngineFacts struct {
	Kind      string   `json:"kind"`
	Version   string   `json:"version"`
	Address   string   `json:"address"`
	Platforms []string `json:"platforms"`
	// Bases says whether images can stand in for a registry.
	Bases bool     `json:"bases"`
	Notes []string `json:"notes"`
}

// FindEngine opens the engine that builds would use, and closes it again.
func FindEngine(ctx context.Context, env *Env) (*EngineFacts, error) {
	e, err := env.Engine(ctx, false)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	i := e.Info()
	return &EngineFacts{Kind: i.Kind, Version: i.Version, Address: i.Address, Platforms: i.Platforms, Bases: i.NamedContexts, Notes: i.Notes}, nil
}
