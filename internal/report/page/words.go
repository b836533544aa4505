package page

import "strings"

// meanings are the words for sizes as each screen explains them, where they
// first appear.
var meanings = map[string]string{
	"size":     "on disk, uncompressed",
	"download": "compressed, as a registry stores it",
	"wasted":   "hidden by a later layer, still downloaded and stored",
	"keeps":    "its size with what only it needs (these do not add up)",
}

// Explained says what words mean: "Size: on disk, uncompressed."
func Explained(words ...string) Para {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.ToUpper(w[:1]) + w[1:] + ": " + meanings[w] + "."
	}
	return Para(strings.Join(out, " "))
}
