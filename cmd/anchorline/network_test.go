// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/ledger"
)

// patience bounds a wait for a condition.
const patience = time.Minute

func TestTheEmbeddedNetworkFromTheShell(t *testing.T) {
	t.Chdir(t.TempDir())
	profile := func(who string) string { return filepath.Join("net", "profile-"+who+".json") }

	stop, said := startDevnet(t)
	require.Contains(t, said, "anchorline role grant registrar --unit client --profile ", "a fresh network says what to do first")
	for _, org := range []string{"Org1MSP", "Org2MSP"} {
		for _, user := range []string{"Admin", "User1"} {
			p, err := ledger.ReadProfile(profile(org + "-" + user))
			require.NoError(t, err)
			require.Equal(t, org, p.MSPID)
			domain := strings.ToLower(strings.TrimSuffix(org, "MSP")) + ".example.com"
			dir := filepath.Join("organizations", "peerOrganizations", domain)
			require.Contains(t, p.Certificate, filepath.Join(dir, "users", user+"@"+domain, "msp", "signcerts", user+"@"+domain+"-cert.pem"))
			require.Contains(t, p.Key, filepath.Join(dir, "users", user+"@"+domain, "msp", "keystore", "priv_sk"))
			require.Contains(t, p.TLSCA, filepath.Join(dir, "tlsca", "tlsca."+domain+"-cert.pem"))
		}
	}
	require.Zero(t, command(t, "", "role", "grant", "registrar", "--unit", "client", "--profile", profile("Org1MSP-Admin")).status)
	require.Zero(t, command(t, "", "device", "new", "pump-7").status)
	r := command(t, "", "device", "register", "pump-7", "--profile", profile("Org1MSP-User1"))
	require.Zero(t, r.status, r.err)
	certificate := readFile(t, filepath.Join("net", "organizations", "peerOrganizations", "org1.example.com", "users", "User1@org1.example.com",
		"msp", "signcerts", "User1@org1.example.com-cert.pem"))
	stop()
	r = command(t, "", "device", "list", "--profile", profile("Org1MSP-User1"), "--timeout", "5s")
	require.Equal(t, 1, r.status, "nobody serves: %s", r.out)

	stop, said = startDevnet(t)
	defer stop()
	require.NotContains(t, said, "role grant")
	r = command(t, "", "device", "list", "--profile", profile("Org2MSP-User1"))
	require.Zero(t, r.status, r.err)
	require.Contains(t, r.out, "Org1MSP/pump-7  active")
	require.Equal(t, certificate, readFile(t, filepath.Join("net", "organizations", "peerOrganizations", "org1.example.com", "users",
		"User1@org1.example.com", "msp", "signcerts", "User1@org1.example.com-cert.pem")), "the identities stay")
}

func TestTheEmbeddedNetworkTakesThreeOrganisationsAndAPolicy(t *testing.T) {
	t.Chdir(t.TempDir())
	stop, said := startDevnet(t, "--orgs", "3", "--policy", "OR('Org1MSP.peer','Org2MSP.peer','Org3MSP.peer')")
	require.Contains(t, said, "connection profile of Org3MSP User1")
	profile := filepath.Join("net", "profile-Org3MSP-Admin.json")
	r := command(t, "", "role", "grant", "registrar", "--unit", "client", "--profile", profile)
	require.Zero(t, r.status, r.err)
	stop()

	for flags, complaint := range map[string]string{
		"--orgs=9":                  "1 to 8",
		"--policy=AND(":             "policy",
		"--chaincode-address=a:1,b": "name the organisation of each",
		"--chaincode-address=Org7MSP=127.0.0.1:1":                                                "no such organisation",
		"--chaincode-client-cert=net/profile-Org3MSP-Admin.json --chaincode-address=127.0.0.1:1": "no CA",
	} {
		r := command(t, "", append([]string{"network", "devnet", "--data", "other", "--listen", "127.0.0.1:0"}, strings.Fields(flags)...)...)
		require.NotZero(t, r.status, flags)
		require.Contains(t, r.err, complaint, flags)
	}
}

// startDevnet runs anchorline network devnet in the folder net until stop is called, and returns
// what it said when it serves.
func startDevnet(t *testing.T, flags ...string) (stop func(), said string) {
	t.Helper()
	out := &spoken{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		args := append([]string{"network", "devnet", "--data", "net", "--listen", "127.0.0.1:0"}, flags...)
		ended <- run(ctx, args, streams{strings.NewReader(""), out, out})
	}()
	deadline := time.After(patience)
	for !strings.Contains(out.text(), "Ctrl-C to stop") {
		select {
		case <-out.changed:
		case status := <-ended:
			require.Failf(t, "the network ended", "status %d: %s", status, out.text())
		case <-deadline:
			require.Fail(t, "the network does not start", out.text())
		}
	}
	return func() {
		cancel()
		require.Zero(t, <-ended, out.text())
	}, out.text()
}

// spoken gathers what a running command prints.
type spoken struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
}

// Write gathers output and says so.
func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.buffer.Write(b)
}

func (s *spoken) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buffer.String()
}
