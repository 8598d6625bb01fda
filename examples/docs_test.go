// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

func devicesPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "devices.md"))
	require.NoError(t, err)
	return string(text)
}

// vector returns the bytes of a block of the page, without what stands behind a #.
func vector(t *testing.T, page, title string) []byte {
	t.Helper()
	_, rest, ok := strings.Cut(page, "<!-- vector: "+title+" -->\n\n```\n")
	require.True(t, ok, title)
	block, _, ok := strings.Cut(rest, "```")
	require.True(t, ok, title)
	var digits strings.Builder
	for line := range strings.Lines(block) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	data, err := hex.DecodeString(digits.String())
	require.NoError(t, err, title)
	return data
}

func TestTheBytesOnTheDevicesPageAreThePublishedVectors(t *testing.T) {
	page := devicesPage(t)
	golden := func(file string) []byte {
		text, err := os.ReadFile(filepath.Join("..", "reading", "testdata", file))
		require.NoError(t, err)
		data, err := hex.DecodeString(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		return data
	}
	require.Equal(t, golden("key-eddsa.hex"), vector(t, page, "key"))
	require.Equal(t, golden("reading-eddsa.hex"), vector(t, page, "reading"))
	require.Equal(t, golden("possession.hex"), vector(t, page, "possession"))

	m, err := cose.Parse(vector(t, page, "reading"))
	require.NoError(t, err)
	require.Equal(t, m.Protected, vector(t, page, "protected"))
	toBeSigned := vector(t, page, "sig_structure")
	require.Len(t, toBeSigned, 202)
	require.Equal(t, m.Signature, ed25519.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x11}, 32)), toBeSigned))
	key, err := cose.ParseKey(vector(t, page, "key"))
	require.NoError(t, err)
	require.Contains(t, page, "`"+key.ID().String()+"`")
	require.NoError(t, reading.VerifyPossession(vector(t, page, "possession"), key,
		reading.Subject{Kind: reading.DeviceKey, Name: name.New("Org1MSP", "pump-7"), Channel: "anchors"}))
}

// Every word with which a bridge may refuse a message is in the source of the packages that refuse.
func TestTheDevicesPageExplainsEveryRefusal(t *testing.T) {
	word := regexp.MustCompile(`(?m)^(?:const )?\s*Reason[A-Za-z]*\s*= "([a-z_]+)"`)
	var reasons []string
	for _, file := range []string{"verify/verify.go", "spool/append.go", "intake/intake.go"} {
		source, err := os.ReadFile(filepath.Join("..", "bridge", filepath.FromSlash(file)))
		require.NoError(t, err)
		found := word.FindAllStringSubmatch(string(source), -1)
		require.NotEmpty(t, found, file)
		for _, f := range found {
			reasons = append(reasons, f[1])
		}
	}
	require.Subset(t, reasons, []string{"malformed", "replay", "retained"})
	page := devicesPage(t)
	for _, reason := range reasons {
		require.Contains(t, page, "\n| `"+reason+"` |")
	}
}
