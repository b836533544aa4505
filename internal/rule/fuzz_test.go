package rule

import (
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle/internal/dockerfile"
)

// FuzzRules asks all rules about an image of which the Dockerfile says
// anything: no panic, no endless loop, and every fix can be applied.
func FuzzRules(f *testing.F) {
	if testing.Short() {
		f.Skip(allCases)
	}
	for _, name := range cases(f) {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range ar.Files {
			if part.Name == "Dockerfile" {
				f.Add(string(part.Data))
			}
		}
	}
	f.Add("FROM a\nRUN A=b\nRUN rm -rf /app && X=1\nCOPY --from=0 / /\nRUN find | xargs\nRUN [\"rm\", \"/app\"]\n")
	layers := []string{"f app/base a*100000", "f app/x b*100001\nf wheels/w.whl c*100002", "w wheels\nf app/x b*100001 mode=0755", "f app/y b*100001\nw app/x",
		"f app/y d*100003", "w app"}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4<<10 {
			t.Skip("large")
		}
		file, err := dockerfile.Parse("Dockerfile", []byte(src))
		if err != nil {
			t.Skip("no Dockerfile")
		}
		c := testCase{parts: map[string][]byte{"Dockerfile": []byte(src)}}
		for _, l := range layers {
			c.layers = append(c.layers, expand(l))
		}
		chain, err := file.Chain("")
		if err != nil {
			t.Fatal(err)
		}
		made := 0
		for _, in := range chain {
			if in.Keyword == "RUN" || in.Keyword == "COPY" || in.Keyword == "ADD" {
				made++
			}
		}
		for len(c.layers) < made {
			c.layers = append(c.layers, "f app/z 10")
		}
		p := c.pass(t)
		found, err := Find(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			hold(t, p, &found[i])
			c.fixed(t, p, &found[i])
		}
	})
}
