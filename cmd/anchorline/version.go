// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// revision is what the linker is told where there is no repository to read it from, as in images:
// -X main.revision=…
var revision = "unknown"

type versionCmd struct{}

// Run prints what was built from what.
func (versionCmd) Run(io streams) error {
	version, built := "(devel)", revision
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				built = s.Value
			}
		}
	}
	_, err := fmt.Fprintf(io.out, "anchorline %s, revision %s, %s %s/%s\n", version, built, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
