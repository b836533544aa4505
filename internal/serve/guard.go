package serve

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// newToken is a secret that nobody guesses, of characters that a path has as they are.
func newToken() string { return rand.Text() }

// guard lets requests through that come from the page itself. Any program of this machine,
// and any page that a browser here has open, can send requests to the server: what they
// lack is the token. Host and Origin are checked besides, as a name that a foreign page
// was loaded from can be made to lead here (DNS rebinding).
type guard struct {
	token string
	// hosts are what Host may be: the address that is listened on, with its names.
	hosts []string
	// refused is told why a request is refused.
	refused func(why string)
	next    http.Handler
}

// newGuard guards what listens on an address.
func newGuard(token string, at net.Addr, refused func(string), next http.Handler) *guard {
	return &guard{token, hostsOf(at), refused, http.StripPrefix("/"+token, http.NewCrossOriginProtection().Handler(next))}
}

// hostsOf are the values of Host by which an address is asked.
func hostsOf(at net.Addr) []string {
	_, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return nil
	}
	hosts := []string{at.String(), net.JoinHostPort("localhost", port)}
	if port == "80" { // browsers leave out the usual port
		for _, h := range hosts {
			hosts = append(hosts, strings.TrimSuffix(h, ":80"))
		}
	}
	return hosts
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // the token is in the URL
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if why := g.refuse(r); why != "" {
		g.refused(why)
		http.Error(w, "refused: "+why, http.StatusForbidden)
		return
	}
	if r.URL.Path == "/"+g.token {
		http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
		return
	}
	g.next.ServeHTTP(w, r)
}

// refuse says why a request is refused; empty if it is not.
func (g *guard) refuse(r *http.Request) string {
	if !slices.Contains(g.hosts, r.Host) {
		return "the request names another host"
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return "the request is of another site"
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(g.token)) != 1 {
		return "the address has no valid token: open the one that whittle serve has printed"
	}
	return ""
}

// Address is where the page is: an address of this machine that no other reaches, as who
// opens the page may write files, and run what a Dockerfile says. It is the value of an
// option.
type Address string

// String is the address.
func (a *Address) String() string { return string(*a) }

// Type names the kind of the option's values.
func (*Address) Type() string { return "address" }

// Set takes an address that only this machine reaches.
func (a *Address) Set(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("an address with a port is wanted, such as 127.0.0.1:8080; port 0 is a free one")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errors.New("a port from 0 to 65535 is wanted")
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return errors.New("other machines could reach it: 127.0.0.1 is wanted; ssh -L reaches that from elsewhere")
	}
	*a = Address(s)
	return nil
}
