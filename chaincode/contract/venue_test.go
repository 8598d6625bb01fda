// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
	"github.com/anchorline/anchorline/chaincode/internal/networktest"
	"github.com/anchorline/anchorline/network/devnet"
)

// The suite runs over a ledger in memory, and with one of these flags the same tests run over a
// network. Each test has a state of its own: its own embedded network, or on a real one its own
// chaincode name for the one chaincode that runs. Both organisations' peers endorse everything
// and must answer the same bytes.
var (
	onFabric = flag.Bool("fabric", false, "run on a real Fabric network, from the programs in FABRIC_BIN or on the PATH")
	onDevnet = flag.Bool("devnet", false, "run on the embedded network")
	launched = flag.Bool("launched", false, "with -fabric: the peers build and launch the chaincode, instead of reaching a service")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if !*onFabric {
		return m.Run()
	}
	began := time.Now()
	var err error
	realNet, err = startReal()
	if err != nil {
		fmt.Fprintln(os.Stderr, "real network:", err)
		return 1
	}
	defer func() {
		if err := realNet.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "real network:", err)
		}
	}()
	fmt.Fprintf(os.Stderr, "real network: started and deployed in %.1f s\n", time.Since(began).Seconds())
	// Tests that wait for blocks share them.
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// onNetwork reports whether this run is on a network.
func onNetwork() bool { return *onFabric || *onDevnet }

// site is where a test's chaincode is: a channel of a network, and the organisations on it.
type site struct {
	channel   *networktest.Channel
	chaincode string
	// profile is how an organisation's user reaches the chaincode.
	profile    func(msp, user string) devnet.Profile
	org1, org2 ledgertest.Organisation
	// crypto is the folder of the organisations, in cryptogen's layout.
	crypto string
}

// ledger is the ledger of the site's chaincode.
func (s site) ledger(t testing.TB) *ledgertest.Ledger {
	reader := s.org1.Client(t, "reader")
	return ledgertest.Over(s.channel.Chaincode(t, s.chaincode, reader), "mychannel", s.chaincode, s.channel.Organisations()...)
}

// newSite gives a test an empty state on the network that this run is on.
func newSite(t testing.TB) site {
	t.Helper()
	inParallel(t)
	if *onFabric {
		return realNet.site(t, nil)
	}
	return newDevnet(t, func(*devnet.Config) {})
}

// parallel remembers which tests run in parallel: to say so twice is an error.
var parallel sync.Map

func inParallel(t testing.TB) {
	test, is := t.(*testing.T)
	if !is {
		return
	}
	if _, already := parallel.LoadOrStore(test, true); !already {
		test.Parallel()
	}
}

// inMemory skips a test that needs what no network has.
func inMemory(t testing.TB, why string) {
	t.Helper()
	if onNetwork() {
		t.Skip("SKIPPED, RUNS IN MEMORY ONLY: " + why)
	}
}

// needNetwork skips a test that is about a network when this run is in memory.
func needNetwork(t testing.TB) {
	t.Helper()
	if !onNetwork() {
		t.Skip("SKIPPED HERE: it runs on a network, see TestTheSuiteOnTheEmbeddedNetwork and -fabric")
	}
}

// bulky marks a test that is about volume. Under the race detector it runs in memory only.
func bulky(t testing.TB) {
	t.Helper()
	if raceDetector {
		inMemory(t, "the race detector makes volume slow on a network")
	}
}

// fewer is how often a test repeats what costs little in memory, and a block each on a network.
func fewer(memory, network int) int {
	if onNetwork() {
		return network
	}
	return memory
}

func TestTheSuiteOnTheEmbeddedNetwork(t *testing.T) {
	if onNetwork() {
		t.Skip("SKIPPED: this run is on a network already")
	}
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED ON THE EMBEDDED NETWORK: left out by -short")
	}
	binary, err := os.Executable()
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), binary, "-devnet", "-test.v", "-test.timeout=10m").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if err != nil || strings.Contains(line, "SKIPPED") {
			t.Log(strings.TrimRight(line, "\n"))
		}
	}
	require.NoError(t, err, "run it alone: go test ./chaincode/contract -devnet")
	require.Contains(t, string(out), "--- PASS: TestEveryoneMayDoWhatTheMatrixSays")
}

func TestTheSuiteOnARealNetwork(t *testing.T) {
	if !*onFabric {
		t.Skip("SKIPPED, NOT TESTED ON REAL FABRIC: run go test ./chaincode/contract -fabric with FABRIC_BIN set")
	}
	require.NoError(t, realNet.network.Status(t.Context()), "this run is on a real network, and all of its nodes live")
}

// newDevnet starts an embedded network for one test.
func newDevnet(t testing.TB, change func(*devnet.Config)) site {
	t.Helper()
	dir := t.TempDir()
	cfg := devnet.Default(dir)
	cfg.BatchTimeout = 10 * time.Millisecond
	cfg.ExecuteTimeout = 5 * time.Minute // a busy machine and the race detector are slow together
	change(&cfg)
	n, err := devnet.Start(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	s := site{chaincode: cfg.ChaincodeName, profile: n.Profile, crypto: filepath.Join(dir, "organizations")}
	s.open(t)
	s.channel, err = s.dial()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.channel.Close()) })
	return s
}

// open reads the organisations' CAs.
func (s *site) open(t testing.TB) {
	t.Helper()
	s.org1 = ledgertest.OpenOrganisation(t, "Org1MSP", filepath.Join(s.crypto, "peerOrganizations", "org1.example.com"))
	s.org2 = ledgertest.OpenOrganisation(t, "Org2MSP", filepath.Join(s.crypto, "peerOrganizations", "org2.example.com"))
}

// dial reaches both organisations' peers.
func (s *site) dial() (*networktest.Channel, error) {
	var peers []networktest.Peer
	for _, msp := range []string{"Org1MSP", "Org2MSP"} {
		p := s.profile(msp, "Admin")
		peers = append(peers, networktest.Peer{MSP: msp, Endpoint: p.Endpoint, ServerName: p.ServerName, TLSCA: p.TLSCA})
	}
	return networktest.Dial("mychannel", peers...)
}
