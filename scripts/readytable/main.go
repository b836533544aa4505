// Command readytable prints, from the report.json of a study, the Markdown table of sizes
// and times to ready: the variants before and after the fixes, and the strategies that
// were built.
//
//	go run ./scripts/readytable examples/inventory/.whittle/report.json
//	go run ./scripts/readytable -w README.md examples/inventory/.whittle/report.json
//	go run ./scripts/readytable proof/report.json study/report.json
//
// Of further reports it takes the variants that the first one does not have.
//
// With -w, the table replaces the one in a file, between the lines <!-- ready --> and
// <!-- /ready -->.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

const begin, end = "<!-- ready -->\n", "<!-- /ready -->\n"

func main() {
	log.SetFlags(0)
	log.SetPrefix("readytable: ")
	into := flag.String("w", "", "the file whose table is replaced")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("name the report.json of a study")
	}
	s := study(flag.Arg(0))
	for _, name := range flag.Args()[1:] {
		for _, v := range study(name).Variants {
			if !slices.ContainsFunc(s.Variants, func(have whittle.Variant) bool { return have.Name == v.Name }) {
				s.Variants = append(s.Variants, v)
			}
		}
	}
	out := table(s)
	if *into == "" {
		fmt.Print(out)
		return
	}
	file, err := os.ReadFile(*into)
	if err != nil {
		log.Fatal(err)
	}
	changed, err := replaced(string(file), out)
	if err != nil {
		log.Fatalf("%s: %v", *into, err)
	}
	if err := os.WriteFile(*into, []byte(changed), 0o644); err != nil {
		log.Fatal(err)
	}
}

func study(name string) *whittle.Study {
	text, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	s := new(whittle.Study)
	if err := json.Unmarshal(text, s); err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return s
}

// replaced is a text with another table between its marks.
func replaced(text, table string) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("there are no lines %s and %s", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + table + end + after, nil
}

// table has a row for each image that was built.
func table(s *whittle.Study) string {
	bandwidths := []whittle.Bandwidth{}
	var rows []string
	add := func(name string, size int64, r *whittle.Ready, runs string) {
		cells := []string{name, whittle.Bytes(size), "–", "–"}
		if r != nil && r.Download != nil {
			cells[2] = whittle.Bytes(*r.Download)
		}
		if r != nil && r.Start != nil {
			cells[3] = fmt.Sprintf("%.1f s", r.Start.Wall)
		}
		for _, b := range bandwidths {
			cells = append(cells, total(r, b))
		}
		rows = append(rows, "| "+strings.Join(append(cells, runs), " | ")+" |\n")
	}
	for _, v := range s.Variants {
		if v.Ready != nil && len(bandwidths) == 0 {
			for _, t := range v.Ready.Totals {
				bandwidths = append(bandwidths, t.Bandwidth)
			}
		}
	}
	verdict := map[whittle.Verdict]string{whittle.Runs: "yes", whittle.Fails: "no"}
	verified := map[string]whittle.VerifiedVariant{}
	if s.Repair != nil && s.Repair.Verified != nil {
		for _, v := range s.Repair.Verified.Variants {
			verified[v.Name] = v
		}
	}
	for i := range s.Variants {
		v := &s.Variants[i]
		if v.Inspect == nil {
			continue
		}
		add(v.Name, v.Inspect.Sizes.Size, v.Ready, verdict[v.Run.Status])
		if after, ok := verified[v.Name]; ok {
			add(v.Name+", fixed", after.After.Sizes.Size, after.After.Ready, verdict[after.After.Verdict])
		}
	}
	for _, f := range s.Forecasts {
		if f.Actual != nil && f.Ready != nil && !f.Ready.Estimated && f.Strategy != "original-fixed" {
			add(f.Strategy, *f.Actual, f.Ready, "")
		}
	}
	head, line := "| image | size | download | start |", "|---|--:|--:|--:|"
	for _, b := range bandwidths {
		head, line = head+" ready at "+b.String()+" |", line+"--:|"
	}
	return head + " runs |\n" + line + ":-:|\n" + strings.Join(rows, "")
}

func total(r *whittle.Ready, b whittle.Bandwidth) string {
	if r != nil {
		for _, t := range r.Totals {
			if t.Bandwidth == b {
				return fmt.Sprintf("%.1f s", t.Total)
			}
		}
	}
	return "–"
}
