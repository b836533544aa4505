package source

import "whittle.dev/whittle/internal/python/source/syntax"

// Facts are what the text of a module says about imports, without the text.
// It depends on nothing but the text, so that it can be kept by digest.
type Facts struct {
	Imports []Import
	// Calls are the calls with literal arguments that matter to a check, see
	// [Call].
	Calls []Call
	// Names are what the module binds at its top level in any way that the
	// text shows, sorted, each once.
	Names []string
	// NamesAt are how many of the imports come before the first binding of each.
	NamesAt []int
	// Open says that it may bind other names too: a module __getattr__, exec,
	// globals() or vars() that are written to, sys.modules[__name__]. A star
	// import is not counted here, it is among the imports. Words are then the
	// names and words of short strings that the text has besides, sorted.
	Open  bool
	Words []string
	// OpensOthers says that it may bind names in modules that import it, and
	// Prefixes begin names that enum puts into the module.
	OpensOthers bool
	Prefixes    []string
	// Deleted are those of Names that are gone when the module is loaded.
	Deleted []string
	// All is __all__, AllKnown says that this is all of it.
	All      []string
	AllKnown bool
	// Effects are what changes what can be imported, in order, and Values the
	// names that they and Calls are made of.
	Effects []Effect
	Values  []Value
	// Broken says why not all of it could be read ("unterminated string"),
	// and BrokenLine where; what was read before is kept.
	Broken     string
	BrokenLine int
	// Syntax says whether CPython compiles it.
	Syntax syntax.Result
	// Shebang is the first line where it starts with "#!", its line end
	// included, so that a carriage return shows.
	Shebang string
	// Asks are the words by which libraries load others, see [byname.Words].
	Asks []string
}

// Import is one module that a statement imports: "import a, b" is two.
type Import struct {
	// Module is the dotted name after "import" or "from", empty in "from . import x".
	Module string
	// Level is the number of leading dots.
	Level int
	// Names are what a from-import takes out of the module ("*" too), nil for
	// a plain import.
	Names []string
	// Known are those names of "from . import x" that the text binds before: in
	// a package's own __init__ the others are its submodules.
	Known []string
	// Line is where the statement starts, from 1.
	Line    int
	Context Context
	// Conditions are the if statements that it stands under, outermost first.
	Conditions []Condition
	// Tries are the try statements that it stands in, innermost first.
	Tries []Try
	// In is the outermost function that has the statement, as in [Effect];
	// empty for what runs at import.
	In string
	// Found are distributions without whose metadata it does not run.
	Found []string
}

// Try is a part of a try statement that catches ImportError or something
// broader.
type Try struct {
	// Number is the statement's, counted in the module from 1.
	Number int
	Part   TryPart
}

// TryPart is a clause of a try statement.
type TryPart uint8

// The parts. What stands in the body is guarded, but for TryThrough: there all
// handlers that catch it end by raising.
const (
	TryBody TryPart = iota
	TryHandler
	TryElse
	TryThrough
)

// Context says where an import or a call stands.
type Context uint8

// The contexts; several may hold.
const (
	// Lazy: in a function or lambda, not run at import.
	Lazy Context = 1 << iota
	// TypeChecking: under "if TYPE_CHECKING", never run. The else branch of
	// such a test is not.
	TypeChecking
	// Guarded: in the body of a try with a handler that catches ImportError or
	// something broader and does not end by raising, or under
	// contextlib.suppress of the same.
	Guarded
	// Handler: in such a handler, so that it stands in for another import.
	Handler
	// Dynamic: importlib.import_module("x"), __import__("x") and the like.
	Dynamic
	// Caught, of calls alone: in the body of a try with a handler of anything
	// that does not end by raising.
	Caught
	// Broad, of imports: in the body of a try with a handler of SyntaxError or
	// something broader that does not end by raising.
	Broad
	// Asked, of imports: behind a test at the top of the module that ends the
	// program with an error, or the test, where the module is not there.
	Asked
)

// Condition is the test of an if, elif, else, while or conditional expression
// that decides whether a statement runs.
type Condition struct {
	// Text is the test with single spaces between tokens.
	Text string
	// Not says that the statement runs where the test is false.
	Not bool
}

// Call is a value of a Django setting, with the setting's name as its Func, or
// a call whose name is one of those that checks ask for and whose
// first argument is a literal string, or a list that starts with literal
// strings.
type Call struct {
	// Func is the dotted name as written: "ZoneInfo", "locale.setlocale".
	Func string
	// Args are the literal strings of the arguments, in order, up to the first
	// that is none; those of a list or tuple one by one. Of setlocale they are
	// those after the category.
	Args []string
	// Text is the first argument where it is no literal, of some calls.
	Text       string
	Line       int
	Context    Context
	Conditions []Condition
}

// Runtime is what tests at the top of a module ask about.
type Runtime struct {
	// Version is that of the language: 3, 13, 5; the last is -1 where it is
	// not known.
	Version [3]int
	// Platform is sys.platform, OSName os.name, System platform.system(),
	// Implementation sys.implementation.name, Machine platform.machine().
	Platform, OSName, System, Implementation, Machine string
	// Main says that the module is run as a program: __name__ == "__main__".
	Main bool
}

// IsStar says that an import takes all names of a module when that is loaded.
func (imp *Import) IsStar() bool {
	return len(imp.Names) == 1 && imp.Names[0] == "*" && imp.Context&(Lazy|TypeChecking) == 0
}
