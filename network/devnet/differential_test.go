// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"

	"github.com/anchorline/anchorline/network/devnet"
	"github.com/anchorline/anchorline/network/fabric"
)

// realDir names the folder of a real network that runs already; without it the test starts one.
const realDir = "DEVNET_TEST_FABRIC_DIR"

// target is a network as the scenarios see it.
type target struct {
	profile func(mspID, user string) devnet.Profile
	orderer devnet.Profile
	// withPolicy returns the network, or another, with this policy of the chaincode.
	withPolicy func(t *testing.T, policy string) target
	// down ends an organisation's peer; what it returns starts it again.
	down func(t *testing.T, mspID string) (up func())
}

// seen is what a client saw of one step, with what differs from run to run masked.
type seen struct {
	Code    string            `json:"code,omitempty"`
	Error   string            `json:"error,omitempty"`
	Details []string          `json:"details,omitempty"`
	Result  string            `json:"result,omitempty"`
	Flag    string            `json:"flag,omitempty"`
	Sets    map[string]string `json:"sets,omitempty"` // read/write set by namespace
	By      []string          `json:"by,omitempty"`   // endorsers
}

// recorded holds what a real network answered: every step of every scenario.
var recorded = filepath.Join("testdata", "real-network.json")

// TestTheEmbeddedNetworkAnswersAsARealOneDid runs every scenario and compares with what a
// real network answered when it was recorded. What may differ is listed in DIFFERENCES.md.
func TestTheEmbeddedNetworkAnswersAsARealOneDid(t *testing.T) {
	content, err := os.ReadFile(recorded)
	require.NoError(t, err)
	var real map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(content, &real))
	differences, err := os.ReadFile("DIFFERENCES.md")
	require.NoError(t, err)
	ours := embedded(t, devnet.Default("").EndorsementPolicy)
	run := newRun()
	for _, s := range scenarios(run) {
		t.Run(s.name, func(t *testing.T) {
			got := pretty(t, s.run(t, ours), run)
			if s.differs {
				require.Contains(t, string(differences), "`"+s.name+"`", "an accepted difference must be listed")
				require.NotEqual(t, indented(t, real[s.name]), got, "listed as a difference, but there is none")
				return
			}
			require.Equal(t, indented(t, real[s.name]), got, "the real network, then ours")
		})
	}
	require.Len(t, real, len(scenarios(run)), "record again: see TestARealNetworkStillAnswersAsRecorded")
}

// TestARealNetworkStillAnswersAsRecorded runs every scenario on a real network. With
// DEVNET_TEST_RECORD set it records the answers.
func TestARealNetworkStillAnswersAsRecorded(t *testing.T) {
	theirs := realTarget(t)
	run := newRun()
	real := map[string]json.RawMessage{}
	for _, s := range scenarios(run) {
		t.Run(s.name, func(t *testing.T) { real[s.name] = json.RawMessage(pretty(t, s.run(t, theirs), run)) })
	}
	if os.Getenv("DEVNET_TEST_RECORD") != "" {
		content, err := json.MarshalIndent(real, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(recorded), 0o750))
		require.NoError(t, os.WriteFile(recorded, append(content, '\n'), 0o600))
		return
	}
	content, err := os.ReadFile(recorded)
	require.NoError(t, err)
	var before map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(content, &before))
	for name, answers := range real {
		require.Equal(t, indented(t, before[name]), indented(t, answers), name)
	}
	require.Len(t, before, len(real))
}

// newRun is a prefix for keys, so that a network can be used again.
func newRun() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// embedded is an embedded network with the probe on it.
func embedded(t *testing.T, policy string) target {
	t.Helper()
	n := start(t, func(cfg *devnet.Config) { cfg.ChaincodeName, cfg.EndorsementPolicy = "probe", policy })
	return target{profile: n.Profile, orderer: n.Orderer(), withPolicy: embedded, down: func(t *testing.T, mspID string) func() {
		require.NoError(t, n.Faults().StopPeer(mspID))
		return func() { require.NoError(t, n.Faults().StartPeer(t.Context(), mspID)) }
	}}
}

// realTarget is a real network with the probe on it.
func realTarget(t *testing.T) target {
	t.Helper()
	if err := fabric.Available(); err != nil {
		t.Skipf("SKIPPED: the embedded network is NOT compared with a real one: %v", err)
	}
	dir := os.Getenv(realDir)
	if dir == "" {
		dir = t.TempDir()
	}
	source, err := filepath.Abs(filepath.Join("internal", "probe", "serve"))
	require.NoError(t, err)
	const port = 24000 // of its orderer; the others follow
	n, err := fabric.Start(t.Context(), fabric.Config{Dir: dir, BasePort: port})
	require.NoError(t, err)
	if os.Getenv(realDir) == "" {
		t.Cleanup(func() { require.NoError(t, n.Purge(context.WithoutCancel(t.Context()))) })
	}
	deploy := func(t *testing.T, policy string) {
		require.NoError(t, n.Deploy(t.Context(), fabric.Deployment{Name: "probe", Source: source, Policy: policy, Probe: `{"Args":["get","a"]}`}))
	}
	deploy(t, "")
	const orderer = "orderer1.example.com"
	real := target{
		orderer: devnet.Profile{
			Endpoint: fmt.Sprintf("127.0.0.1:%d", port), ServerName: orderer,
			TLSCA: filepath.Join(n.Dir(), "crypto", "ordererOrganizations", "example.com", "orderers", orderer, "tls", "ca.crt"),
		},
		profile: func(mspID, user string) devnet.Profile {
			p, _, err := n.Profile(mspID, user, "probe")
			require.NoError(t, err)
			return devnet.Profile(p)
		},
	}
	real.down = func(t *testing.T, mspID string) func() {
		endPeer(t, n, mspID)
		return func() {
			_, err := fabric.Start(t.Context(), fabric.Config{Dir: dir})
			require.NoError(t, err)
		}
	}
	real.withPolicy = func(t *testing.T, policy string) target {
		deploy(t, policy)
		return real
	}
	return real
}

// endPeer ends the peer of an organisation by its pid, as the scripts keep it.
func endPeer(t *testing.T, n *fabric.Network, mspID string) {
	t.Helper()
	name := "peer0." + strings.ToLower(strings.TrimSuffix(mspID, "MSP"))
	content, err := os.ReadFile(filepath.Join(n.Dir(), "run", name+".pid"))
	require.NoError(t, err)
	text, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(text)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	gone := regexp.MustCompile(regexp.QuoteMeta(name) + " +down")
	require.Eventually(t, func() bool {
		err := n.Status(t.Context())
		return err != nil && gone.MatchString(err.Error())
	}, patience, tick)
}

// pretty writes what was seen, without the prefix of the keys.
func pretty(t *testing.T, steps []seen, run string) string {
	t.Helper()
	require.NotEmpty(t, steps)
	content, err := json.Marshal(steps)
	require.NoError(t, err)
	return indented(t, []byte(strings.ReplaceAll(string(content), run, "RUN")))
}

func indented(t *testing.T, content []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, content, "", "  "))
	return out.String()
}

// masks replace what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`probe_1\.0:[0-9a-f]{64}`), "PACKAGE"},
	{regexp.MustCompile(`[0-9a-f]{64,}`), "HEX"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`(127\.0\.0\.1|localhost|[a-z0-9.]+\.example\.com):\d+`), "ADDRESS"},
	{regexp.MustCompile(`proto:( |\x{a0}|\\u00a0)`), "proto: "}, // protobuf varies the blank by program
	{regexp.MustCompile(`message payload is \d+ bytes`), "message payload is N bytes"},
	{regexp.MustCompile(`received message larger than max \(\d+ vs`), "received message larger than max (N vs"},
}

// maxText is how much of a text is compared; of a longer one also the length.
const maxText = 1000

func mask(text string) string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.name)
	}
	if len(text) > maxText {
		return fmt.Sprintf("%s… of %d bytes", text[:maxText], len(text))
	}
	return text
}

// failure describes an error as the SDK gives it.
func failure(err error) seen {
	if err == nil {
		return seen{Code: "OK"}
	}
	var commit *client.CommitError
	if errors.As(err, &commit) {
		return seen{Flag: commit.Code.String()}
	}
	st := status.Convert(err)
	var grpcError interface{ GRPCStatus() *status.Status }
	if errors.As(err, &grpcError) {
		st = grpcError.GRPCStatus()
	}
	s := seen{Code: st.Code().String(), Error: mask(st.Message())}
	for _, d := range st.Details() {
		if detail, ok := d.(*gateway.ErrorDetail); ok {
			s.Details = append(s.Details, detail.GetMspId()+": "+mask(detail.GetMessage()))
		}
	}
	slices.Sort(s.Details)
	return s
}

// describe is an endorsed transaction: result, read/write sets and endorsers.
func describe(t *testing.T, tx *client.Transaction) seen {
	t.Helper()
	content, err := tx.Bytes()
	require.NoError(t, err)
	endorsement := actionOf(t, envelopeOf(t, content)).GetAction()
	response := decode(t, endorsement.GetProposalResponsePayload(), &peer.ProposalResponsePayload{})
	action := decode(t, response.GetExtension(), &peer.ChaincodeAction{})
	s := seen{Code: "OK", Result: mask(string(action.GetResponse().GetPayload())), Sets: map[string]string{}}
	for _, ns := range decode(t, action.GetResults(), &rwset.TxReadWriteSet{}).GetNsRwset() {
		s.Sets[ns.GetNamespace()] = describeSet(decode(t, ns.GetRwset(), &kvrwset.KVRWSet{}))
	}
	s.By = endorsers(t, tx)
	slices.Sort(s.By)
	return s
}

// describeSet tells reads (with or without a version), writes, metadata and ranges.
func describeSet(set *kvrwset.KVRWSet) string {
	var parts []string
	read := func(kind string, r *kvrwset.KVRead) {
		parts = append(parts, fmt.Sprintf("%s %q exists=%t", kind, r.GetKey(), r.GetVersion() != nil))
	}
	for _, r := range set.GetReads() {
		read("read", r)
	}
	for _, r := range set.GetRangeQueriesInfo() {
		parts = append(parts, fmt.Sprintf("range %q to %q exhausted=%t hashes=%d level=%d", r.GetStartKey(), r.GetEndKey(),
			r.GetItrExhausted(), len(r.GetReadsMerkleHashes().GetMaxLevelHashes()), r.GetReadsMerkleHashes().GetMaxLevel()))
		for _, k := range r.GetRawReads().GetKvReads() {
			read("in range", k)
		}
	}
	for _, w := range set.GetWrites() {
		parts = append(parts, fmt.Sprintf("write %q=%q delete=%t", w.GetKey(), w.GetValue(), w.GetIsDelete()))
	}
	for _, w := range set.GetMetadataWrites() {
		for _, e := range w.GetEntries() {
			parts = append(parts, fmt.Sprintf("metadata %q %s of %d bytes", w.GetKey(), e.GetName(), len(e.GetValue())))
		}
	}
	return mask(strings.Join(parts, "; "))
}
