package pypi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// defaultIndex is what pip uses where it is told nothing.
const defaultIndex = "https://pypi.org/simple"

// settings are what the environment and pip's configuration say.
type settings struct {
	index string
	extra []string
	// certificates is a file of those to trust, empty for the system's.
	certificates string
}

// discover reads what pip and uv would: the environment, then pip's files.
// https://pip.pypa.io/en/stable/topics/configuration/
func discover(getenv func(string) string, readFile func(string) ([]byte, error)) (settings, error) {
	options := map[string]string{}
	for _, file := range pipFiles(getenv, readFile) {
		b, err := readFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return settings{}, whittle.ErrUsage.Errorf("reading pip's configuration %s: %w", file, err)
		}
		for key, value := range parseINI(b) {
			options[key] = value
		}
	}
	option := func(name string) string { return first(options["install."+name], options["global."+name]) }
	var s settings
	s.index = first(getenv("PIP_INDEX_URL"), getenv("UV_DEFAULT_INDEX"), getenv("UV_INDEX_URL"), option("index-url"), defaultIndex)
	// UV_DEFAULT_INDEX may name the index: "corp=https://…".
	if name, rest, ok := strings.Cut(s.index, "="); ok && !strings.ContainsAny(name, ":/") {
		s.index = rest
	}
	s.extra = strings.Fields(first(getenv("PIP_EXTRA_INDEX_URL"), getenv("UV_EXTRA_INDEX_URL"), option("extra-index-url")))
	s.certificates = first(getenv("PIP_CERT"), option("cert"), getenv("REQUESTS_CA_BUNDLE"), getenv("CURL_CA_BUNDLE"))
	return s, nil
}

// maxConfig bounds a file of pip's configuration in bytes.
const maxConfig = 1 << 20

// readConfig reads a configuration file of pip's. One may lie in a virtual
// environment of the project's, so that it is no device and has a bound; a link
// to the null device is the usual way to have none.
func readConfig(name string) ([]byte, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil && real == os.DevNull {
		return nil, nil
	}
	return whittle.ReadFile(name, maxConfig)
}

func first(of ...string) string {
	for _, s := range of {
		if s != "" {
			return s
		}
	}
	return ""
}

// pipFiles are pip's configuration files on Linux, the weakest first.
func pipFiles(getenv func(string) string, readFile func(string) ([]byte, error)) []string {
	own := getenv("PIP_CONFIG_FILE")
	if own == os.DevNull {
		return nil
	}
	var out []string
	for _, dir := range filepath.SplitList(first(getenv("XDG_CONFIG_DIRS"), "/etc/xdg")) {
		out = append(out, filepath.Join(dir, "pip", "pip.conf"))
	}
	out = append(out, "/etc/pip.conf")
	replaced := false
	if own != "" {
		_, err := readFile(own)
		replaced = err == nil
	}
	// A file that PIP_CONFIG_FILE names stands for the user's own.
	if home := getenv("HOME"); home != "" && !replaced {
		out = append(out, filepath.Join(home, ".pip", "pip.conf"),
			filepath.Join(first(getenv("XDG_CONFIG_HOME"), filepath.Join(home, ".config")), "pip", "pip.conf"))
	}
	if venv := getenv("VIRTUAL_ENV"); venv != "" {
		out = append(out, filepath.Join(venv, "pip.conf"))
	}
	if own != "" {
		out = append(out, own)
	}
	return out
}

// parseINI reads a file as Python's RawConfigParser does, into values by
// "section.key", keys in pip's normal form. What is no line of such a file is
// skipped: pip itself will say so.
func parseINI(b []byte) map[string]string {
	out := map[string]string{}
	section, key := "", ""
	var more []string // the lines of the value
	ended := func() {
		if key != "" {
			out[key] = strings.TrimSpace(strings.Join(more, "\n"))
		}
		key = ""
	}
	defer ended()
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
			continue
		case key != "" && (line[0] == ' ' || line[0] == '\t'): // a value goes on
			more = append(more, text)
			continue
		case text[0] == '[' && strings.Contains(text, "]"):
			ended()
			section = text[1:strings.IndexByte(text, ']')]
			continue
		}
		ended()
		at := strings.IndexAny(text, "=:")
		if at <= 0 || section == "" {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text[:at])), "_", "-")
		key = section + "." + strings.TrimPrefix(name, "--")
		more = []string{strings.TrimSpace(text[at+1:])}
	}
	return out
}

// maxCertificates bounds a file of certificates in bytes.
const maxCertificates = 16 << 20

// newHTTP makes the client that is used where the caller has none.
func newHTTP(certificates string) (*http.Client, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if certificates != "" {
		if err := trust(pool, certificates); err != nil {
			return nil, err
		}
	}
	return &http.Client{CheckRedirect: keepSecret, Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   atOnce,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   20 * time.Second,
		ExpectContinueTimeout: time.Second,
	}}, nil
}

// keepSecret refuses to go on without encryption where it began with it: the
// credentials would go with it.
func keepSecret(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("redirected ten times")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("redirected from https to " + req.URL.Scheme)
	}
	return nil
}

// trust adds the certificates of a file, or of the files of a folder.
func trust(pool *x509.CertPool, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return whittle.ErrUsage.Errorf("reading the certificates that pip is told to trust: %w", err)
	}
	files := []string{name}
	if info.IsDir() {
		files, err = filepath.Glob(filepath.Join(name, "*"))
		if err != nil {
			return whittle.ErrUsage.Errorf("listing the certificates in %s: %w", name, err)
		}
	} else if info.Size() > maxCertificates {
		return whittle.ErrLimit.Errorf("the certificates %s have more than %d bytes", name, maxCertificates)
	}
	found := false
	for _, f := range files {
		if b, err := whittle.ReadFile(f, maxCertificates); err == nil {
			found = pool.AppendCertsFromPEM(b) || found
		}
	}
	if !found {
		return whittle.ErrUsage.Errorf("%s holds no certificate", name)
	}
	return nil
}
