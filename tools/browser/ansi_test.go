package main

import "testing"

// TestTerminalText: colours and attributes are as the sequences say, and nothing
// else of them is left.
func TestTerminalText(t *testing.T) {
	for in, want := range map[string]string{
		"plain <b>&":                             "plain &lt;b&gt;&amp;",
		"\x1b[1mbold\x1b[0m not":                 `<span style="font-weight:700">bold</span> not`,
		"\x1b[31;1mred\x1b[39mbold\x1b[22mno":    `<span style="color:#e06c75;font-weight:700">red</span><span style="font-weight:700">bold</span>no`,
		"\x1b[38;5;196mx\x1b[mz":                 `<span style="color:#ff0000">x</span>z`,
		"\x1b[48;5;244mx":                        `<span style="background:#808080">x</span>`,
		"\x1b[38;2;1;2;3;4mx":                    `<span style="color:#010203;text-decoration:underline">x</span>`,
		"\x1b[7mx\x1b[27my":                      `<span style="color:#16181d;background:#d8dade">x</span>y`,
		"\x1b[92;100mx":                          `<span style="color:#b5dc97;background:#7a828e">x</span>`,
		"\x1b]0;title\aa\x1b]8;;u\x1b\\b\x1b(Bc": "abc",
		"\x1b[2J\x1b[?25l\x1b[3;4Hx\r\n\x1b[":    "x\n",
		"\x1b[38;5mx\x1b":                        "x",
	} {
		if got := terminalText(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
