package ecosystem

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// ModelsAndData is the rule models-and-data: weights of models, corpora and browsers
// that a program downloaded are in the image.
func ModelsAndData() analysis.Rule {
	return analysis.Rule{
		ID:    "models-and-data",
		Title: "Models, corpora and data are in the image",
		Text: `Weights of models, corpora of NLTK and other data are often larger than the program that reads them, and change less often. Some of them are
there twice: a corpus as an archive and unpacked, a model's weights for several frameworks. Those are named apart, with the bytes of the copy
that nothing reads. The rest is a decision: an image with the data starts without network, an image without is small and loads them from
a volume or a bucket. So whittle says what they take, and edits nothing.`,
		Before: "RUN python -m nltk.downloader -d /usr/share/nltk_data all\n",
		After:  "RUN python -m nltk.downloader -d /usr/share/nltk_data punkt_tab stopwords\n",
		Run:    models,
	}
}

// minModel is the size from which data are reported, in bytes: below it, they weigh
// no more than a Python package.
const minModel = 50_000_000

func models(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	out := append(unpackedArchives(p), otherWeights(p)...)
	said := map[whittle.Content]bool{}
	for _, f := range out {
		for _, c := range f.Change.Remove {
			said[c] = true
		}
	}
	byFolder := map[string][]int{}
	for _, i := range p.Layers.Visible(func(i int) bool {
		return !p.Layers.IsBase(p.Ledger.Items[i].Layer) && !p.Layers.OfSystem(i) && !said[p.Layers.Content(i)]
	}) {
		if kind, folder := dataOf(p.Ledger.Items[i].Path, p.Ledger.Items[i].Bytes); kind != "" {
			byFolder[kind+"\x00"+folder] = append(byFolder[kind+"\x00"+folder], i)
		}
	}
	for key, items := range byFolder {
		kind, folder, _ := strings.Cut(key, "\x00")
		if p.Layers.Bytes(items) < minModel || p.Owner[items[0]].Ecosystem == "pypi" && kind == weights {
			continue // a distribution's own data are the distribution's
		}
		out = append(out, dataFinding(p, kind, folder, items))
	}
	slices.SortFunc(out, func(a, b whittle.Finding) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return out
}

const weights = "weights of models"

// caches of models and data by the ends of their folders: the defaults of the
// programs that download them.
var dataFolders = []struct{ folder, kind string }{
	{".cache/huggingface", "models and datasets of Hugging Face"},
	{"nltk_data", "corpora of NLTK"},
	{".cache/torch/hub", "models of PyTorch Hub"},
	{".cache/torch/sentence_transformers", "models of sentence-transformers"},
	{".cache/whisper", "models of Whisper"},
	{".keras", "models of Keras"},
	{"gensim-data", "data of gensim"},
	{".EasyOCR", "models of EasyOCR"},
	{".paddleocr", "models of PaddleOCR"},
	{".ollama/models", "models of Ollama"},
	{".insightface", "models of InsightFace"},
	{".u2net", "models of rembg"},
	{"scikit_learn_data", "datasets of scikit-learn"},
	{"tensorflow_datasets", "datasets of TensorFlow"},
}

var weightsFile = regexp.MustCompile(`\.(safetensors|pt|pth|ckpt|onnx|gguf|ggml|h5|hdf5|keras|tflite|pb|caffemodel|joblib|pkl|pickle|msgpack|npz|parquet|feather)$`)

// dataOf says what kind of data a file is, and in which folder; kind is empty for
// other files.
func dataOf(at string, size int64) (kind, folder string) {
	whole := "/" + at
	for _, d := range dataFolders {
		if n := strings.Index(whole, "/"+d.folder+"/"); n >= 0 {
			return d.kind, at[:n+len(d.folder)]
		}
	}
	if size >= 1_000_000 && (weightsFile.MatchString(at) || path.Base(at) == "pytorch_model.bin") {
		return weights, path.Dir(at)
	}
	return "", ""
}

func dataFinding(p *analysis.Pass, kind, folder string, items []int) whittle.Finding {
	f := whittle.Finding{
		Message: fmt.Sprintf("%s in /%s take %s in %s (%s)", kind, folder, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)),
			p.LayerNames(p.Layers.LayersOf(items))),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(p.Layers.WithWasted(items)), Risk: whittle.RiskHigh,
		Caution:     "the application then has to find them elsewhere",
		Advice:      "download only what the application loads, or mount them when it starts (a volume, a bucket)",
		Fingerprint: whittle.Fingerprint("models-and-data", kind, folder),
	}
	return withLines(p, f, items)
}

// withLines adds the instructions that made the items to the evidence.
func withLines(p *analysis.Pass, f whittle.Finding, items []int) whittle.Finding {
	for _, layer := range p.Layers.LayersOf(items) {
		f.Evidence = p.Recipe.WithLine(f.Evidence, layer)
	}
	return f
}

// unpackedArchives finds archives of NLTK's corpora beside what was unpacked from
// them: nltk.data.find looks for the folder first.
// https://www.nltk.org/api/nltk.data.html
func unpackedArchives(p *analysis.Pass) []whittle.Finding {
	items := p.Layers.Visible(func(i int) bool {
		it := &p.Ledger.Items[i]
		folder, ok := strings.CutSuffix(it.Path, ".zip")
		if !ok || !strings.Contains("/"+it.Path, "/nltk_data/") || p.Layers.IsBase(it.Layer) || p.Root == nil {
			return false
		}
		e, err := p.Root.Lstat(folder)
		return err == nil && e.Kind == whittle.Dir
	})
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("NLTK's archives stay beside the corpora that were unpacked from them: %s in %s",
			whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items))),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskLow,
		Caution:     "nltk.download fetches them again if it is called at run time",
		Advice:      "delete the .zip files in the RUN that downloads them",
		Fingerprint: whittle.Fingerprint("models-and-data", "unpacked archives"),
	}
	return []whittle.Finding{withLines(p, f, items)}
}

// frameworks are the file names of a model's weights on Hugging Face's hub, by the
// framework that reads them. transformers loads model.safetensors first.
// https://huggingface.co/docs/transformers/main_classes/model
var frameworks = []struct {
	name  *regexp.Regexp
	reads string
}{
	{regexp.MustCompile(`^(tf_model(-\d+-of-\d+)?\.h5)$`), "TensorFlow"},
	{regexp.MustCompile(`^(flax_model(-\d+-of-\d+)?\.msgpack)$`), "Flax"},
	{regexp.MustCompile(`^(rust_model\.ot)$`), "rust-bert"},
	{regexp.MustCompile(`^(pytorch_model(-\d+-of-\d+)?\.bin)$`), "PyTorch, in its older form"},
}

// otherWeights finds weights of one model for several frameworks, of which the first
// that transformers looks for is there.
func otherWeights(p *analysis.Pass) []whittle.Finding {
	if p.Root == nil {
		return nil
	}
	var other []int
	var reads []string
	var nodes map[string]whittle.Node
	for _, n := range p.Ledger.Tree.Nodes {
		for _, k := range frameworks {
			if !k.name.MatchString(path.Base(n.Path)) || !hasSafetensors(p, path.Dir(n.Path)) {
				continue
			}
			if nodes == nil {
				nodes = byPath(p)
			}
			item := followed(p, nodes, n)
			if item >= 0 && !p.Layers.IsBase(p.Ledger.Items[item].Layer) && !slices.Contains(other, item) {
				other = append(other, item)
				if !slices.Contains(reads, k.reads) {
					reads = append(reads, k.reads)
				}
			}
		}
	}
	if p.Layers.Bytes(other) < analysis.MinBytes {
		return nil
	}
	slices.Sort(other)
	f := whittle.Finding{
		Message: fmt.Sprintf("a model's weights are there for several frameworks; those for %s take %s in %s, beside model.safetensors",
			analysis.List(reads), whittle.Bytes(p.Layers.Bytes(other)), analysis.FileCount(len(other))),
		Evidence: p.Layers.Places(other), Change: p.Layers.Removal(other), Risk: whittle.RiskMedium,
		Caution:     "a program that asks for these files by name needs them",
		Advice:      "download only what is loaded: allow_patterns of snapshot_download, or --include of the hub's command",
		Fingerprint: whittle.Fingerprint("models-and-data", "frameworks"),
	}
	return []whittle.Finding{withLines(p, f, other)}
}

func hasSafetensors(p *analysis.Pass, dir string) bool {
	for _, name := range []string{"model.safetensors", "model.safetensors.index.json"} {
		if _, err := p.Root.Lstat(dir + "/" + name); err == nil {
			return true
		}
	}
	return false
}

func byPath(p *analysis.Pass) map[string]whittle.Node {
	out := make(map[string]whittle.Node, len(p.Ledger.Tree.Nodes))
	for _, n := range p.Ledger.Tree.Nodes {
		out[n.Path] = n
	}
	return out
}

// followed is the item of a path, or of the file that it links to: the hub's cache
// has links from snapshots to blobs. It is -1 if there is none.
func followed(p *analysis.Pass, nodes map[string]whittle.Node, n whittle.Node) int {
	for range 10 {
		if n.Entry < 0 {
			return -1
		}
		e := &p.Indexes[n.Layer].Entries[n.Entry]
		if e.Kind != whittle.Symlink {
			return n.Item
		}
		to, ok := nodes[whittle.Join(path.Dir(n.Path), e.Link)]
		if !ok {
			return -1
		}
		n = to
	}
	return -1
}
