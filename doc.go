// Package whittle has the values of whittle, a tool that makes container images
// smaller without breaking them, and proves both.
//
// Nothing here works on images. The package names what the other packages
// (rooms) hand to each other, states units and invariants, and checks those
// that a value shows by itself. It imports only the standard library.
//
// # From an image to bytes
//
// An [Image] is a [Config] and a list of [Layer] values, lowest first. Reading a
// layer gives an [Index]: its [Entry] values, in the order of the tar. Paths are
// clean and relative ([CleanPath]). A whiteout has the path that it deletes.
//
// A [Ledger] assigns every content byte of every layer: it is visible in the
// merged root file system, or a later layer hides it and it is wasted. An [Item]
// says which layer added the content, which one hides it, and why ([Cause]). For
// each layer, and so for the image,
//
//	size = visible + wasted
//
// holds to the byte; [Ledger.Validate] checks it. An [Owner] is the package, the
// interpreter, the application or the instruction that a file belongs to; a
// [Claim] is what one package database says about that.
//
// # From bytes to a smaller image
//
// A [Check] is a verdict on whether the image can run, with its [Problem]
// values. A [Finding] is what could be smaller, or what breaks: with [Evidence],
// a [Saving], a [Risk] and, if an edit is safe, a [Fix]. A fix is a list of
// [Patch] values, each made against one state of one file; [Splice] makes its
// edits. A [Forecast] is the size of an image that nobody has built. A [Repair]
// says what became of each fix once the images were built and run.
//
// # What is shown
//
// [Inspection], [Comparison], [Check], [Advice], [Simulation], [Forecasts],
// [Repair] and [Study] are results. Each is built once and not changed; package
// report prints it as text or Markdown, and its JSON form is the contract of
// the command line ([InspectSchema], [StudySchema] and the others; the folder
// schema has the JSON Schemas).
//
// # Units
//
// A size is bytes in an int64, on disk and uncompressed; a download is
// compressed bytes, nil if the source has no compressed blobs. A duration in
// JSON is seconds. [Bytes] prints decimal units as Docker does: 1 MB is
// 1,000,000 bytes.
//
// # Errors
//
// An error is one line: what was being done to what, and why it failed. It has a
// kind ([ErrNotFound] and the others), which errors.Is finds and no message
// shows; the command line takes its exit code from it. [WithHint] adds what the
// user can try, and [Hint] gets it back.
//
// # Compatibility
//
// Within one schema version, keys of the JSON may be added; none is renamed,
// removed or given another meaning. The Go API may change before version 1.
package whittle
