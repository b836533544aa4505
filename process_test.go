package whittle

import "testing"

// TestProcessDiffers: every setting counts, but for the variables of an environment of
// Python.
func TestProcessDiffers(t *testing.T) {
	was := Process{User: "app", Env: []string{"PATH=/usr/bin", "A=1", "B=2"}, Cmd: []string{"x"}, Labels: map[string]string{"a": "b"}}
	for want, change := range map[string]func(*Process){
		"": func(p *Process) {
			p.Env = []string{"B=2", "A=1", "PATH=/opt/venv/bin:/usr/bin", "VIRTUAL_ENV=/opt/venv"}
			p.Volumes = map[string]struct{}{}
		},
		"the image has another setting Env":     func(p *Process) { p.Env = []string{"PATH=/usr/bin", "A=1"} },
		"the image has another setting User":    func(p *Process) { p.User = "" },
		"the image has another setting Cmd":     func(p *Process) { p.Cmd = []string{"y"} },
		"the image has another setting Labels":  func(p *Process) { p.Labels = nil },
		"the image has another setting Volumes": func(p *Process) { p.Volumes = map[string]struct{}{"/data": {}} },
	} {
		is := was
		change(&is)
		if got := was.Differs(&is); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
