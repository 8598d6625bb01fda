// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/ledger"
)

const whole = `{"endpoint":"h:1","serverName":"s","tlsCa":"ca.pem","mspId":"M","certificate":"/abs/c.pem","key":"sub/k.pem","channel":"ch","chaincode":"cc"}`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPathsInAProfileAreRelativeToIt(t *testing.T) {
	path := write(t, whole)
	p, err := ledger.ReadProfile(path)
	require.NoError(t, err)
	require.Equal(t, ledger.Profile{
		Endpoint: "h:1", ServerName: "s", TLSCA: filepath.Join(filepath.Dir(path), "ca.pem"), MSPID: "M",
		Certificate: "/abs/c.pem", Key: filepath.Join(filepath.Dir(path), "sub", "k.pem"), Channel: "ch", Chaincode: "cc",
	}, p)
	require.Equal(t, "ch/cc", p.Ledger())
}

func TestAProfileThatCannotWorkIsRefusedWithWhatToMend(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                 "lacks endpoint, tlsCa, mspId, certificate, key, channel, chaincode",
		`{"endpoint":"h:1"}`: "lacks tlsCa",
		`{"endpont":"h:1"}`:  "endpont",
		whole + `x`:          "text after the JSON object",
		whole + whole:        "text after the JSON object",
		`not json`:           "profile.json",
		`{"endpoint":1}`:     "endpoint",
		``:                   "profile.json",
	} {
		_, err := ledger.ReadProfile(write(t, text))
		require.ErrorIs(t, err, ledger.ErrConfig, text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "profile.json", "which file")
	}
	_, err := ledger.ReadProfile(filepath.Join(t.TempDir(), "missing.json"))
	require.ErrorIs(t, err, ledger.ErrConfig)
}

func TestConnectNamesTheFileThatIsWrong(t *testing.T) {
	good := serve(t, &peerless{})
	garbage := write(t, "garbage")
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, change := range map[string]func(p *ledger.Profile) string{
		"TLS CA missing":      func(p *ledger.Profile) string { p.TLSCA = missing; return missing },
		"TLS CA garbage":      func(p *ledger.Profile) string { p.TLSCA = garbage; return garbage },
		"certificate missing": func(p *ledger.Profile) string { p.Certificate = missing; return missing },
		"certificate garbage": func(p *ledger.Profile) string { p.Certificate = garbage; return garbage },
		"key missing":         func(p *ledger.Profile) string { p.Key = missing; return missing },
		"key garbage":         func(p *ledger.Profile) string { p.Key = garbage; return garbage },
		"channel not named":   func(p *ledger.Profile) string { p.Channel = ""; return "channel" },
	} {
		p := good
		want := change(&p)
		_, err := ledger.Connect(p)
		require.ErrorIs(t, err, ledger.ErrConfig, name)
		require.ErrorContains(t, err, want, name)
	}
}
