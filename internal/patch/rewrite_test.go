package patch

import (
	"testing"

	"whittle.dev/whittle"
)

// TestRewrite: a rewritten Dockerfile can be applied like any fix, also where a new
// stage moves what comes after it.
func TestRewrite(t *testing.T) {
	const before = "FROM python:3.13-slim\nCOPY a .\nRUN pip install -r a\nCMD [\"x\"]\n"
	for _, after := range []string{
		"FROM python:3.13-slim\nCOPY a .\nRUN pip install --no-compile -r a\nCMD [\"x\"]\n",
		"FROM python:3.13-slim AS builder\nCOPY a .\nRUN pip install -r a\n\nFROM python:3.13-slim\nCOPY --from=builder /opt/venv /opt/venv\nCMD [\"x\"]\n",
	} {
		fix := Rewrite("another way", "Dockerfile", []byte(before), []byte(after))
		out, conflicts, err := Merge(map[string][]byte{"Dockerfile": []byte(before)}, []string{"Dockerfile"}, []*whittle.Fix{fix})
		if err != nil || len(conflicts) > 0 || string(out["Dockerfile"]) != after {
			t.Errorf("%v %v\n%s", err, conflicts, out["Dockerfile"])
		}
	}
}
