// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// The scripts in testdata run the real main: what it prints and how it ends. That it works is the
// business of package e2e.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"anchorline": func() {
			os.Exit(run(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
		},
	})
}

func TestCommandLine(t *testing.T) {
	vectors, err := filepath.Abs("../../verify/vectors")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(env *testscript.Env) error {
		env.Setenv("VECTORS", vectors)
		return nil
	}})
}
