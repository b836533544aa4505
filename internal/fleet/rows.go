package fleet

// PackageLine is a version of a package, in a table for other programs.
type PackageLine struct {
	Ecosystem string `parquet:"ecosystem,dict"`
	Name      string `parquet:"name,dict"`
	Version   string `parquet:"version"`
	Once      int64  `parquet:"once"`
	Each      int64  `parquet:"each"`
	Images    int64  `parquet:"images"`
}

// Lines are the versions of all packages of a report.
func (r *Report) Lines() []PackageLine {
	var out []PackageLine
	for i := range r.Packages {
		p := &r.Packages[i]
		for _, v := range p.Versions {
			out = append(out, PackageLine{p.Ecosystem, p.Name, v.Version, v.Once, v.Each, v.Images})
		}
	}
	return out
}

// HitLine is an image with a package, in a table for other programs.
type HitLine struct {
	Image     string `parquet:"image"`
	Digest    string `parquet:"digest"`
	Ecosystem string `parquet:"ecosystem,dict"`
	Name      string `parquet:"name,dict"`
	Version   string `parquet:"version,dict"`
	Visible   int64  `parquet:"visible"`
}

// Lines are the images that have the package.
func (f *Found) Lines() []HitLine {
	var out []HitLine
	for _, h := range f.Rows {
		out = append(out, HitLine{h.Image, string(h.Digest), h.Ecosystem, h.Name, h.Version, h.Visible})
	}
	return out
}
