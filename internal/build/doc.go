// Package build is the only door to BuildKit's client. [Open] finds an engine
// or starts a private one; [Engine.Build] builds one variant and writes its
// archive; [Engine.Run] runs commands in the image that a definition builds,
// without Docker and without a network.
//
// Errors say whose fault it is: [Error] is a build that the input made fail
// and wraps [whittle.ErrUsage]; trouble of the engine, the network or a full
// disk wraps [whittle.ErrEngine]; a cancelled context's error is wrapped as it
// is.
package build
