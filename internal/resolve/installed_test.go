package resolve

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// treeSize adds up the regular files below a folder, bytecode apart.
func treeSize(t *testing.T, dir string) (rest, bytecode int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if strings.HasSuffix(p, ".pyc") {
			bytecode += info.Size()
		} else {
			rest += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rest, bytecode
}

// TestInstalledAgainstPip holds the forecast to what pip installs into a
// virtual environment: within 1 % without bytecode and 5 % with. The larger
// sets are asked for by WHITTLE_LONG.
func TestInstalledAgainstPip(t *testing.T) {
	idx, py := realIndex(t), thisPython(t)
	tests := []struct {
		name string
		asks []string
		long bool
	}{
		{"flask", []string{"flask", "gunicorn"}, false},
		{"pandas", []string{"pandas", "pyarrow"}, true},
		{"streamlit", []string{"streamlit"}, true},
		{"django", []string{"django", "celery", "psycopg[binary]"}, true},
		{"fastapi", []string{"fastapi[standard]", "sqlalchemy", "alembic"}, true},
		{"science", []string{"scikit-learn", "matplotlib"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.long && os.Getenv("WHITTLE_LONG") == "" {
				t.Skip("WHITTLE_LONG is not set: it installs hundreds of megabytes")
			}
			venv := filepath.Join(t.TempDir(), "venv")
			if out, err := exec.Command(py.program, "-m", "venv", venv).CombinedOutput(); err != nil {
				t.Skipf("python3 makes no virtual environment: %v\n%s", err, out)
			}
			own := describePython(t, filepath.Join(venv, "bin", "python"))
			before, beforeCode := treeSize(t, venv)
			if out, err := own.pip(t, append([]string{"install", "--quiet"}, tt.asks...)...).CombinedOutput(); err != nil {
				t.Fatalf("pip: %v\n%s", err, out)
			}
			rest, code := treeSize(t, venv)
			rest, code = rest-before, code-beforeCode
			r, err := Versions(t.Context(), idx, requirements(t, tt.asks...), Options{Target: own.target, Env: own.env})
			if err != nil {
				t.Fatal(err)
			}
			in, err := Installed(t.Context(), idx, r, InstallOptions{Interpreter: own.program})
			if err != nil {
				t.Fatal(err)
			}
			plain, all := in.Bytes-in.Bytecode, rest+code
			t.Logf("without bytecode: %d, truly %d (%+.3f %%); with: %d of %d to %d, truly %d (%+.2f %%); bytecode alone %+.1f %%",
				plain, rest, percent(plain, rest), in.Bytes, in.Low, in.High, all, percent(in.Bytes, all), percent(in.Bytecode, code))
			if p := percent(plain, rest); p < -1 || p > 1 {
				t.Errorf("without bytecode the forecast is %d, pip installs %d: %+.2f %%", plain, rest, p)
			}
			if p := percent(in.Bytes, all); p < -5 || p > 5 {
				t.Errorf("with bytecode the forecast is %d, pip installs %d: %+.2f %%", in.Bytes, all, p)
			}
			if all < in.Low || all > in.High {
				t.Errorf("pip installs %d, which is not between %d and %d", all, in.Low, in.High)
			}
		})
	}
}

func percent(predicted, actual int64) float64 {
	return 100 * float64(predicted-actual) / float64(actual)
}
