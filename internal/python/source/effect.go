package source

// Effect is a statement that changes what later statements can import: the
// search path, the modules that are there, the names of another module.
type Effect struct {
	Kind EffectKind
	// Text is the expression that it works with, with single spaces between
	// tokens; "…" where it is too long to keep.
	Text string
	// Name depends on the kind.
	Name string
	// At is how many of the imports of the text come before it.
	At, Line   int
	Context    Context
	Conditions []Condition
	// Tries are the try statements that it stands in, innermost first.
	Tries []Try
	// In is the outermost function that has the statement; for what makes an
	// object the class. Empty for what runs at import.
	In string
}

// EffectKind says what an effect changes.
type EffectKind uint8

// The kinds of effects.
const (
	// PathInsert puts the folder Text into sys.path at the index Name.
	PathInsert EffectKind = iota
	// PathAppend puts the folder Text, PathExtend the folders of the list Text
	// at its end; PathPrefix those of a list at its beginning.
	PathAppend
	PathExtend
	PathPrefix
	// PathSet makes the list Text the path.
	PathSet
	// PathRemove takes the folder Text off the path, PathPop that at the index
	// Text.
	PathRemove
	PathPop
	// PathUnknown changes the path in another way.
	PathUnknown
	// SiteDir adds the folder Text with its .pth files.
	SiteDir
	// ChangeDir makes the folder Text the working directory.
	ChangeDir
	// AddFinder changes sys.meta_path or sys.path_hooks.
	AddFinder
	// SetModule puts a module into sys.modules under the name Text.
	SetModule
	// PackagePath appends the folder Text to the __path__ of the package Name,
	// of the module itself where that is empty. A Text of "*" adds the folders
	// of the same name that are on the path (pkgutil.extend_path).
	PackagePath
	// SetName binds the name Text in the module Name, any name where it is
	// empty.
	SetName
	// RunText runs code that is not in the text: exec, runpy.run_path.
	RunText
	// CallName calls the function Name; only the first of each name is kept.
	CallName
)

// Value is an assignment of a name at the top of a module, or an import under
// a name: what expressions of effects and calls are made of.
type Value struct {
	Name, Text string
	Line       int
	// Sure says that it stands under no condition.
	Sure bool
}
