package recipe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/dockerfile"
)

func TestReadPackageCommand(t *testing.T) {
	for _, tc := range []struct {
		line string
		want PackageAction
		err  string
	}{
		{"pip install --no-cache-dir -r requirements.txt", PackageAction{Role: Installing, Install: PackageInstall{Args: []string{"-r", "requirements.txt"}, Files: []string{"requirements.txt"}}}, ""},
		{`python3 -m pip install -c c.txt --upgrade ".[a,b]"`, PackageAction{Role: Installing, Install: PackageInstall{Args: []string{"-c", "c.txt", `".[a,b]"`}, Projects: []int{2}, Files: []string{"c.txt"}}}, ""},
		{"/opt/v/bin/pip install flask==3", PackageAction{Role: Installing, Install: PackageInstall{Args: []string{"flask==3"}, Dir: "/opt/v"}}, ""},
		{"PIP_X=1 pip3 install --prefix /install flask", PackageAction{Role: Installing, Install: PackageInstall{Assigns: []string{"PIP_X=1"}, Args: []string{"flask"}, Dir: "/install"}}, ""},
		{"pip install -U pip setuptools", PackageAction{Role: PreparesInstaller, Install: PackageInstall{Args: []string{"pip", "setuptools"}}}, ""},
		{"pip install -e .", PackageAction{Role: Installing, Install: PackageInstall{Args: []string{"-e", "."}, Projects: []int{1}, Editable: true}}, ""},
		{"uv sync --frozen --compile-bytecode --extra web", PackageAction{Role: Installing, Install: PackageInstall{Tool: UVSync, Args: []string{"--frozen", "--extra", "web"}, Compile: "--compile-bytecode"}}, ""},
		{"uv pip install --system -r r.txt", PackageAction{Role: Installing, Install: PackageInstall{Tool: UVPip, Args: []string{"-r", "r.txt"}, Files: []string{"r.txt"}}}, ""},
		{"poetry install --no-root --only main", PackageAction{Role: Installing, Install: PackageInstall{Tool: Poetry, Args: []string{"install", "--no-root", "--only", "main"}}}, ""},
		{"poetry config virtualenvs.create false", PackageAction{Role: PreparesInstaller}, ""},
		{"python -m venv --copies /venv", PackageAction{Role: MakesVenv, Install: PackageInstall{Dir: "/venv"}}, ""},
		{"find /usr/local/lib/python3.13 -name '*.pyc' -delete", PackageAction{Role: Cleans}, ""},
		{"rm -rf /var/lib/apt/lists/*", PackageAction{Role: Keeps}, ""},
		{"pip install --target /x flask", PackageAction{}, "--target"},
		{"pip install $PACKAGES", PackageAction{}, "only the build knows"},
		{"pip install -r", PackageAction{}, "no value"},
		{"pip download flask", PackageAction{}, "download"},
		{"conda install numpy", PackageAction{}, "conda"},
		{"uv sync --active", PackageAction{}, "--active"},
	} {
		t.Run(tc.line, func(t *testing.T) {
			script, err := dockerfile.ParseShell("line", tc.line)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ReadPackageCommand(&script.Commands()[0])
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want one about %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
