package pep

import (
	"bytes"
	"fmt"
)

// Caret is "^1.2" or "~1.2" as two bounds.
func Caret(sign byte, version string) []string {
	v, err := ParseVersion(version)
	if err != nil {
		return nil
	}
	upper := []int{}
	for _, n := range v.release {
		var x int
		if _, err := fmt.Sscan(n.String(), &x); err != nil {
			return nil
		}
		upper = append(upper, x)
	}
	keep := 0
	if sign == '~' {
		keep = min(1, len(upper)-1)
	} else {
		for keep < len(upper)-1 && upper[keep] == 0 {
			keep++
		}
	}
	upper = upper[:keep+1]
	upper[keep]++
	var b bytes.Buffer
	for i, n := range upper {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, n)
	}
	return []string{">=" + version, "<" + b.String()}
}
