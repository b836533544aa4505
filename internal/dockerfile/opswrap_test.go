package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestWrap: edits that make a line of a RUN too long together break it, in the
// way of the file.
func TestWrap(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name, src, want string
		insert          map[string]string // behind a text
	}{
		{"behind an operator", "FROM a\nRUN b && install git && rm -rf " + pad(60) + "\n", "FROM a\nRUN b && install --one-long-option " + pad(30) + " git && \\\n    rm -rf " + pad(60) + "\n",
			map[string]string{"install": " --one-long-option " + pad(30)}},
		{"before one where the line begins so", "FROM a\nRUN b \\\n && install git && rm -rf " + pad(60) + "\n", "FROM a\nRUN b \\\n && install --one-long-option " + pad(30) + " git \\\n && rm -rf " + pad(60) + "\n",
			map[string]string{"install": " --one-long-option " + pad(30)}},
		{"a tab", "FROM a\nRUN set -e; \\\n\tinstall git && rm -rf " + pad(60) + "; \\\n\tb\n", "FROM a\nRUN set -e; \\\n\tinstall --one-long-option " + pad(30) + " git && \\\n\trm -rf " + pad(60) + "; \\\n\tb\n",
			map[string]string{"install": " --one-long-option " + pad(30)}},
		{"between words", "FROM a\nRUN install -t stable " + pad(60) + " git\n", "FROM a\nRUN install --one-long-option -t stable " + pad(60) + " \\\n    " + pad(30) + " git\n",
			map[string]string{"install": " --one-long-option", pad(60): " " + pad(30)}},
		{"not between an option and its value", "FROM a\nRUN install " + pad(60) + " -t " + pad(43) + "\n", "FROM a\nRUN install " + pad(60) + " \\\n    -t " + pad(43) + "bb\n",
			map[string]string{pad(43) + "\n": ""}},
		{"CRLF", "FROM a\r\nRUN b && install git && rm " + pad(60) + "\r\n", "FROM a\r\nRUN b && install --one-long-option " + pad(30) + " git && \\\r\n    rm " + pad(60) + "\r\n",
			map[string]string{"install": " --one-long-option " + pad(30)}},
		{"several lines", "FROM a\nRUN b && c " + pad(60) + "\n", "FROM a\nRUN b && \\\n    c " + pad(100) + " \\\n        " + pad(100) + " \\\n        " + pad(60) + "\n",
			map[string]string{"c": " " + pad(100) + " " + pad(100)}},
		{"it was long before", "FROM a\nRUN b && c && d " + pad(110) + "\n", "FROM a\nRUN b && c x && d " + pad(110) + "\n", map[string]string{"c": " x"}},
		{"no place", "FROM a\nRUN b " + pad(118) + "\n", "FROM a\nRUN b x" + pad(118) + "\n", map[string]string{"b ": "x"}},
		{"a heredoc", "FROM a\nRUN <<E\nb && c && d " + pad(100) + "\nE\n", "FROM a\nRUN <<E\nb && c " + pad(20) + " && d " + pad(100) + "\nE\n", map[string]string{"c": " " + pad(20)}},
		{"no RUN", "FROM a\nCMD b && c && d " + pad(90) + "\n", "FROM a\nCMD b && c " + pad(20) + " && d " + pad(90) + "\n", map[string]string{"c": " " + pad(20)}},
		{"before a quoted word", "FROM a\nRUN b 'c && d " + pad(100) + "'\n", "FROM a\nRUN b \\\n    'c " + pad(20) + " && d " + pad(100) + "'\n", map[string]string{"'c": " " + pad(20)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var edits []whittle.Edit
			for behind, text := range tt.insert {
				at := strings.Index(tt.src, behind) + len(behind)
				if text == "" {
					at, text = at-1, "bb"
				}
				edits = append(edits, whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: text})
			}
			if len(edits) == 2 && edits[0].Span.Start > edits[1].Span.Start {
				edits[0], edits[1] = edits[1], edits[0]
			}
			got, err := Wrap([]byte(tt.src), edits)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
