package python

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// wheelFiles are the files that wheels' own directories list, by
// distribution.
func wheelFiles(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/names/wheels.tsv")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 && !strings.HasPrefix(line, "#") {
			out[f[0]] = strings.Fields(f[2])
		}
	}
	return out
}

// moduleOf is the module that a wheel's file is.
func moduleOf(file string) string {
	dir, base := "", file
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		dir, base = file[:i+1], file[i+1:]
	}
	stem, _, _ := strings.Cut(base, ".")
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(dir+stem, "__init__"), "/"), "/", ".")
}

// TestNamesOfWheels: for each module of wheels whose distribution has another
// name, the distribution is named, or is not known; never another one.
func TestNamesOfWheels(t *testing.T) {
	wheels := wheelFiles(t)
	named, several, unknown := 0, 0, 0
	n := NewNames(nil)
	for dist, files := range wheels {
		for _, f := range files {
			module := moduleOf(f)
			got := n.Of(module)
			switch {
			case got.Distribution == dist:
				named++
			case got.Distribution == "" && slices.Contains(got.Candidates, dist):
				several++
			case got.Distribution == "":
				unknown++
			case !WheelHas(wheels[got.Distribution], module):
				t.Errorf("%s is of %s, not of %s", module, dist, got.Distribution)
			}
			if own := NewNames([]Distribution{{Name: dist}}).Of(module); own.Distribution != dist && !WheelHas(wheels[own.Distribution], module) && !slices.Contains([]string{"", "setuptools"}, own.Distribution) {
				t.Errorf("%s, with %s installed, is of %q", module, dist, own.Distribution)
			}
		}
	}
	if named < 600 {
		t.Errorf("only %d of them are named", named)
	}
	t.Logf("%d modules of %d distributions: %d named, %d ambiguous, %d not known", named+several+unknown, len(wheels), named, several, unknown)
}

// TestNamesTable: the table is sorted, its names are spelled as others are
// looked up, and it has none of the names that projects give their own folders.
func TestNamesTable(t *testing.T) {
	last, rows := "", 0
	identifier := regexp.MustCompile(`^[A-Za-z_]\w*$`)
	for line := range strings.Lines(namesTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) != 4 || pep.Normalize(f[1]) != f[1] || f[2] == "" {
			t.Errorf("row %q", line)
			continue
		}
		rows++
		parts := strings.Split(f[0], ".")
		if !slices.Contains([]string{"", "?", "-", "!"}, f[3]) {
			parts = append(parts, strings.Fields(f[3])...)
		}
		if i := slices.IndexFunc(parts, func(p string) bool { return !identifier.MatchString(p) }); i >= 0 {
			t.Errorf("%s of %s: %q is no module", f[0], f[1], parts[i])
		}
		if key := f[0] + "\t" + f[1]; key <= last {
			t.Errorf("%q is not behind %q", key, last)
		} else {
			last = key
		}
		if slices.Contains(strings.Fields("utils config db routers core app api common helpers models services settings src lib tests docs scripts conftest"), f[0]) {
			t.Errorf("%s of %s is a name that projects have themselves", f[0], f[1])
		}
	}
	if rows < 900 {
		t.Errorf("%d rows", rows)
	}
}

// declaring knows what a project pins and requires.
func declaring(pinned []string, required ...string) *Names {
	n := NewNames(nil)
	n.Declare(pinned, required)
	return n
}

// TestNames: which distribution an import is of, by what the project has.
func TestNames(t *testing.T) {
	tests := []struct {
		module, names string
		declared      string
		want          string // "distribution", "a or b", "perhaps a", "" for not known
	}{
		// A declared distribution that has it comes first, of several too.
		{"opentelemetry", "trace", "opentelemetry-api", "opentelemetry-api"},
		{"opentelemetry.instrumentation.fastapi", "X", "opentelemetry-instrumentation-fastapi", "opentelemetry-instrumentation-fastapi"},
		{"google", "genai", "google-genai", "google-genai"},
		{"google.cloud", "storage", "google-cloud-storage", "google-cloud-storage"},
		{"google.cloud", "storage bigquery", "", "google-cloud-storage google-cloud-bigquery"},
		{"google.cloud", "storage", "google-cloud-bigquery", "google-cloud-storage"},
		{"google", "", "protobuf", "protobuf"},
		{"google.cloud.storage", "", "google-cloud-storage", "google-cloud-storage"},
		{"google.cloud", "tasks_v2", "google-cloud-tasks-v2", "google-cloud-tasks-v2"},
		{"google", "protobuf", "protobuf", "protobuf"},
		{"google.oauth2", "service_account", "google-api-python-client google-auth", "google-auth"},
		{"ruamel", "yaml", "ruamel.yaml", "ruamel-yaml"},
		{"zope", "interface", "zope.interface", "zope-interface"},
		{"azure.storage", "blob", "azure-storage-blob", "azure-storage-blob"},
		{"azure.mgmt.compute", "X", "azure-mgmt-compute", "azure-mgmt-compute"},
		{"backports", "zoneinfo", "backports.zoneinfo", "backports-zoneinfo"},
		{"sphinxcontrib", "mermaid", "sphinxcontrib-mermaid", "sphinxcontrib-mermaid"},
		{"airflow.providers.http.hooks.http", "HttpHook", "apache-airflow-providers-http", "apache-airflow-providers-http"},
		{"airflow.providers.amazon.aws", "X", "apache-airflow-providers-amazon", "perhaps apache-airflow-providers-amazon"},
		{"dogpile.cache", "make_region", "dogpile.cache", "dogpile-cache"},
		{"psycopg2", "", "psycopg2-binary", "psycopg2-binary"},
		{"cv2", "", "opencv-python-headless", "opencv-python-headless"},
		{"cv2", "", "opencv-contrib-python-headless", "opencv-contrib-python-headless"},
		{"tensorflow", "", "tensorflow-cpu", "tensorflow-cpu"},
		{"tensorflow", "", "tensorflow-gpu", "perhaps tensorflow-gpu"},
		{"onnxruntime", "", "onnxruntime-gpu", "onnxruntime-gpu"},
		{"win32api", "", "pywin32", "pywin32"},
		{"magic", "", "python-magic-bin", "python-magic-bin"},
		{"vertexai.generative_models", "X", "google-cloud-aiplatform", "google-cloud-aiplatform"},
		{"airflow.models", "DAG", "apache-airflow", "apache-airflow"},
		{"PIL", "Image", "pillow-simd", "perhaps pillow-simd"},
		{"talib", "", "TA-Lib", "perhaps ta-lib"},
		{"pkg_resources", "", "setuptools", "setuptools"},
		{"dotenv", "", "dotenv", "dotenv"},
		{"sklearn", "", "sklearn", "sklearn"},
		{"attr", "", "attr", "attr"},
		{"multipart", "", "multipart", "multipart"},
		{"consul", "", "python-consul", "python-consul"},
		{"kafka", "", "kafka-python-ng", "kafka-python-ng"},
		{"jwt", "", "pyjwt", "pyjwt"},
		{"bson", "", "pymongo", "pymongo"},
		{"aws_cdk", "aws_s3", "aws-cdk-lib", "perhaps aws-cdk-lib"},
		{"acme", "", "acme-client", "perhaps acme-client"},
		{"yaml.gone", "", "pyyaml", "pyyaml"},
		// Nothing is declared: the only one whose wheels have it, or several, or
		// not known.
		{"yaml", "", "", "pyyaml"},
		{"rich.console", "Console", "", "rich"},
		{"rest_framework", "", "", "djangorestframework"},
		{"opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "X", "", "opentelemetry-exporter-otlp-proto-grpc"},
		{"google", "genai", "", "google-genai"},
		{"six.moves.urllib", "parse", "", "six"},
		{"jwt", "", "", "jwt or pyjwt"},
		{"snappy", "", "", "python-snappy or snappy"},
		{"ninja", "", "", "django-ninja or ninja"},
		{"agents", "", "", "agents or openai-agents"},
		{"rest_framework_simplejwt", "", "", "djangorestframework-simplejwt or rest-framework-simplejwt"},
		{"rest_framework_simplejwt.tokens", "X", "", "djangorestframework-simplejwt"},
		{"discord.ext.commands", "Bot", "", "discord-py or py-cord"},
		{"win32con", "", "", "pywin32"},
		{"magic", "", "", "file-magic or python-magic or python-magic-bin"},
		{"workflows", "Workflow", "", ""},
		{"workflows.events", "Event", "", "llama-index-workflows"},
		{"yaml.gone", "", "", ""},
		{"google", "", "", ""},
		{"google.nothing", "", "", ""},
		{"utils", "", "", ""},
		{"utils.state", "x", "", ""},
		{"config", "", "", ""},
		{"routers", "", "", ""},
		{"db", "", "", ""},
		{"acme", "", "", ""},
		// Stubs have no module.
		{"acme", "", "types-acme acme-stubs", ""},
	}
	for _, tt := range tests {
		n := declaring(nil, strings.Fields(tt.declared)...)
		var all []string
		for _, got := range n.OfImport(tt.module, strings.Fields(tt.names)) {
			switch {
			case len(got.Perhaps) > 0:
				all = append(all, "perhaps "+strings.Join(got.Perhaps, " "))
			case got.Distribution == "" && len(got.Candidates) > 0:
				all = append(all, strings.Join(got.Candidates, " or "))
			case got.Distribution != "":
				all = append(all, got.Distribution)
			}
			if got.Editable() != (got.Distribution != "" && len(got.Perhaps) == 0) {
				t.Errorf("%s, declared %q: %+v: editable %v", tt.module, tt.declared, got, got.Editable())
			}
		}
		if got := strings.Join(all, " "); got != tt.want {
			t.Errorf("%s (%s), declared %q: %q, want %q", tt.module, tt.names, tt.declared, got, tt.want)
		}
	}
}

// TestNamesOrder: the configuration comes first, then what is installed, locked
// and declared; the index refutes and settles.
func TestNamesOrder(t *testing.T) {
	n := NewNames([]Distribution{{Name: "opencv-python", Metadata: Metadata{RequiresDist: []string{"numpy"}}}})
	n.Declare([]string{"jwt"}, []string{"pyjwt"})
	n.Given = map[string]string{"cv2": "Opencv.Python_Headless", "google.cloud.storage": "own-storage"}
	for _, tt := range []struct {
		module, want string
		by           NameSource
	}{
		{"cv2", "opencv-python-headless", Configured}, {"google.cloud.storage.blob", "own-storage", Configured},
		{"jwt", "jwt", Pinned}, {"numpy", "numpy", ByWheels}, {"yaml", "pyyaml", ByWheels},
	} {
		if got := n.Of(tt.module); got.Distribution != tt.want || got.By != tt.by {
			t.Errorf("%s: %+v, want %s", tt.module, got, tt.want)
		}
	}
	if got := n.Of("numpy"); !got.Editable() {
		t.Errorf("that something installed requires what wheels have makes it less sure: %+v", got)
	}
	if got := NewNames([]Distribution{{Name: "x", Metadata: Metadata{RequiresDist: []string{"opencv-python"}}}}).Of("cv2"); got.Editable() {
		t.Errorf("one of several, which only something installed requires, is edited: %+v", got)
	}
	n = declaring(nil, "tensorflow-gpu")
	for _, answer := range []struct {
		truth source.Truth
		want  string
	}{{source.Yes, "tensorflow-gpu"}, {source.No, ""}} {
		n.Ships = func(string, string) source.Truth { return answer.truth }
		if got := n.Of("tensorflow.keras"); got.Distribution != answer.want {
			t.Errorf("the index says %v: %+v", answer.truth, got)
		}
		if got := n.Of("opentelemetry.sdk"); got.Editable() != (answer.truth == source.Yes) {
			t.Errorf("the index says %v: %+v", answer.truth, got)
		}
		want := map[source.Truth]string{source.Yes: "pyyaml"}[answer.truth]
		if got := n.Of("yaml"); got.Distribution != want {
			t.Errorf("the index says %v: %+v", answer.truth, got)
		}
	}
}

// TestNamesNeverGuess: whatever is imported and declared, the distribution is
// one that the project has, or one that the table has for that very module.
func TestNamesNeverGuess(t *testing.T) {
	b, err := os.ReadFile("names.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var modules, dists []string
	has := map[string]bool{} // "module distribution"
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			continue
		}
		modules, dists = append(modules, f[0]), append(dists, f[1])
		has[f[0]+" "+f[1]] = true
		for _, below := range strings.Fields(f[3]) {
			modules = append(modules, f[0]+"."+below)
			has[f[0]+"."+below+" "+f[1]] = true
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.SampledFrom([]string{"utils", "config", "db", "google", "cloud", "yaml", "agents", "azure", "x"}), rapid.StringMatching(`[a-z_]{1,6}`))
		module := rapid.OneOf(rapid.SampledFrom(modules), rapid.Map(rapid.SliceOfN(part, 1, 4), func(p []string) string { return strings.Join(p, ".") })).Draw(t, "module")
		if rapid.Bool().Draw(t, "deeper") {
			module += "." + part.Draw(t, "below")
		}
		declared := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(dists), part), 0, 4).Draw(t, "declared")
		n := declaring(nil, declared...)
		n.Ships = func(string, string) source.Truth { return source.Maybe }
		for _, got := range n.OfImport(module, rapid.SliceOfN(part, 0, 2).Draw(t, "names")) {
			own := slices.ContainsFunc(declared, func(d string) bool { return pep.Normalize(d) == got.Distribution })
			if got.Distribution == "" || own || !got.Editable() {
				continue
			}
			proved := false
			for up := got.Module; up != ""; up, _, _ = source.CutLast(up) {
				proved = proved || has[up+" "+got.Distribution] && strings.Count(got.Module, ".") >= strings.Count(up, ".")
			}
			if Synthetic[module] || proved {
				continue
			}
			t.Fatalf("%s, declared %v: %+v", module, declared, got)
		}
	})
}

func TestWheelHas(t *testing.T) {
	files := []string{"a/__init__.py", "a/b.cpython-313-x86_64-linux-gnu.so", "a/c/d.py", "e.py", "x-1.data/purelib/f/__init__.py", "x-1.data/scripts/g.py", "h.txt", "ij/k.py"}
	var got []string
	for _, m := range []string{"a", "a.b", "a.c", "a.c.d", "a.d", "e", "f", "g", "h", "i", "ij", "ij.k", "scripts"} {
		if WheelHas(files, m) {
			got = append(got, m)
		}
	}
	if diff := cmp.Diff([]string{"a", "a.b", "a.c", "a.c.d", "e", "f", "ij", "ij.k"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNamesOfOthers: of more than five hundred import names whose distribution
// has another name, by another tool's table, none is given to a distribution
// that does not have it. Where the two differ, the wheel's own list decides; of
// those whose list is not among the recorded ones, apart has the truth.
func TestNamesOfOthers(t *testing.T) {
	apart := map[string]string{
		"Levenshtein": "levenshtein",                                      // python-levenshtein is a name for it
		"MySQLdb":     "mysqlclient",                                      // mysql-python is for Python 2
		"bcrypt":      "bcrypt", "docker": "docker", "msgpack": "msgpack", // the others are former names
		"statsd": "statsd",
	}
	b, err := os.ReadFile("testdata/names/pipreqs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	wheels := wheelFiles(t)
	n := NewNames(nil)
	all, same, silent := 0, 0, 0
	for line := range strings.Lines(string(b)) {
		module, dist, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		all++
		switch got := n.Of(module); {
		case got.Distribution == "":
			silent++
		case got.Distribution == dist:
			same++
		case !WheelHas(wheels[got.Distribution], module) && apart[module] != got.Distribution:
			t.Errorf("%s is given to %s, and to %s by the other table", module, got.Distribution, dist)
		}
	}
	if all < 500 {
		t.Errorf("only %d names", all)
	}
	t.Logf("%d names: %d alike, %d not known", all, same, silent)
}
