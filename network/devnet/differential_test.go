// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// TestTheEmbeddedNetworkAnswersAsARealOne runs every scenario on both and compares. A step
// that may differ is listed, with the reason, in DIFFERENCES.md.
func TestTheEmbeddedNetworkAnswersAsARealOne(t *testing.T) {
	theirs := realTarget(t)
	n := start(t, func(cfg *devnet.Config) { cfg.ChaincodeName = "probe" })
	ours := target{profile: n.Profile}
	differences, err := os.ReadFile("DIFFERENCES.md")
	require.NoError(t, err)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			want, got := s.run(t, theirs), s.run(t, ours)
			require.NotEmpty(t, want)
			if s.differs {
				t.Logf("accepted difference: real network %s\nours %s", pretty(t, want), pretty(t, got))
				require.Contains(t, string(differences), "`"+s.name+"`", "an accepted difference must be listed")
				require.NotEqual(t, pretty(t, want), pretty(t, got), "listed as a difference, but there is none")
				return
			}
			for i := range want {
				name := fmt.Sprintf("%s %d", s.name, i+1)
				require.Equal(t, pretty(t, want[i]), pretty(t, got[i]), "%s: real network, then ours", name)
			}
			require.Len(t, got, len(want))
		})
	}
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
	n, err := fabric.Start(t.Context(), fabric.Config{Dir: dir, BasePort: 24000})
	require.NoError(t, err)
	if os.Getenv(realDir) == "" {
		t.Cleanup(func() { require.NoError(t, n.Purge(context.WithoutCancel(t.Context()))) })
	}
	require.NoError(t, n.Deploy(t.Context(), fabric.Deployment{Name: "probe", Source: source, Probe: `{"Args":["get","a"]}`}))
	return target{profile: func(mspID, user string) devnet.Profile {
		p, _, err := n.Profile(mspID, user, "probe")
		require.NoError(t, err)
		return devnet.Profile(p)
	}}
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	return string(text)
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
	{regexp.MustCompile(`message payload is \d+ bytes`), "message payload is N bytes"},
	{regexp.MustCompile(`received message larger than max \(\d+ vs`), "received message larger than max (N vs"},
}

func mask(text string) string {
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.name)
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
	return strings.Join(parts, "; ")
}
