// SPDX-License-Identifier: Apache-2.0

package validate_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/anchorline/anchorline/network/devnet/internal/channel"
	"github.com/anchorline/anchorline/network/devnet/internal/fault"
	"github.com/anchorline/anchorline/network/devnet/internal/member"
	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/store"
	"github.com/anchorline/anchorline/network/devnet/internal/validate"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
	"github.com/anchorline/anchorline/network/identity"
)

// lab makes transactions of one client, endorsed by one peer.
type lab struct {
	client, endorser *identity.Identity
	members          *member.Registry
	policy           *common.SignaturePolicyEnvelope
}

func newLab(t *testing.T) *lab {
	t.Helper()
	root := t.TempDir()
	org := identity.Organisation{MSPID: "Org1MSP", Domain: "org1.example.com", Nodes: []string{"peer0"}, Users: []string{"User1"}}
	require.NoError(t, identity.Write(root, org))
	content, err := os.ReadFile(org.CACert(root))
	require.NoError(t, err)
	block, _ := pem.Decode(content)
	ca, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	l := &lab{members: member.NewRegistry("ch", member.Organisation{MSPID: "Org1MSP", CA: ca, Application: true})}
	l.client, err = identity.Load(org.UserMSP(root, "User1"), "Org1MSP")
	require.NoError(t, err)
	l.endorser, err = identity.Load(org.NodeMSP(root, "peer0"), "Org1MSP")
	require.NoError(t, err)
	l.policy, err = policy.Parse("OR('Org1MSP.peer')")
	require.NoError(t, err)
	return l
}

type fataler interface {
	Helper()
	require.TestingT
}

func encode(t fataler, message proto.Message) []byte {
	t.Helper()
	content, err := proto.Marshal(message)
	require.NoError(t, err)
	return content
}

func sign(t fataler, id *identity.Identity, message []byte) []byte {
	t.Helper()
	signature, err := id.Sign(message)
	require.NoError(t, err)
	return signature
}

// transaction wraps a read/write set as a signed, endorsed envelope.
func (l *lab) transaction(t fataler, results []byte) []byte {
	t.Helper()
	nonce := make([]byte, 24)
	_, err := rand.Read(nonce)
	require.NoError(t, err)
	creator := l.client.Serialize()
	id := &peer.ChaincodeID{Name: "cc"}
	header := &common.Header{
		ChannelHeader: encode(t, &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: "ch", TxId: wire.TransactionID(nonce, creator),
			Extension: encode(t, &peer.ChaincodeHeaderExtension{ChaincodeId: id}),
		}),
		SignatureHeader: encode(t, &common.SignatureHeader{Creator: creator, Nonce: nonce}),
	}
	input := encode(t, &peer.ChaincodeProposalPayload{Input: []byte("call")})
	response := encode(t, &peer.ProposalResponsePayload{
		ProposalHash: wire.Hash(header.GetChannelHeader(), header.GetSignatureHeader(), input),
		Extension: encode(t, &peer.ChaincodeAction{
			Results: results, Response: &peer.Response{Status: 200}, ChaincodeId: &peer.ChaincodeID{Name: "cc", Version: "1"},
		}),
	})
	endorsement := &peer.Endorsement{
		Endorser: l.endorser.Serialize(), Signature: sign(t, l.endorser, append(slices.Clone(response), l.endorser.Serialize()...)),
	}
	action := encode(t, &peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: input,
		Action:                   &peer.ChaincodeEndorsedAction{ProposalResponsePayload: response, Endorsements: []*peer.Endorsement{endorsement}},
	})
	payload := encode(t, &common.Payload{Header: header, Data: encode(t, &peer.Transaction{
		Actions: []*peer.TransactionAction{{Header: header.GetSignatureHeader(), Payload: action}},
	})})
	return encode(t, &common.Envelope{Payload: payload, Signature: sign(t, l.client, payload)})
}

// step is one thing that a simulated call does.
type step struct {
	kind string // get, put, del, range
	key  string
	end  string // of a range
	take int    // results read of a range; all when it is large
}

var keys = []string{"a", "b", "c", "d", "e"}

func steps() *rapid.Generator[[]step] {
	one := rapid.Custom(func(t *rapid.T) step {
		return step{
			kind: rapid.SampledFrom([]string{"get", "put", "del", "range"}).Draw(t, "kind"),
			key:  rapid.SampledFrom(keys).Draw(t, "key"),
			end:  rapid.SampledFrom(append([]string{""}, keys...)).Draw(t, "end"),
			take: rapid.IntRange(1, 4).Draw(t, "take"),
		}
	})
	return rapid.SliceOfN(one, 1, 4)
}

// pending is a simulated call with what it saw, as a model that knows no versions would
// note it: the number of the write that it read, for every read.
type pending struct {
	content []byte
	seen    []string
	steps   []step
	value   string
}

// model is the state as the number of the write that made it: 0 is absent, a negative number
// a deletion in the block that is being validated. Fabric tells these two apart.
type model map[string]int

// settle ends a block: what was deleted in it is absent.
func (m model) settle() {
	for key, write := range m {
		m[key] = max(write, 0)
	}
}

// look is what the reads of a call see.
func (m model) look(calls []step) []string {
	var seen []string
	for _, s := range calls {
		switch s.kind {
		case "get":
			seen = append(seen, fmt.Sprint(s.key, m[s.key]))
		case "range":
			count := 0
			for _, key := range slices.Sorted(maps.Keys(m)) {
				if m[key] <= 0 || key < s.key || (s.end != "" && key >= s.end) {
					continue
				}
				if count++; count > s.take {
					break
				}
				seen = append(seen, fmt.Sprint("in range ", key, m[key]))
			}
		}
	}
	return seen
}

func (m model) apply(calls []step, write int) {
	for _, s := range calls {
		switch s.kind {
		case "put":
			m[s.key] = write
		case "del":
			m[s.key] = -write
		}
	}
}

// simulated runs the steps on the ledger as it is now.
func (l *lab) simulated(t fataler, ledger *store.Store, prefix string, calls []step, value string) []byte {
	t.Helper()
	snapshot, err := ledger.Snapshot()
	require.NoError(t, err)
	sim := simulate.New(snapshot, "tx")
	defer sim.Close()
	for _, s := range calls {
		switch s.kind {
		case "get":
			_, err = sim.Get("cc", prefix+s.key)
		case "put":
			err = sim.Put("cc", prefix+s.key, []byte(value))
		case "del":
			err = sim.Put("cc", prefix+s.key, nil)
		case "range":
			var r *simulate.Range
			end := s.end
			if end == "" {
				end = "~"
			}
			r, err = sim.Range("cc", prefix+s.key, prefix+end, 0, false)
			for i := 0; err == nil && i < s.take; i++ {
				var content []byte
				if _, content, err = r.Next(); content == nil {
					break
				}
			}
		}
		require.NoError(t, err)
	}
	results, err := sim.Result()
	require.NoError(t, err)
	return l.transaction(t, results)
}

// TestValidTransactionsAreThoseThatSawTheLatestState compares validation with a model that
// runs every call again at its place in the block and asks whether it would see the same.
func TestValidTransactionsAreThoseThatSawTheLatestState(t *testing.T) {
	l := newLab(t)
	ledger, err := store.Open(filepath.Join(t.TempDir(), "ledger.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, ledger.Close()) }()
	validator := &validate.Validator{Channel: &channel.Channel{
		Name: "ch", Chaincode: "cc", Version: "1", Policy: l.policy, Members: l.members, Ledger: ledger.View(), Faults: &fault.Switches{},
	}}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		prefix := fmt.Sprintf("%06d-", round) // every round has its own keys
		m, write := model{}, 0
		var waiting []pending
		for range rapid.IntRange(1, 6).Draw(t, "blocks") {
			for range rapid.IntRange(1, 4).Draw(t, "calls") {
				write++
				calls := steps().Draw(t, "steps")
				value := fmt.Sprint(write)
				waiting = append(waiting, pending{
					content: l.simulated(t, ledger, prefix, calls, value), seen: m.look(calls), steps: calls, value: value,
				})
			}
			cut := rapid.IntRange(1, len(waiting)).Draw(t, "cut") // the rest is ordered later
			block := blockOf(ledger, waiting[:cut])
			flags, change, err := validator.Validate(block)
			require.NoError(t, err)
			require.NoError(t, ledger.Commit(block, change))
			for i, call := range waiting[:cut] {
				stale := !slices.Equal(call.seen, m.look(call.steps))
				code := peer.TxValidationCode(flags[i])
				require.Equal(t, stale, code != peer.TxValidationCode_VALID, "call %v saw %v, now %v: %s", call.steps, call.seen, m.look(call.steps), code)
				if !stale {
					var number int
					_, _ = fmt.Sscan(call.value, &number)
					m.apply(call.steps, number)
				}
			}
			waiting = waiting[cut:]
			m.settle()
			requireState(t, ledger, prefix, m)
		}
	})
}

func blockOf(ledger *store.Store, calls []pending) *common.Block {
	height, hash := ledger.Tip()
	block := &common.Block{
		Header: &common.BlockHeader{Number: height, PreviousHash: hash}, Data: &common.BlockData{},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, 5)},
	}
	for _, call := range calls {
		block.Data.Data = append(block.Data.Data, call.content)
	}
	block.Header.DataHash = wire.Hash(block.GetData().GetData()...)
	return block
}

func requireState(t fataler, ledger *store.Store, prefix string, m model) {
	t.Helper()
	snapshot, err := ledger.Snapshot()
	require.NoError(t, err)
	defer snapshot.Release()
	for _, key := range keys {
		value, err := snapshot.Get(store.Name{Namespace: "cc", Key: prefix + key})
		require.NoError(t, err)
		if m[key] == 0 {
			require.Nil(t, value, key)
			continue
		}
		require.Equal(t, fmt.Sprint(m[key]), string(value.Content), key)
	}
}
