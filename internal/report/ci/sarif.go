package ci

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// Tool names the program that found the results.
type Tool struct {
	Version string
	// URL is where it is described.
	URL string
	// Help gives for a rule its title, its text in Markdown and the address of its page.
	Help func(rule string) (title, markdown, page string)
	// Source gives the content of a file of the repository, nil where it is not known:
	// then a result has no fix.
	Source func(file string) []byte
}

// maxResults is the most that GitHub takes of a run.
// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
const maxResults = 25_000

// The types are the part of SARIF 2.1.0 that whittle writes.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
//
// The known Go library writes empty lists as null and offsets that are not set as 0,
// which the official schema does not take.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"semanticVersion,omitempty"`
		URL     string      `json:"informationUri,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Short sarifText    `json:"shortDescription"`
		Full  sarifText    `json:"fullDescription"`
		Help  sarifMessage `json:"help"`
		URL   string       `json:"helpUri,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		Rule         string            `json:"ruleId"`
		Index        int               `json:"ruleIndex"`
		Level        Level             `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
		Fixes        []sarifFix        `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact sarifArtifact `json:"artifactLocation"`
			Region   *sarifRegion  `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Line      int  `json:"startLine,omitempty"`
		Column    int  `json:"startColumn,omitempty"`
		EndLine   int  `json:"endLine,omitempty"`
		EndColumn int  `json:"endColumn,omitempty"`
		Offset    *int `json:"byteOffset,omitempty"`
		Length    *int `json:"byteLength,omitempty"`
	}
	sarifFix struct {
		Description sarifText     `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifContent struct {
		Text   string `json:"text,omitempty"`
		Binary []byte `json:"binary,omitempty"` // base64
	}
	sarifReplacement struct {
		Deleted  sarifRegion   `json:"deletedRegion"`
		Inserted *sarifContent `json:"insertedContent,omitempty"`
	}
)

// sourceRoot is the name of the repository's folder in a SARIF file.
const sourceRoot = "%SRCROOT%"

// SARIF writes results as SARIF 2.1.0, at most as many as GitHub takes, the most
// important ones.
func SARIF(w io.Writer, t Tool, results []Result) error {
	run := sarifRun{ColumnKind: "utf16CodeUnits", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "whittle", Version: t.Version, URL: t.URL, Rules: []sarifRule{}}
	at := map[string]int{}
	results = results[:min(len(results), maxResults)]
	prints := unique(results)
	for i := range results {
		r := &results[i]
		n, known := at[r.Rule]
		if !known {
			n = len(run.Tool.Driver.Rules)
			at[r.Rule] = n
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, t.rule(r.Rule))
		}
		out := sarifResult{Rule: r.Rule, Index: n, Level: r.Level, Message: sarifText{shown(r.Message)}, Fixes: t.fixes(r)}
		out.Locations = make([]sarifLocation, 1)
		out.Locations[0].Physical.Artifact = artifact(r.file())
		if r.Line > 0 {
			out.Locations[0].Physical.Region = &sarifRegion{Line: r.Line}
		}
		out.Fingerprints = map[string]string{"whittle/v1": prints[i]}
		run.Results = append(run.Results, out)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	if err := e.Encode(sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}}); err != nil {
		return fmt.Errorf("writing SARIF: %w", err)
	}
	return nil
}

func (t Tool) rule(id string) sarifRule {
	title, markdown, page := "", "", ""
	if t.Help != nil {
		title, markdown, page = t.Help(id)
	}
	title = cmp.Or(title, id)
	return sarifRule{ID: id, Short: sarifText{title}, Full: sarifText{title}, Help: sarifMessage{title, cmp.Or(markdown, title)}, URL: page}
}

// artifact is a file of the repository. Names are escaped as URIs want it.
func artifact(name string) sarifArtifact {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), ":", "%3A") // else it looks like a scheme
	}
	if strings.HasPrefix(name, "/") { // of the image
		return sarifArtifact{URI: "file://" + strings.Join(parts, "/")}
	}
	return sarifArtifact{URI: strings.Join(parts, "/"), Base: sourceRoot}
}

// fixes is a result's fix as SARIF has it; none where a tool has to make a file again,
// or where a file is not what the fix was made for.
func (t Tool) fixes(r *Result) []sarifFix {
	f := r.Fix
	if f == nil || len(f.Remake) > 0 || len(f.Patches) == 0 || t.Source == nil {
		return nil
	}
	out := sarifFix{Description: sarifText{shown(f.Title)}}
	for _, p := range f.Patches {
		name := path.Join(r.Dir, p.File)
		source := t.Source(name)
		if p.Digest == "" && source != nil || p.Digest != "" && (source == nil || whittle.DigestOf(source) != p.Digest) {
			return nil
		}
		c := sarifChange{Artifact: artifact(name)}
		where := positions{text: source, line: 1}
		for _, e := range p.Edits {
			if e.Span.Start < where.at || e.Span.End < e.Span.Start || e.Span.End > len(source) {
				return nil
			}
			length := e.Span.End - e.Span.Start
			deleted := sarifRegion{Offset: &e.Span.Start, Length: &length}
			if utf8.Valid(source) && len(source) > 0 {
				deleted.Line, deleted.Column = where.to(e.Span.Start)
				deleted.EndLine, deleted.EndColumn = where.to(e.Span.End)
			}
			c.Replacements = append(c.Replacements, sarifReplacement{deleted, inserted(e.New)})
		}
		if len(c.Replacements) > 0 {
			out.Changes = append(out.Changes, c)
		}
	}
	if len(out.Changes) == 0 {
		return nil
	}
	return []sarifFix{out}
}

func inserted(text string) *sarifContent {
	switch {
	case text == "":
		return nil
	case utf8.ValidString(text):
		return &sarifContent{Text: text}
	}
	return &sarifContent{Binary: []byte(text)}
}

// positions turns offsets of a text, each not before the last, into lines and columns.
// Columns count UTF-16 code units from 1, as the run's columnKind says; a line
// ends with LF, or CR and LF, as the run's newlineSequences are by default.
type positions struct {
	text         []byte
	at           int
	line, column int // the column counts from 0
}

func (p *positions) to(offset int) (line, column int) {
	for p.at < offset {
		r, n := utf8.DecodeRune(p.text[p.at:])
		p.column += max(utf16.RuneLen(r), 1)
		if r == '\n' {
			p.line, p.column = p.line+1, 0
		}
		p.at += n
	}
	return p.line, p.column + 1
}
