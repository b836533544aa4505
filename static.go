package whittle

// StaticSchema names the JSON form of [StaticAdvice].
const StaticSchema = "whittle.static/v1"

// StaticAdvice are findings in Dockerfiles without an image: what their text and the
// files of the project show. With the image, there are these findings and more.
type StaticAdvice struct {
	Schema string `json:"schema"`
	// Files are the Dockerfiles that were read.
	Files []string `json:"files"`
	// Findings are in the order of the files and their lines.
	Findings []StaticFinding `json:"findings"`
	// Rules are the names of those that were asked: the others need an image.
	Rules []string `json:"rules"`
	// Ignored are what the project accepts; such findings are not among the others.
	Ignored []Ignored `json:"ignored,omitempty"`
	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// StaticFinding is a finding at a place in a Dockerfile.
type StaticFinding struct {
	Rule string `json:"rule"`
	// Path is the file, as it was named. Line and Column are where it begins, and count
	// from 1, columns in bytes. EndLine is the last line.
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	EndLine int    `json:"end_line"`
	// Message, Risk, Caution, Advice, Fix and Fingerprint are those of [Finding]. A fix
	// is there only if the text alone shows that it is safe.
	Message     string `json:"message"`
	Risk        Risk   `json:"risk"`
	Caution     string `json:"caution,omitempty"`
	Advice      string `json:"advice"`
	Fix         *Fix   `json:"fix,omitempty"`
	Fingerprint string `json:"fingerprint"`
	// Saving is what the files of the build context show of it, nil where only an image
	// says how much it is.
	Saving *Saving `json:"saving,omitempty"`
}
