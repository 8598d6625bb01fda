// SPDX-License-Identifier: Apache-2.0

package offline_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/audit/online"
	auditors "github.com/anchorline/anchorline/audit/trust"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/internal/testnet"
	"github.com/anchorline/anchorline/ledger"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

var (
	pump = name.New("Org1MSP", "pump-1")
	line = name.New("Org1MSP", "line-1")
)

func signer(t *testing.T, seed byte) cose.Signer {
	t.Helper()
	s, err := cose.NewSigner(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed)))
	require.NoError(t, err)
	return s
}

// An anchored reading is on the ledger of a network.
type anchored struct {
	network *testnet.Network
	client  *ledger.Client
	reading []byte
	anchor  []byte
	receipt []byte
	entry   record.AnchorEntry
}

// anchor registers a device, opens a stream, and anchors one reading.
func anchor(t *testing.T, n *testnet.Network) anchored {
	t.Helper()
	a := anchored{network: n, client: n.Connect("Org1MSP", "User1")}
	of, bridge, channel := signer(t, 1), signer(t, 2), a.client.Profile().Channel
	_, err := a.client.RegisterDevice(t.Context(), ledger.Registration{
		ID: pump.ID, Key: of.Key().Text(), Proof: possession(t, of, reading.Subject{Kind: reading.DeviceKey, Name: pump, Channel: channel}),
	})
	require.NoError(t, err)
	_, err = a.client.OpenStream(t.Context(), ledger.StreamRegistration{
		ID: line.ID, Key: bridge.Key().Text(), Proof: possession(t, bridge, reading.Subject{Kind: reading.StreamKey, Name: line, Channel: channel}),
	})
	require.NoError(t, err)
	now := time.Now().UnixMilli()
	a.reading, err = reading.Sign(of, reading.Claims{Device: pump, Sequence: 1, Time: now}, reading.SenMLJSON, []byte(`[{"n":"pressure","v":4.2}]`))
	require.NoError(t, err)
	root := merkle.New([]merkle.Hash{merkle.LeafHash(a.reading)}).Root()
	span := record.Span{First: now, Last: now}
	made := record.Anchor{
		Type: record.AnchorType, Version: record.Version, Stream: line, Number: 1, Previous: record.ZeroHash, Root: root.String(), Size: 1,
		BridgeTime: span, DeviceTime: span, Counts: map[string]uint64{record.DeviceSigned: 1},
	}
	a.anchor, err = made.Encode()
	require.NoError(t, err)
	_, _, err = a.client.Transact(t.Context(), "anchors:Anchor", string(a.anchor))
	require.NoError(t, err)
	for _, msp := range n.Organisations() { // peers lag behind each other for a moment
		peer := n.Connect(msp, "User1")
		require.Eventually(t, func() bool {
			a.entry, err = peer.Anchor(t.Context(), line, 1)
			return err == nil
		}, time.Minute, 20*time.Millisecond, "the peer of %s does not have the anchor", msp)
	}
	a.sign(t, bridge, root, made)
	return a
}

// sign makes the receipt.
func (a *anchored) sign(t *testing.T, bridge cose.Signer, root merkle.Hash, made record.Anchor) {
	t.Helper()
	hash, err := made.Hash()
	require.NoError(t, err)
	id, err := hex.DecodeString(a.entry.TxID)
	require.NoError(t, err)
	signed, err := receipt.Sign(bridge, root, receipt.Claims{
		Stream: line, Ledger: a.client.Profile().Ledger(), Number: 1, Anchor: hash, Transaction: [32]byte(id), LedgerTime: a.entry.LedgerTime,
	})
	require.NoError(t, err)
	a.receipt = signed.Receipt(1, 0, nil)
}

// statement asks the organisations what they attest, and puts it all into one file.
func (a *anchored) statement(t *testing.T, trusted []byte) []byte {
	t.Helper()
	whom, err := auditors.Parse(trusted)
	require.NoError(t, err)
	bare, err := receipt.NewStatement(a.reading, a.receipt, a.anchor, receipt.Evidence{})
	require.NoError(t, err)
	parsed, err := receipt.ParseStatement(bare)
	require.NoError(t, err)
	evidence, err := online.Evidence(t.Context(), a.client, whom, parsed)
	require.NoError(t, err)
	whole, err := receipt.NewStatement(a.reading, a.receipt, a.anchor, evidence)
	require.NoError(t, err)
	return whole
}

// lie has the rogue chaincode of an organisation say from now on that the ledger took the anchor a
// millisecond later.
func (a *anchored) lie(t *testing.T, msp string) {
	t.Helper()
	said := func(at int64) string { return fmt.Sprintf(`"ledgerTime":%d`, at) }
	_, _, err := a.network.Connect(msp, "User1").EndorseOnly(t.Context(), []string{msp}, "rogue:Lie", said(a.entry.LedgerTime), said(a.entry.LedgerTime+1))
	require.NoError(t, err)
}

func possession(t *testing.T, s cose.Signer, subject reading.Subject) string {
	t.Helper()
	token, err := reading.SignPossession(s, subject)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(token)
}
