package whittle

import "strings"

// OneLine is a text with each run of white space made one space: what a program
// printed, or an error of several lines, in a message of one.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
