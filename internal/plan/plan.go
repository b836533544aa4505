// Package plan decides what to do about findings before anything is built: it
// merges the edits of fixes, chooses which go together, resolves requirements
// and forecasts the sizes of images that nobody has built.
package plan
