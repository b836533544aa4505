// Package whittle holds the nouns of whittle, the tool that makes container
// images smaller without breaking them and proves both halves.
//
// Nothing in this package does any work on images: it names the things that
// the rooms of the program pass to each other, states their units and
// invariants, and checks the invariants that can be checked on a value alone.
// It imports the standard library only.
//
// # Reading
//
// An [Image] is a [Config] and an ordered list of [Layer]s, lowest first.
// Reading a layer gives an [Index]: its [Entry] values in the order of the
// tar. Entries name paths that are clean and relative; whiteouts name their
// target.
//
// # Accounting
//
// A [Ledger] says of every content byte in every layer whether it is visible
// in the merged root file system or wasted, and if wasted why ([Cause]), which
// layer added it and which layer hides it. For each layer, and so for the
// image,
//
//	size = visible + wasted
//
// holds exactly; [Ledger.Validate] checks it.
//
// # Showing
//
// [Inspection], [Comparison] and [Study] are the values that are shown: their
// JSON form is the contract of the command line (whittle.inspect/v2,
// whittle.compare/v2, whittle.lab/v2). They are built once and not changed;
// equal inputs give equal bytes.
//
// # Sizes
//
// All sizes are bytes in int64 and all durations in JSON are seconds. Text
// prints decimal units as Docker does (1 MB is 1,000,000 bytes); see [Bytes].
//
// # Compatibility
//
// Keys of the JSON forms are stable from the first release: keys may be
// added, never renamed, removed or given another meaning within one schema
// version. The Go API of this package may still change before version 1.
package whittle
