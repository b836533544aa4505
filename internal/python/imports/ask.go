package imports

import (
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// Text evaluates an expression of a module to a string or path, as far as the
// text shows it.
func (im *Importer) Text(n *Node, expr string, line int) (string, bool) {
	return im.evaluate(n, expr, line).text()
}

// Words evaluates an expression of a module to the words of a command line: a
// list, or one string, which is then one word. A word of which only the
// beginning is known ends in unknown; sys.executable is the interpreter's path.
func (im *Importer) Words(n *Node, expr string, line int, executable, unknown string) (words []string, list bool) {
	v := im.evaluate(n, expr, line)
	items := []place{v}
	if v.kind == 'l' {
		items = v.list
	}
	for _, item := range items {
		text, known := item.text()
		switch {
		case known:
		case item.kind == 'd' && item.s == "sys.executable":
			text = executable
		case item.kind == 's' && item.open:
			text = item.s + unknown
		default:
			text = unknown
		}
		words = append(words, text)
	}
	return words, v.kind == 'l'
}

// Happens says whether what stands under conditions happens when a module is
// loaded.
func (im *Importer) Happens(n *Node, conditions []source.Condition, line int) source.Truth {
	rt := im.Runtime
	rt.Main = n.Name == "__main__"
	return im.changer().runs(n, &source.Effect{Line: line, Conditions: conditions}, outcomes{}, rt)
}

// Doubted says why what is not found may be there all the same, empty for no
// reason.
func (im *Importer) Doubted() string {
	if im.made.doubt != "" || im.Finder.opaque == "" {
		return im.made.doubt
	}
	return im.Finder.opaque
}

// Attribute looks for what a dotted name stands for: modules first, then what
// the last of them defines. What is missing is in the failure.
func (im *Importer) Attribute(name string) (source.Truth, *Failure) {
	parts := strings.Split(name, ".")
	n, f := im.Import(parts[0])
	if f != nil || n == nil {
		return source.TruthOf(f == nil), f
	}
	at := parts[0]
	for i, part := range parts[1:] {
		if n.Dirs != nil {
			if sub, f := im.Import(at + "." + part); f == nil && sub != nil {
				n, at = sub, at+"."+part
				continue
			} else if f == nil {
				return source.Maybe, nil
			}
		}
		t := im.Defines(n, part)
		switch {
		case t == source.No && n.Dirs != nil && i < len(parts)-2:
			return source.No, &Failure{Module: at + "." + part}
		case t == source.No:
			return source.No, &Failure{Cause: NoName, Module: at, Name: part}
		case i < len(parts)-2:
			return source.Maybe, nil
		}
		return t, nil
	}
	return source.Yes, nil
}
