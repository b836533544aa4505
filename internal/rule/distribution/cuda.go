package distribution

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// WrongBuildOfWheel is the rule wrong-build-of-wheel: wheels built for a
// graphics card in an image that does not ask for one.
func WrongBuildOfWheel() analysis.Rule {
	return analysis.Rule{
		ID:    "wrong-build-of-wheel",
		Title: "Wheels built for a graphics card in an image that asks for none",
		Text: `On Linux, the package index's wheels of some distributions are built for CUDA and need its libraries: several gigabytes. Their makers also
publish builds for the CPU alone, which are a tenth of that. Neither the image's environment nor its base nor the Dockerfile asks for a
graphics card. The fix names PyTorch's index for the CPU where pip installs PyTorch: a build of the same version there comes after that of the
package index. It is of medium risk, because whittle cannot know whether a computer that runs the image has a card. Where the requirements
have hashes or another index, or a lock decides, there is no fix: the advice says what to do.`,
		Before: "RUN pip install torch\n",
		After:  "RUN pip install --index-url https://download.pytorch.org/whl/cpu torch\n",
		Run:    findCUDA,
	}
}

// cudaOnly says that a distribution is only useful with a graphics card.
func cudaOnly(name string) bool {
	return strings.HasPrefix(name, "nvidia-") || name == "triton" || name == "pytorch-triton" || strings.HasPrefix(name, "cuda-") || name == "nvidia" || strings.HasPrefix(name, "jax-cuda")
}

// cudaBuild says that there is also a build of a distribution without CUDA.
func cudaBuild(name string) bool {
	_, ok := cpuBuilds[name]
	return ok
}

// cpuBuilds are distributions with builds for a graphics card, and where their builds
// for the CPU are.
var cpuBuilds = map[string]string{
	"torch": "torch from the PyTorch index for the CPU", "torchvision": "torchvision from the PyTorch index for the CPU",
	"torchaudio": "torchaudio from the PyTorch index for the CPU", "tensorflow": "tensorflow-cpu", "jaxlib": "jax without its extra for CUDA",
	"jax-cuda12-plugin": "jax without its extra for CUDA", "jax-cuda12-pjrt": "jax without its extra for CUDA", "onnxruntime-gpu": "onnxruntime",
	"paddlepaddle-gpu": "paddlepaddle", "xgboost": "xgboost-cpu", "ctranslate2": "",
}

// cudaFile says that a file of such a build is only for the graphics card.
func cudaFile(at string) bool {
	base := strings.ToLower(path.Base(at))
	return strings.Contains(base, ".so") && slices.ContainsFunc([]string{"cuda", "cudnn", "cublas", "cufft", "cusparse", "nccl", "nvrtc", "cupti", "nvtools"},
		func(word string) bool { return strings.Contains(base, word) })
}

func findCUDA(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || asksForCUDA(p) {
		return nil
	}
	var names []string
	var items []int
	var rest int64
	for i := range p.Ledger.Items {
		it, name := &p.Ledger.Items[i], p.Owner[i].Name
		if !p.Layers.OfDistribution(i) || it.Bytes == 0 {
			continue
		}
		switch {
		case cudaOnly(name), cudaBuild(name) && cudaFile(it.Path):
			items = append(items, i)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		case cudaBuild(name):
			rest += it.Bytes
		}
	}
	// If no installed distribution has another build, the libraries are used
	// directly.
	builds := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !cudaBuild(n) && cudaHost(p, n) == "" })
	if p.Layers.Bytes(items) < analysis.MinBytes || len(builds) == 0 {
		return tensorflowForCPU(p)
	}
	slices.Sort(names)
	f := whittle.Finding{
		Message: fmt.Sprintf("libraries for a graphics card take %s, and nothing in the image asks for one: %s", whittle.Bytes(p.Layers.Bytes(items)), analysis.List(names)),
		Change:  p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "on a computer with a graphics card the image would not use it any more",
		Advice:      cpuAdvice(p, builds),
		Fingerprint: whittle.Fingerprint("wrong-build-of-wheel", names...),
	}
	f.Evidence = p.Layers.Places(items)
	hosts := cpuHosts(p, builds)
	if fix, runs, by := fromCPUIndex(p, items, hosts); fix != nil {
		f.Fix, f.Advice = fix, "install "+analysis.List(hosts)+" from "+cpuWheels+" in "+analysis.List(runs)
	} else if cpuSteps[by] != "" {
		f.Advice += "; " + cpuSteps[by]
	}
	// Other builds also differ in their other files, by about a tenth of these.
	f.Change.Plus = rest / 10
	if f.Change.Plus > p.Layers.Bytes(items) {
		f.Change.Plus = p.Layers.Bytes(items)
	}
	return []whittle.Finding{f}
}

// cpuHosts are the distributions among builds, or that require them, of which there are
// builds for the CPU.
func cpuHosts(p *analysis.Pass, builds []string) (out []string) {
	for _, n := range builds {
		if !cudaBuild(n) {
			n = cudaHost(p, n)
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// cpuAdvice says where the builds for the CPU of some distributions are.
func cpuAdvice(p *analysis.Pass, builds []string) string {
	var names []string
	for _, n := range cpuHosts(p, builds) {
		if text := cpuBuilds[n]; text != "" && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "install the builds for the CPU: their makers publish them in a separate index, or under another name"
	}
	return "install the builds for the CPU: " + analysis.List(names)
}

// cardInCode matches Python that names a device of CUDA, and cardInFiles a pin or an
// index of builds for CUDA.
var (
	cardInCode  = regexp.MustCompile(`\bcuda\b|CUDAExecutionProvider|device_map`)
	cardInFiles = regexp.MustCompile(`\+cu[0-9]{2,3}\b|/whl/(nightly/)?cu[0-9]{2,3}\b|jax\[cuda|and-cuda`)
)

// pinsCUDA says that a pin or an index of the project is one for CUDA.
func pinsCUDA(p *analysis.Pass) bool {
	for i := range p.Graph.Distributions {
		if d := &p.Graph.Distributions[i]; cudaBuild(d.Name) && strings.Contains(d.Version, "+cu") {
			return true
		}
	}
	return p.Declared != nil && slices.ContainsFunc(p.Declared.Files, func(name string) bool {
		switch path.Ext(name) {
		case ".txt", ".in", ".toml", ".cfg", ".py", "":
			return cardInFiles.Match(p.Project.File(name))
		}
		return false
	})
}

// cudaHost is an installed distribution that requires one of the libraries and
// has another build.
func cudaHost(p *analysis.Pass, name string) string {
	for _, e := range p.Graph.Edges {
		if e.From >= 0 && e.Requirement.Name == name && cudaBuild(p.Graph.Distributions[e.From].Name) {
			return p.Graph.Distributions[e.From].Name
		}
	}
	return ""
}

// asksForCUDA says that the image is meant for a graphics card, by its
// environment, its base or the project's own code.
func asksForCUDA(p *analysis.Pass) bool {
	for _, kv := range p.Config.Config.Env {
		if strings.HasPrefix(kv, "NVIDIA_") || strings.HasPrefix(kv, "CUDA_") {
			return true
		}
	}
	if p.Dockerfile != nil {
		text := strings.ToLower(string(p.Dockerfile.Source))
		for name := range cpuBuilds {
			text = strings.ReplaceAll(text, name, "") // a name alone is what the rule is about
		}
		if cardInFiles.MatchString(text) || strings.Contains(text, "cuda") || strings.Contains(text, "nvidia") || strings.Contains(text, "gpu") {
			return true
		}
	}
	for _, d := range p.Dists.Declared() {
		if !cudaBuild(pep.Normalize(d.Name)) && (strings.Contains(d.Name, "cuda") || strings.Contains(d.Name, "gpu") || strings.HasPrefix(pep.Normalize(d.Name), "nvidia-")) {
			return true
		}
	}
	if _, _, found := p.Project.Mentioned(nil, []string{"nvidia", "gpus", "gpu"}); found {
		return true
	}
	return pinsCUDA(p) || p.Project.MatchSource(cardInCode)
}
