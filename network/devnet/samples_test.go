// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/devnet"
)

// samples is a run of fabric-samples: its own code, as it is, beside a network's identities.
type samples struct {
	checkout string // of fabric-samples; nothing in it is changed
	tree     string // looks like a checkout to the applications, with our network in test-network
	network  *devnet.Network
}

// samplesPatience bounds what a sample does; it includes the start of a process.
const samplesPatience = time.Minute

// newSamples starts one of the sample chaincodes as a service, and a network on the ports of
// Fabric's test network.
func newSamples(t *testing.T, chaincodeModule, name string) samples {
	t.Helper()
	s := samples{checkout: os.Getenv("FABRIC_SAMPLES"), tree: t.TempDir()}
	if s.checkout == "" {
		t.Skip("SKIPPED: FABRIC_SAMPLES does not name a checkout of github.com/hyperledger/fabric-samples: its clients are NOT tested against this network")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	chaincode := exec.CommandContext(t.Context(), s.build(t, chaincodeModule))
	chaincode.Env = append(os.Environ(), "CHAINCODE_SERVER_ADDRESS="+address, "CORE_CHAINCODE_ID_NAME="+name, "CHAINCODE_TLS_DISABLED=true")
	require.NoError(t, chaincode.Start())
	t.Cleanup(func() {
		_ = chaincode.Process.Kill()
		_ = chaincode.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	}, samplesPatience, 10*time.Millisecond, "the sample chaincode does not listen")
	s.network = start(t, func(cfg *devnet.Config) {
		cfg.Dir, cfg.Listen = filepath.Join(s.tree, "test-network"), "127.0.0.1:7051" // the samples say 7051
		cfg.Services, cfg.ChaincodeName = servedBy(devnet.Service{Address: address}), name
	})
	return s
}

// build compiles a Go module of the samples and returns the binary.
func (s samples) build(t *testing.T, module string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(module))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	cmd.Dir, cmd.Env = filepath.Join(s.checkout, module), append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "build %s: %s", module, out)
	return binary
}

// goApp returns how to run an application in Go.
func (s samples) goApp(t *testing.T, app string) sample {
	t.Helper()
	dir := filepath.Join(s.tree, app+"-go")
	require.NoError(t, os.MkdirAll(dir, 0o750))
	return sample{dir: dir, command: []string{s.build(t, app+"-go")}}
}

// npmApp returns how to run it in TypeScript. It needs what `npm ci` in the application's folder installs and builds. The application
// looks for identities beside its own file, so its built files are copied.
func (s samples) npmApp(t *testing.T, app string) sample {
	t.Helper()
	from, dir := filepath.Join(s.checkout, app+"-typescript"), filepath.Join(s.tree, app+"-typescript")
	for _, needed := range []string{"node_modules", "dist"} {
		if _, err := os.Stat(filepath.Join(from, needed)); err != nil {
			t.Skipf("SKIPPED: no %s in %s (run npm ci there): this client is NOT tested against this network", needed, from)
		}
	}
	require.NoError(t, os.CopyFS(filepath.Join(dir, "dist"), os.DirFS(filepath.Join(from, "dist"))))
	require.NoError(t, os.Symlink(filepath.Join(from, "node_modules"), filepath.Join(dir, "node_modules")))
	return sample{dir: dir, command: []string{"node", "dist/app.js"}}
}

// sample is one application.
type sample struct {
	dir     string
	command []string
}

func (s sample) cmd(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	line := append(append([]string(nil), s.command...), args...)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Dir = s.dir
	return cmd
}

func (s sample) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.cmd(t, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", s.dir, args, out)
	return string(out)
}

// eachLanguage runs a test of an application in both languages, on one network.
func eachLanguage(t *testing.T, s samples, app string, test func(t *testing.T, app sample)) {
	t.Helper()
	t.Run("Go", func(t *testing.T) { test(t, s.goApp(t, app)) })
	t.Run("TypeScript", func(t *testing.T) { test(t, s.npmApp(t, app)) })
}

func TestFabricsBasicSampleWorksUnchanged(t *testing.T) {
	s := newSamples(t, "asset-transfer-basic/chaincode-go", "basic")
	eachLanguage(t, s, "asset-transfer-basic/application-gateway", func(t *testing.T, app sample) {
		before := s.network.Height()
		out := app.run(t)
		require.Equal(t, 3, strings.Count(out, "*** Transaction committed successfully"), out)
		require.Contains(t, out, "chaincode response 500, the asset asset70 does not exist")
		require.Equal(t, before+3, s.network.Height())
	})
}

func TestFabricsEventsSampleWorksUnchanged(t *testing.T) {
	s := newSamples(t, "asset-transfer-events/chaincode-go", "events")
	eachLanguage(t, s, "asset-transfer-events/application-gateway", func(t *testing.T, app sample) {
		out := app.run(t)
		_, replay, found := strings.Cut(out, "*** Start chaincode event replay")
		require.True(t, found, out)
		rest := replay
		for _, event := range []string{"CreateAsset", "UpdateAsset", "TransferAsset", "DeleteAsset"} {
			require.Contains(t, out, "Chaincode event received: "+event)
			_, rest, found = strings.Cut(rest, "Chaincode event replayed: "+event)
			require.True(t, found, "%s in its place: %s", event, replay)
		}
	})
}

func TestFabricsOffChainSampleResumesAfterAFailure(t *testing.T) {
	s := newSamples(t, "asset-transfer-basic/chaincode-go", "basic")
	eachLanguage(t, s, "off_chain_data/application", func(t *testing.T, app sample) {
		app.run(t, "transact")
		want := s.writes(t)
		failing := app.cmd(t, "listen")
		failing.Env = append(os.Environ(), "SIMULATED_FAILURE_COUNT=5")
		out, _ := failing.CombinedOutput()
		require.Contains(t, strings.ToLower(string(out)), "simulated write failure")

		var said bytes.Buffer
		listening := app.cmd(t, "listen")
		listening.Stdout, listening.Stderr = &said, &said
		require.NoError(t, listening.Start())
		require.Eventually(t, func() bool { return len(app.store()) >= len(want) }, samplesPatience, 20*time.Millisecond,
			"the application does not get to the last block")
		require.NoError(t, listening.Process.Signal(os.Interrupt))
		_ = listening.Wait()
		require.Equal(t, want, app.store(), "every write once, in the ledger's order: %s", said.String())
		require.Contains(t, app.run(t, "getAllAssets"), `"Owner": "`)
	})
}

// store is what the off-chain application wrote down, one write a line.
func (s sample) store() []string {
	content, _ := os.ReadFile(filepath.Join(s.dir, "store.log")) // not there: nothing written yet
	found := []string{}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		var write struct {
			Namespace, Key string
			IsDelete       bool
		}
		if json.Unmarshal(lines.Bytes(), &write) != nil {
			break // being written
		}
		found = append(found, fmt.Sprintf("%s %s %t", write.Namespace, write.Key, write.IsDelete))
	}
	return found
}

// writes are the writes of all valid transactions.
func (s samples) writes(t *testing.T) []string {
	t.Helper()
	found := []string{}
	for number := uint64(1); number < s.network.Height(); number++ {
		b := block(t, s.network, number)
		for i, content := range b.GetData().GetData() {
			if flags(b)[i] != peer.TxValidationCode_VALID {
				continue
			}
			response := actionOf(t, decode(t, content, &common.Envelope{})).GetAction().GetProposalResponsePayload()
			action := decode(t, decode(t, response, &peer.ProposalResponsePayload{}).GetExtension(), &peer.ChaincodeAction{})
			for _, ns := range decode(t, action.GetResults(), &rwset.TxReadWriteSet{}).GetNsRwset() {
				for _, write := range decode(t, ns.GetRwset(), &kvrwset.KVRWSet{}).GetWrites() {
					found = append(found, fmt.Sprintf("%s %s %t", ns.GetNamespace(), write.GetKey(), write.GetIsDelete()))
				}
			}
		}
	}
	return found
}
