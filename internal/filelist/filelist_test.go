package filelist

import "testing"

// TestLine: what a list says of a changed file is true, and all else of the line stays.
func TestLine(t *testing.T) {
	hello := ContentOf([]byte("hello"))
	const sum, md5 = "sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ", "5d41402abc4b2a76b9719d911017c592" // python3: hashlib, base64
	for name, c := range map[string]struct{ list, line, want string }{
		"RECORD":             {"a/RECORD", "a/b.so,sha256=x,9\n", "a/b.so," + sum + ",5\n"},
		"CRLF":               {"a/RECORD", "a/b.so,sha256=x,9\r\n", "a/b.so," + sum + ",5\r\n"},
		"no line end":        {"a/RECORD", "a/b.so,sha256=x,9", "a/b.so," + sum + ",5"},
		"nothing is said":    {"a/RECORD", "a/b.so,,\n", "a/b.so,,\n"},
		"no size":            {"a/RECORD", "a/b.so,sha256=x,\n", "a/b.so," + sum + ",\n"},
		"another digest":     {"a/RECORD", "a/b.so,sha512=x,9\n", "a/b.so," + sum + ",5\n"},
		"quoted path":        {"a/RECORD", "\"a/b,c.so\",sha256=x,9\n", "\"a/b,c.so\"," + sum + ",5\n"},
		"all is quoted":      {"a/RECORD", "\"a/\"\"b.so\",\"sha256=x\",\"9\"\n", "\"a/\"\"b.so\"," + sum + ",5\n"},
		"dpkg's sums":        {"var/lib/dpkg/info/a.md5sums", "00000000000000000000000000000000  usr/lib/b.so\n", md5 + "  usr/lib/b.so\n"},
		"dpkg's list":        {"var/lib/dpkg/info/a.list", "/usr/lib/b.so\n", "/usr/lib/b.so\n"},
		"too many in RECORD": {"a/RECORD", "a,b,c,d\n", "a,b,c,d\n"},
	} {
		if got := hello.line(c.list, c.line); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
