package source

import (
	"slices"
	"strings"
)

// What a module asks for when it is imported, other than by an import, is among
// its calls under these names; the arguments depend on the name.
const (
	// AskMetadata: the metadata of the distribution Text.
	AskMetadata = "importlib.metadata"
	// AskFile: the file Text, opened for reading.
	AskFile = "read file"
	// AskCodec: the codec Args[0].
	AskCodec = "codec"
	// AskNames: attributes of modules by their dotted names, Args; where there
	// are none, those of the configuration Text, which is a [NamedNames] call.
	AskNames   = "dotted names"
	NamedNames = "configuration"
	// AskFeature: something of a library that needs another distribution, by
	// its dotted name Args[0].
	AskFeature = "feature"
)

// askedFor are the words that asks looks for.
var askedFor = NameSet(`version distribution metadata requires get_distribution encode decode read_text read_bytes get_data dictConfig
	Environment SandboxedEnvironment add_extension open`)

// metadataCalls fail without the metadata of a distribution.
var metadataCalls = NameSet(`importlib.metadata.version importlib.metadata.distribution importlib.metadata.metadata importlib.metadata.requires
	importlib_metadata.version importlib_metadata.distribution importlib_metadata.metadata importlib_metadata.requires
	pkg_resources.get_distribution`)

// asker finds in the statements of a scan what a module asks for.
type asker struct{ scan *scan }

// asks notes what a call at the top asks for; its name is t[i], its bracket at
// t[i+1].
func (s asker) asks(t []Token, i int, b *block) {
	if b.function > 0 || len(s.scan.out.Calls) >= maxFacts {
		return
	}
	name, method := s.scan.text(t[i]), i > 1 && s.scan.is(t[i-1], ".")
	start := i
	for start > 1 && s.scan.is(t[start-1], ".") && t[start-2].Kind == NameToken {
		start -= 2
	}
	full := ""
	if start == 0 || !s.scan.is(t[start-1], ".") {
		dotted, _ := s.scan.dotted(t[start:i+1], 0)
		full = s.scan.canonical(dotted)
	}
	c := Call{Line: int(t[i].line), Context: b.context | s.scan.calls().within(t, i), Conditions: s.scan.calls().conditions(t, b)}
	first := s.scan.argument(t, i+1, 0)
	switch {
	case metadataCalls[full]:
		c.Func, c.Text = AskMetadata, s.scan.expr(first)
	case full == "open" || full == "io.open":
		if len(first) == 0 || s.writes(s.scan.argument(t, i+1, 1)) || s.scan.mentions(t[i+1:s.scan.closing(t, i+1)], "mode") {
			return
		}
		c.Func, c.Text = AskFile, s.scan.expr(first)
	case full == "pkgutil.get_data" || full == "importlib.resources.read_text" || full == "importlib.resources.read_binary":
		c.Func, c.Text = AskFile, "importlib . resources . files ( "+s.scan.expr(first)+" ) / "+s.scan.expr(s.scan.argument(t, i+1, 1))
	case method && (name == "read_text" || name == "read_bytes"):
		c.Func, c.Text = AskFile, s.scan.expr(s.before(t, i-1))
	case method && (name == "encode" || name == "decode") && len(first) == 1 && first[0].Kind == StringToken:
		c.Func, c.Args = AskCodec, []string{s.scan.literal(first[0])}
	case name == "dictConfig":
		c.Func, c.Args = AskNames, s.classNames(first)
		if len(first) == 1 && first[0].Kind == NameToken {
			c.Text = s.scan.text(first[0])
		}
	case name == "Environment" || name == "SandboxedEnvironment":
		c.Func, c.Args = AskNames, s.extensions(t[i+1:s.scan.closing(t, i+1)])
	case method && name == "add_extension" && len(first) == 1 && first[0].Kind == StringToken && strings.HasPrefix(s.scan.literal(first[0]), "jinja2."):
		c.Func, c.Args = AskNames, []string{s.scan.literal(first[0])}
	default:
		return
	}
	if c.Func == AskNames && len(c.Args) == 0 && c.Text == "" {
		return
	}
	s.scan.out.Calls = append(s.scan.out.Calls, c)
}

// writes says that a mode of open is not, or may not be, one for reading.
func (s asker) writes(mode []Token) bool {
	switch {
	case len(mode) == 0, len(mode) > 1 && s.scan.is(mode[1], "=") && !s.scan.is(mode[0], "mode"):
		return false
	case len(mode) == 1 && mode[0].Kind == StringToken:
		return strings.ContainsAny(s.scan.literal(mode[0]), "wax+")
	}
	return true
}

// before is the expression that ends in front of the dot at t[dot].
func (s asker) before(t []Token, dot int) []Token {
	start := dot
	for start > 0 {
		last := t[start-1]
		switch {
		case last.Kind == opToken && strings.IndexByte(")]", s.scan.lexer.src[last.Start]) >= 0 && last.End-last.Start == 1:
			k := start - 2
			for k >= 0 && t[k].Depth > last.Depth {
				k--
			}
			if k < 0 {
				return nil
			}
			start = k
			if k == 0 || t[k-1].Kind != NameToken && !(t[k-1].Kind == opToken && strings.IndexByte(")]", s.scan.lexer.src[t[k-1].Start]) >= 0) {
				return t[start:dot]
			}
			continue
		case last.Kind == NameToken || last.Kind == StringToken:
			start--
		default:
			return t[start:dot]
		}
		if start == 0 || !s.scan.is(t[start-1], ".") {
			return t[start:dot]
		}
		start--
	}
	return nil
}

// classNames are the dotted names in the dictionary of a logging configuration.
func (s asker) classNames(t []Token) []string {
	var out []string
	for i := 0; i+2 < len(t); i++ {
		if t[i].Kind != StringToken || !s.scan.is(t[i+1], ":") || t[i+2].Kind != StringToken {
			continue
		}
		if key := s.scan.literal(t[i]); key == "class" || key == "()" {
			if name := s.scan.literal(t[i+2]); strings.Contains(name, ".") && isDotted(name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// extensions are the literal names of "extensions=[…]".
func (s asker) extensions(t []Token) []string {
	var out []string
	for i := 0; i+2 < len(t); i++ {
		if t[i].Kind != NameToken || !s.scan.is(t[i], "extensions") || !s.scan.is(t[i+1], "=") || !s.scan.is(t[i+2], "[") {
			continue
		}
		for _, tok := range t[i+3:] {
			if tok.Depth <= t[i+2].Depth {
				break
			}
			if tok.Kind == StringToken {
				if name := s.scan.literal(tok); isDotted(name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// configuration notes a dictionary with the names of classes under its name.
func (s asker) configuration(name string, value []Token, line int, b *block) {
	if len(value) < 8 || !s.scan.is(value[0], "{") {
		return
	}
	if found := s.classNames(value); len(found) > 0 && len(s.scan.out.Calls) < maxFacts {
		s.scan.out.Calls = append(s.scan.out.Calls, Call{Func: NamedNames, Text: name, Args: found, Line: line, Context: b.context})
	}
}

// features are what needs another distribution where it is used in the
// signature of a route, or as the type of a model's field.
var features = NameSet(`fastapi.Form fastapi.File fastapi.UploadFile fastapi.param_functions.Form fastapi.param_functions.File
	fastapi.security.OAuth2PasswordRequestForm pydantic.EmailStr pydantic.NameEmail pydantic.networks.EmailStr pydantic.networks.NameEmail`)

// routes are the methods of an application that register a function.
var routes = NameSet(`get post put patch delete head options api_route websocket`)

// route notes whether the line is the decorator of a route.
func (s asker) route(t []Token) {
	if s.scan.lexer.src[t[0].Start] == '@' && t[0].Kind == opToken {
		for i := 2; i+1 < len(t); i++ {
			if s.scan.is(t[i-1], ".") && routes[s.scan.text(t[i])] && s.scan.is(t[i+1], "(") {
				s.scan.isRoute = true
			}
		}
		return
	}
	s.scan.isRoute = false
}

// uses notes the features that a signature or a field has.
func (s asker) uses(t []Token, prefix string, b *block) {
	if !s.scan.hasFeatures {
		return
	}
	for i := range t {
		if t[i].Kind != NameToken || i > 0 && s.scan.is(t[i-1], ".") {
			continue
		}
		name, _ := s.scan.dotted(t, i)
		if full := s.scan.canonical(name); features[full] && strings.HasPrefix(full, prefix) {
			s.scan.out.Calls = append(s.scan.out.Calls, Call{Func: AskFeature, Args: []string{full}, Line: int(t[i].line), Context: b.context, Conditions: s.scan.calls().conditions(t[:i], b)})
		}
	}
}

// model says that a class is one of pydantic's by the names of its bases.
func (s asker) model(header []Token) bool {
	return slices.ContainsFunc(header[min(1, len(header)):], func(t Token) bool {
		return t.Kind == NameToken && (strings.HasSuffix(s.scan.text(t), "Model") || strings.HasSuffix(s.scan.text(t), "Settings"))
	})
}
