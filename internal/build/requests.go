package build

import (
	"fmt"
	"strings"
)

// Request is a GET request to a watched command.
type Request struct {
	// Path begins with a slash and has no blank and no apostrophe.
	Path string
	// Port is the port to send it to; 0 is every port that the command listens on,
	// until one gives the wanted answer.
	Port int
	// Status is the wanted status; 0 is any of 200 to 399.
	Status int
	any    bool // any status is wanted
}

// Answer is the status of an answer and the port that gave it; both are 0
// where there was none.
type Answer struct{ Port, Status int }

// Passed says that a status is the wanted one.
func (r Request) Passed(status int) bool {
	switch {
	case r.any:
		return status != 0
	case r.Status != 0:
		return status == r.Status
	}
	return status >= 200 && status < 400
}

// maxRounds is how often a request is repeated whose answer is not the wanted one,
// for a few seconds: a server may listen before it can serve.
const maxRounds = 20

// askers is the part of a watch's script that finds an HTTP client and defines the
// function get with it, which prints the status of GET localhost:$1$2 in at most
// five seconds, without redirections and proxies. It prints "mute" where there is
// no client.
const askers = `if command -v python3 >/dev/null; then
  get() { python3 -I -S -c '` + askPython + `' "$1" "$2"; }
elif command -v curl >/dev/null; then
  get() { curl -g -s -o /dev/null -m 5 --noproxy "*" -w "%{http_code}" "http://localhost:$1$2"; }
elif command -v bash >/dev/null; then
  get() { bash -c '` + askBash + `' bash "$1" "$2"; }
elif command -v perl >/dev/null; then
  get() { perl -e '` + askPerl + `' "$1" "$2"; }
elif command -v node >/dev/null; then
  get() { node -e '` + askNode + `' "$1" "$2"; }
elif command -v wget >/dev/null; then
  get() { http_proxy= wget -S -T 5 -O /dev/null "http://localhost:$1$2" 2>&1 | while read -r proto status rest; do case $proto in HTTP/*) echo "$status"; break;; esac; done; }
else
  get() { :; }
  echo mute
fi
try() {
  best=
  for p in ${3:-$ports}; do
    status=$(get "$p" "$2" 2>/dev/null </dev/null)
    case $status in
    $4) best="$p $status"; break;;
    [1-5][0-9][0-9]) [ -n "$best" ] || best="$p $status";;
    esac
  done
  [ -z "$best" ] || echo "answer $1 $best"
}
`

const (
	askPython = `import socket, sys
with socket.create_connection(("localhost", int(sys.argv[1])), 5) as s:
    s.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % sys.argv[2].encode())
    words = s.makefile("rb").readline(1000).split()
    if words[0].startswith(b"HTTP/"):
        print(int(words[1]))`

	askBash = `exec 3<>/dev/tcp/localhost/$1 && printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$2" >&3 && read -t 5 -r proto status rest <&3 &&
case $proto in HTTP/*) echo "$status";; esac`

	askPerl = `use IO::Socket::INET; alarm 5; my $s = IO::Socket::INET->new(PeerAddr => "localhost:$ARGV[0]") or exit;
print $s "GET $ARGV[1] HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"; print $1 if <$s> =~ m{^HTTP/\S+ (\d{3})}`

	askNode = `require("http").get({host: "localhost", port: process.argv[1], path: process.argv[2], timeout: 5000},
r => { console.log(r.statusCode); process.exit() }).on("timeout", () => process.exit()).on("error", () => {})`
)

// requestsScript asks for paths, and prints for each a line "answer REQUEST
// PORT STATUS" where something answers.
func requestsScript(all []Request) string {
	var b strings.Builder
	for i, r := range all {
		port, want := "''", "'[23][0-9][0-9]'"
		if r.Port != 0 {
			port = fmt.Sprint(r.Port)
		}
		switch {
		case r.any:
			want = "'[1-5][0-9][0-9]'"
		case r.Status != 0:
			want = fmt.Sprint(r.Status)
		}
		fmt.Fprintf(&b, "    try %d '%s' %s %s\n", i, r.Path, port, want)
	}
	return b.String()
}
