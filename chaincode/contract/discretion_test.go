// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"encoding/base64"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoPayloadAndNoNameOfAPersonReachesTheLedger lets a person with a telling certificate do what a
// bridge does, and looks for it, and for a reading's payload, in everything that was written.
func TestNoPayloadAndNoNameOfAPersonReachesTheLedger(t *testing.T) {
	inMemory(t, "what a network keeps of a transaction beside its writes is Fabric's")
	const name, payload = "Erika Mustermann", `[{"n":"t","v":21}]`
	w := newWorld(t)
	person := w.org1.Member(t, name, []string{"client", "bridges", "registrars"}, map[string]string{"mail": "erika@example.com"})
	w.submit(w.admin1, "roles:Grant", object{"role": "registrar", "unit": "registrars"})
	w.bridge1 = person
	b := w.anchoredBatch(2)
	w.submit(person, "access:Request", readOf("Org1MSP/pump-1"))
	lie := b.claims(t)
	lie.Anchor[0] ^= 1
	w.submit(w.admin2, "anchors:ReportEquivocation", object{"receipt": b64(b.receipt(t, b.stream, lie, 0)), "root": b.tree.Root().String()})

	require.Contains(t, string(b.readings[0]), payload, "a reading holds its payload as it is")
	var written []string
	for _, key := range w.ledger.Keys() {
		written = append(written, key, string(w.ledger.Value(key)))
	}
	require.NotEmpty(t, written)
	for _, e := range w.ledger.Events() {
		written = append(written, string(e.Payload))
	}
	for _, text := range written {
		for _, secret := range []string{name, "erika@example.com", payload, strings.ReplaceAll(payload, `"`, `\"`)} {
			require.NotContains(t, text, secret)
			for shift := range 3 { // base64 looks different at each of three offsets
				encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", shift) + secret))
				require.NotContains(t, text, encoded[4:len(encoded)-4])
			}
		}
	}
}

// TestNothingThatDiffersBetweenPeersIsInReach holds that the contracts' code uses no clock, no
// randomness and no goroutine.
func TestNothingThatDiffersBetweenPeersIsInReach(t *testing.T) {
	inMemory(t, "it reads the source")
	read := 0
	for _, room := range []string{".", "../call", "../policy", "../record", "../standing"} {
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			read++
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			for _, i := range tree.Imports {
				require.NotContains(t, []string{`"math/rand"`, `"math/rand/v2"`, `"crypto/rand"`, `"os"`, `"net"`, `"net/http"`}, i.Path.Value, file)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					require.Fail(t, "a goroutine", file)
				case *ast.SelectorExpr:
					if x, is := n.X.(*ast.Ident); is && x.Name == "time" {
						require.NotContains(t, []string{"Now", "Since", "Until", "After", "Local"}, n.Sel.Name, file)
					}
				}
				return true
			})
		}
	}
	require.Greater(t, read, 40)
}
