package source

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// guarded puts a registry behind a user name and a password.
func guarded(t *testing.T, ref string) (host, name string) {
	t.Helper()
	backend, path, _ := strings.Cut(ref, "/")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "ann" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host = server.Listener.Addr().String()
	return host, "registry:" + host + "/" + path
}

// TestLogin takes credentials from Docker's configuration and from a
// credential helper.
func TestLogin(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	host, name := guarded(t, pushed(t, map[string]*made{"": m}))
	o := Options{Platform: &whittle.Platform{OS: "linux", Architecture: "amd64"}}
	configure := func(t *testing.T, json string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(json), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("DOCKER_CONFIG", dir)
	}
	auth := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	t.Run("configuration", func(t *testing.T) {
		configure(t, `{"auths":{"`+host+`":{"auth":"`+auth("ann:secret")+`"}}}`)
		img := opened(t, name, o)
		stored(t, img.Layers()[0])
	})
	t.Run("credential helper", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("the helper is a shell script")
		}
		bin := t.TempDir()
		script := "#!/bin/sh\necho '{\"ServerURL\":\"x\",\"Username\":\"ann\",\"Secret\":\"secret\"}'\n"
		if err := os.WriteFile(filepath.Join(bin, "docker-credential-whittletest"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		configure(t, `{"credHelpers":{"`+host+`":"whittletest"}}`)
		opened(t, name, o)
	})
	for what, config := range map[string]string{
		"no credentials": `{}`,
		"wrong password": `{"auths":{"` + host + `":{"auth":"` + auth("ann:guess") + `"}}}`,
	} {
		t.Run(what, func(t *testing.T) {
			configure(t, config)
			_, err := Open(context.Background(), name, o)
			if !errors.Is(err, whittle.ErrAuth) || whittle.Hint(err) == "" || strings.Contains(err.Error(), "guess") {
				t.Errorf("error %v (hint %q), want a refusal with a hint and without the password", err, whittle.Hint(err))
			}
		})
	}
}
