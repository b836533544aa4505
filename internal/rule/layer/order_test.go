package layer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// TestInstallsAlone: a RUN comes before the COPY of the source only where it
// needs nothing of that but files it names.
func TestInstallsAlone(t *testing.T) {
	all := []string{"requirements.txt"}
	for run, want := range map[string][]string{
		"pip install -r requirements.txt": all,
		"set -eux; pip install -U pip && pip install --no-cache-dir --requirement=requirements.txt":           all,
		"PIP_NO_CACHE_DIR=1 pip3 install -r requirements.txt gunicorn > /dev/null 2>&1":                       all,
		"uv pip install --system -r requirements.txt -i \"$INDEX\"":                                           all,
		"apt-get update && apt-get install -y gcc && pip install -r requirements.txt && rm -rf /root/.cache/": all,
		"pip install -r requirements.txt -c constraints.txt":                                                  {"requirements.txt", "constraints.txt"},
		"pip install --target /deps -r requirements.txt":                                                      all,
		"npm ci && npm cache clean --force":                                                                   {"package.json", "package-lock.json"},

		"pip install -r requirements.txt && python main.py migrate":                  nil,
		"pip install -r requirements.txt; rm requirements.txt":                       nil,
		"pip install -r requirements.txt && rm -rf /app/docs":                        nil,
		"pip install -r requirements.txt && find . -name x -delete":                  nil,
		"pip install -r requirements.txt --find-links wheels":                        nil,
		"pip install -r requirements.txt -i file:///app/index":                       nil,
		"pip install -r requirements.txt --target vendor":                            nil,
		"pip install -r requirements.txt -e .":                                       nil,
		"pip install -r requirements.txt ./libs/a":                                   nil,
		"PIP_CONFIG_FILE=pip.conf pip install -r requirements.txt":                   nil,
		"xargs apt-get install -y < packages.txt && pip install -r requirements.txt": nil,
		"./prepare && pip install -r requirements.txt":                               nil,
		"cd sub && pip install -r requirements.txt":                                  nil,
		"make deps && pip install -r requirements.txt":                               nil,
		"pip install -r requirements.txt > installed.txt":                            nil,
		"if true; then pip install -r requirements.txt; fi":                          nil,
		"npm ci && npm run build":                                                    nil,
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM a\nWORKDIR /app\nCOPY . .\nRUN "+run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		p := analysis.New(&analysis.Facts{Dockerfile: f})
		got, ok := installs(p, &f.Stages[0].Instructions[2])
		if !ok {
			t.Errorf("%s: it installs", run)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", run, diff)
		}
	}
}
