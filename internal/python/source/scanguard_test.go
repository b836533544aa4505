package source

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
)

// guardCases are texts, and the lines of those imports of "gone", which is not
// there, that nothing guards.
var guardCases = []struct{ name, text, want string }{
	{"no guard", "def f():\n    import gone\n", "2"},
	{"find_spec and return", "import importlib.util\ndef f():\n    if importlib.util.find_spec('gone') is None:\n        return\n    import gone\n    from gone.x import y\n", ""},
	{"another function", "import importlib.util\ndef g():\n    if importlib.util.find_spec('gone') is None:\n        return\n    import gone\ndef f():\n    g()\n    import gone\n", "8"},
	{"behind the block", "from importlib.util import find_spec\ndef f(x=0):\n    if x:\n        if not find_spec('gone'):\n            return\n        import gone\n    import gone\n", "7"},
	{"another module", "from importlib.util import find_spec\ndef f():\n    if not find_spec('gone2'):\n        print()\n    if find_spec('json') is None:\n        return\n    import gone\n", "7"},
	{"the wrong way round", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone') is not None:\n        return\n    import gone\n", "5"},
	{"it goes on", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone') is None:\n        print()\n    import gone\n", "5"},
	{"on one line", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone') is None: return\n    import gone\n", ""},
	{"continue", "from importlib.util import find_spec\ndef f():\n    for i in range(2):\n        if find_spec('gone') is None:\n            continue\n        import gone\n", ""},
	{"behind the loop", "from importlib.util import find_spec\ndef f():\n    for i in range(2):\n        if find_spec('gone') is None:\n            continue\n        import gone\n    import gone\n", "7"},
	{"SkipTest", "import unittest\nfrom importlib.util import find_spec\ndef f():\n    if find_spec('gone') is None:\n        raise unittest.SkipTest('gone')\n    import gone\n", ""},
	{"pytest.skip", "import pytest\nfrom importlib.util import find_spec\ndef f():\n    if not find_spec('gone'):\n        pytest.skip('gone')\n    import gone\n", ""},
	{"sys.exit", "import sys\nfrom importlib.util import find_spec\ndef f():\n    if not find_spec('gone'):\n        sys.exit('gone is not installed')\n    import gone\n", ""},
	{"raise", "from importlib.util import find_spec\ndef f():\n    if not find_spec('gone'):\n        raise RuntimeError('gone')\n    import gone\n", ""},
	{"sys.exit at the top", "import sys\nfrom importlib.util import find_spec\nif not find_spec('gone'):\n    sys.exit(0)\nimport gone\n", ""},
	{"sys.exit at the top with an error", "import sys\nfrom importlib.util import find_spec\nif not find_spec('gone'):\n    sys.exit('gone')\nimport gone\n", ""},
	{"two tests", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone') is None or find_spec('json') is None:\n        return\n    import gone\n", ""},
	{"two tests that both have to hold", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone') is None and find_spec('json') is None:\n        return\n    import gone\n", "5"},
	{"a walrus", "from importlib.util import find_spec\ndef f():\n    if (spec := find_spec('gone')) is None:\n        return\n    import gone\n", ""},
	{"a name of the function", "from importlib.util import find_spec\ndef f():\n    spec = find_spec('gone')\n    if spec is None:\n        return\n    import gone\n", ""},
	{"else", "from importlib.util import find_spec\ndef f():\n    if find_spec('gone'):\n        print()\n    else:\n        return\n    import gone\n", ""},
	{"elif", "from importlib.util import find_spec\ndef f(x=0):\n    if not find_spec('gone'):\n        return\n    elif x:\n        print()\n    import gone\n", ""},
	{"a later elif", "from importlib.util import find_spec\ndef f(x=1):\n    if x:\n        print()\n    elif not find_spec('gone'):\n        return\n    import gone\n", "7"},
	{"in a with", "import io\nfrom importlib.util import find_spec\ndef f():\n    with io.StringIO():\n        if not find_spec('gone'):\n            return\n    import gone\n", ""},
	{"any of a list", "from importlib.util import find_spec\ndef f():\n    if any(find_spec(m) is None for m in ('json', 'gone')):\n        return\n    import gone\n", ""},
	{"any of a list that is there", "from importlib.util import find_spec\ndef f():\n    if any(find_spec(m) for m in ('json2', 'gone')):\n        return\n    import gone\n", "5"},
	{"all of a list", "from importlib.util import find_spec\ndef f():\n    if not all(find_spec(m) is not None for m in ('json', 'gone')):\n        return\n    import gone\n", ""},
	{"all of a list that is not there", "from importlib.util import find_spec\ndef f():\n    if not all(find_spec(m) is None for m in ('gone2', 'gone')):\n        return\n    import gone\n", "5"},
	{"sys.modules", "import sys\ndef f():\n    if 'gone' not in sys.modules:\n        return\n    import gone\n", ""},
	{"a function within", "from importlib.util import find_spec\ndef f():\n    if not find_spec('gone'):\n        return\n    def g():\n        import gone\n    g()\n", ""},

	{"a try and return", "def f():\n    try:\n        import gone\n    except ImportError:\n        return\n    import gone.x\n    from gone import y\n", ""},
	{"a try and SkipTest", "import unittest\ndef f():\n    try:\n        import gone\n    except ImportError:\n        raise unittest.SkipTest('gone')\n    import gone.x\n", ""},
	{"a try and pytest.skip", "import pytest\ndef f():\n    try:\n        import gone\n    except ImportError:\n        pytest.skip('gone')\n    import gone.x\n", ""},
	{"a try that goes on", "def f():\n    try:\n        import gone\n    except ImportError:\n        pass\n    import gone.x\n", "6"},
	{"a try of another module", "def f():\n    try:\n        import json\n    except ImportError:\n        return\n    import gone.x\n", "6"},
	{"a condition in a try", "def f(x=0):\n    try:\n        if x:\n            import gone\n    except ImportError:\n        return\n    import gone.x\n", "7"},
	{"a try of another exception", "def f():\n    try:\n        import gone\n    except ValueError:\n        return\n", "3"},

	{"a flag", "from importlib.util import find_spec\nHAS = find_spec('gone') is not None\ndef f():\n    if not HAS:\n        return\n    import gone\n", ""},
	{"a flag by bool", "from importlib.util import find_spec\nHAS: bool = bool(find_spec('gone'))\ndef f():\n    if HAS is False:\n        return\n    import gone\n", ""},
	{"a flag that says that it is not there", "from importlib.util import find_spec\nGONE = find_spec('gone') is None\ndef f():\n    if GONE:\n        return\n    import gone\n", ""},
	{"a flag, the wrong way round", "from importlib.util import find_spec\nHAS = find_spec('gone') is not None\ndef f():\n    if HAS:\n        return\n    import gone\n", "6"},
	{"a flag of a try", "try:\n    import gone\n    HAS = True\nexcept ImportError:\n    HAS = False\ndef f():\n    if not HAS:\n        return\n    from gone import x\n", ""},
	{"a flag of a try's else", "try:\n    import gone\nexcept ImportError:\n    MISSING = True\nelse:\n    MISSING = False\ndef f():\n    if MISSING:\n        return\n    from gone import x\n", ""},
	{"a flag before a try", "HAS = False\ntry:\n    import gone\n    HAS = True\nexcept ImportError:\n    pass\ndef f():\n    if not HAS:\n        return\n    from gone import x\n", ""},
	{"the module is None", "try:\n    import gone\nexcept ImportError:\n    gone = None\ndef f():\n    if gone is None:\n        return\n    from gone import x\n", ""},
	{"a flag that is set again", "from importlib.util import find_spec\nHAS = find_spec('gone') is not None\nHAS = len('x') > 0\ndef f():\n    if not HAS:\n        return\n    import gone\n", "7"},
	{"another module's flag", "HAS_GONE = False\ndef f():\n    if not HAS_GONE:\n        return\n    import gone\n", ""},
	{"another module's function", "def is_gone_available(): return False\ndef f():\n    if not is_gone_available():\n        raise ValueError()\n    import gone\n", ""},
	{"a flag of something else", "HAS_JSON = True\ndef f():\n    if not HAS_JSON:\n        return\n    import gone\n", "5"},

	{"a function that says it", "from importlib.util import find_spec\ndef has():\n    return find_spec('gone') is not None\ndef f():\n    if not has():\n        return\n    import gone\n", ""},
	{"a function that says it by a try", "def has():\n    try:\n        import gone\n        return True\n    except ImportError:\n        return False\ndef f():\n    if not has():\n        return\n    import gone.x\n", ""},
	{"a function that says it by a version", "from importlib import metadata\ndef has():\n    try:\n        metadata.version('gone')\n    except metadata.PackageNotFoundError:\n        return False\n    return True\ndef f():\n    if not has():\n        return\n    import gone\n", ""},
	{"a function that says the opposite", "from importlib.util import find_spec\ndef lacks():\n    return find_spec('gone') is None\ndef f():\n    if not lacks():\n        return\n    import gone\n", "7"},
	{"a flag of a class", "from importlib.util import find_spec\nclass A:\n    OK = find_spec('gone') is not None\n    def f(self):\n        if not self.OK:\n            return\n        import gone\nf = A().f\n", ""},
	{"a list of what is missing", "from importlib.util import find_spec\ndef f():\n    missing = [m for m in ('json', 'gone') if find_spec(m) is None]\n    if missing:\n        return\n    import gone\n", ""},
	{"a list of what is there", "from importlib.util import find_spec\ndef f():\n    there = [m for m in ('gone2', 'gone') if find_spec(m) is not None]\n    if there:\n        return\n    import gone\n", "6"},
	{"in a try that is left", "from importlib.util import find_spec\ndef f():\n    try:\n        if find_spec('gone.x') is None:\n            return\n    except ModuleNotFoundError:\n        return\n    import gone.x\n", ""},
	{"in a try that goes on", "from importlib.util import find_spec\ndef f():\n    try:\n        if find_spec('gone.x') is None:\n            return\n    except ModuleNotFoundError:\n        pass\n    import gone\n", "8"},

	{"importorskip", "import pytest\ndef f():\n    gone = pytest.importorskip('gone')\n    import gone.x\n    from gone import y\n", ""},
	{"importorskip of another", "import pytest\ndef f():\n    json = pytest.importorskip('json')\n    import gone.x\n", "4"},

	{"a version before", "from importlib.metadata import version, PackageNotFoundError\ntry:\n    version('gone')\n    import gone\nexcept PackageNotFoundError:\n    gone = None\n", ""},
	{"a version before, in a function", "import importlib.metadata\ndef f():\n    try:\n        v = importlib.metadata.version('gone')\n        import gone\n    except importlib.metadata.PackageNotFoundError:\n        return\n", ""},
	{"a version after", "from importlib.metadata import version, PackageNotFoundError\ntry:\n    import gone\n    version('gone')\nexcept PackageNotFoundError:\n    gone = None\n", "3"},
	{"the version of another", "from importlib.metadata import version, PackageNotFoundError\ntry:\n    v = [d for d in (1,)] and len(version.__name__)\n    import gone\nexcept PackageNotFoundError:\n    gone = None\n", "4"},
	{"a version and another exception", "from importlib.metadata import version, PackageNotFoundError\ntry:\n    import gone\n    version('gone')\nexcept ValueError:\n    gone = None\n", "3"},
	{"a version and return", "from importlib.metadata import version, PackageNotFoundError\ndef f():\n    try:\n        version('gone')\n    except PackageNotFoundError:\n        return\n    import gone\n", ""},
	{"a version that goes on", "from importlib.metadata import version, PackageNotFoundError\ndef f():\n    try:\n        version('gone')\n    except PackageNotFoundError:\n        pass\n    import gone\n", "7"},
	{"a version and else", "from importlib.metadata import version, PackageNotFoundError\ntry:\n    version('gone')\nexcept PackageNotFoundError:\n    pass\nelse:\n    import gone\n", ""},
	{"a version's flag", "from importlib.metadata import distribution, PackageNotFoundError\ntry:\n    distribution('gone')\n    HAS = True\nexcept PackageNotFoundError:\n    HAS = False\ndef f():\n    if not HAS:\n        return\n    import gone\n", ""},
	{"a version's flag elsewhere", "from importlib.metadata import distribution, PackageNotFoundError\ntry:\n    distribution('gone')\n    HAS = True\nexcept PackageNotFoundError:\n    HAS = False\ndef f():\n    import gone\n", "8"},
}

// runGuards says of each text at which line it raises that a module is not there.
const runGuards = `import contextlib, io, json, sys, traceback, types
pytest = types.ModuleType("pytest")
class Skipped(BaseException): pass
def skip(why): raise Skipped(why)
def importorskip(name):
    try: return __import__(name)
    except ImportError: skip(name)
pytest.skip, pytest.importorskip = skip, importorskip
sys.modules["pytest"] = pytest
def run(text):
    names = {"__name__": "it"}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "it", "exec"), names)
            if "f" in names: names["f"]()
    except ModuleNotFoundError as e:
        if type(e) is ModuleNotFoundError:
            return str([t.lineno for t in traceback.extract_tb(e.__traceback__) if t.filename == "it"][-1])
    except BaseException: pass
    return ""
json.dump([run(t) for t in json.load(sys.stdin)], sys.stdout)`

// TestGuards holds what is said of imports behind guards to what CPython does.
func TestGuards(t *testing.T) {
	var texts, raised []string
	for _, c := range guardCases {
		texts = append(texts, c.text)
	}
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(imagetest.Python(t), "-I", "-c", runGuards)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &raised); err != nil || len(raised) != len(texts) {
		t.Fatalf("%d texts, %d results, %v", len(texts), len(raised), err)
	}
	for i, c := range guardCases {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, imp := range Scan([]byte(c.text)).Imports {
				if Top(imp.Module) == "gone" && imp.Context&(Guarded|Handler|Asked) == 0 && len(imp.Found) == 0 && len(imp.Conditions) == 0 {
					got = append(got, fmt.Sprint(imp.Line))
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("unguarded (-want +got):\n%s\n%s", diff, c.text)
			}
			if raised[i] != c.want {
				t.Errorf("CPython raises at %q, the case says %q", raised[i], c.want)
			}
		})
	}
}
