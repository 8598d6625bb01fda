// SPDX-License-Identifier: Apache-2.0

package examples_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/network/broker"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/name"
	"github.com/anchorline/anchorline/reading/receipt"
)

// number and transaction are what the receipts of these tests say.
const number = 7

var transaction = [32]byte{0xab, 1, 2, 3}

func newSigner(t *testing.T) cose.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := cose.NewSigner(private)
	require.NoError(t, err)
	return signer
}

// signed makes the receipt of the leaf at index 2 of a tree of 5 whose other leaves are made up.
func signed(t *testing.T, signer cose.Signer, stream string, leaf []byte) []byte {
	t.Helper()
	of, err := name.Parse(stream)
	require.NoError(t, err)
	leaves := make([]merkle.Hash, 5)
	for i := range leaves {
		leaves[i] = merkle.LeafHash([]byte{byte(i)})
	}
	leaves[2] = merkle.LeafHash(leaf)
	tree := merkle.New(leaves)
	s, err := receipt.Sign(signer, tree.Root(), receipt.Claims{
		Stream: of, Ledger: "mychannel/anchorline", Number: number, Transaction: transaction, LedgerTime: time.Now().UnixMilli(),
	})
	require.NoError(t, err)
	path, err := tree.Inclusion(2)
	require.NoError(t, err)
	return s.Receipt(tree.Size(), 2, path)
}

// A mask signs with one key and says that it was another.
type mask struct {
	cose.Signer
	says cose.Key
}

// Key returns the key that did not sign.
func (m mask) Key() cose.Key { return m.says }

// changed returns a receipt with one bit changed, counted in bytes from its end.
func changed(data []byte, fromEnd int) []byte {
	out := append([]byte(nil), data...)
	out[len(out)-fromEnd] ^= 1
	return out
}

// lies are receipts for the reading that prove nothing.
func lies(t *testing.T, signer cose.Signer, stream string, leaf []byte) map[string][]byte {
	t.Helper()
	good := signed(t, signer, stream, leaf)
	r, err := receipt.Parse(good)
	require.NoError(t, err)
	root, err := r.Root(leaf)
	require.NoError(t, err)
	remade := func(root merkle.Hash, size, index uint64, path []merkle.Hash) []byte {
		s, err := receipt.Sign(signer, root, r.Claims)
		require.NoError(t, err)
		return s.Receipt(size, index, path)
	}
	// These two lead to the root that is signed, for who does not look at the size.
	alone, sibling := merkle.LeafHash(leaf), merkle.Hash{1}
	above := merkle.Hash(sha256.Sum256(slices.Concat([]byte{1}, sibling[:], alone[:])))
	return map[string][]byte{
		"another signature":      changed(good, 1),
		"another hash in a path": changed(good, 70),
		"another reading":        signed(t, signer, stream, append([]byte{0}, leaf...)),
		"another key":            signed(t, newSigner(t), stream, leaf),
		"another key's name":     signed(t, mask{signer, newSigner(t).Key()}, stream, leaf),
		"another stream":         signed(t, signer, stream+"2", leaf),
		"another place":          remade(root, 5, 3, r.Path),
		"no place of the tree":   remade(alone, 1, 1, nil),
		"a path above the root":  remade(above, 1, 0, []merkle.Hash{sibling}),
		"a path too short":       remade(root, 5, 2, r.Path[1:]),
		"a path too long":        remade(root, 5, 2, append(r.Path[:3:3], merkle.Hash{})),
		"a size of another tree": remade(root, 1<<40, 2, r.Path),
		"no end":                 good[:len(good)-1],
		"nothing":                {},
		"the reading itself":     leaf,
	}
}

// listen connects to a broker as a bridge that somebody else runs.
func listen(t *testing.T, url string) (client paho.Client, readings <-chan paho.Message) {
	t.Helper()
	received := make(chan paho.Message, 16)
	client = paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID("liar"))
	require.True(t, client.Connect().WaitTimeout(patience))
	t.Cleanup(func() { client.Disconnect(0) })
	token := client.Subscribe("anchorline/v1/+/devices/+/readings", 1, func(_ paho.Client, m paho.Message) { received <- m })
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	return client, received
}

func TestADeviceInEachLanguageLetsGoOfAReadingForNoReceiptThatDoesNotHold(t *testing.T) {
	const stream = "Org1MSP/bridge-1"
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			program, dir, signer := l.command(t), t.TempDir(), newSigner(t)
			b, err := broker.Start(broker.Config{
				Dir: t.TempDir(), Listen: "127.0.0.1:0", Consumer: "liar", Filter: "anchorline/v1/+/devices/+/readings", Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, b.Close()) })
			client, readings := listen(t, b.URL())
			var request struct{ Key string }
			require.NoError(t, json.Unmarshal([]byte(must(t, dir, append(program, "request", "Org1MSP/pump-1", "mychannel")...)), &request))

			p := start(t, dir, append(program, "publish", "Org1MSP/pump-1", "mqtt"+b.URL()[len("tcp"):], stream, signer.Key().Text(), "-1.25", "60")...)
			sent := receive(t, readings)
			require.Equal(t, "anchorline/v1/Org1MSP/devices/pump-1/readings", sent.Topic())
			checkReading(t, sent.Payload(), request.Key)

			say := func(message []byte) {
				token := client.Publish("anchorline/v1/Org1MSP/devices/pump-1/receipts", 1, false, message)
				require.True(t, token.WaitTimeout(patience))
				require.NoError(t, token.Error())
			}
			say([]byte("garbage"))
			p.until("receipts refused", 1)
			var entries []receipt.Entry
			for _, lie := range lies(t, signer, stream, sent.Payload()) {
				entries = append(entries, receipt.Entry{Sequence: 1, Receipt: lie})
			}
			message, err := receipt.EncodeBatch(append(entries, receipt.Entry{Sequence: 2, Receipt: entries[0].Receipt}))
			require.NoError(t, err)
			say(message)
			p.until("receipt of 1 refused", len(entries))
			require.NotContains(t, p.output(), "verified")

			message, err = receipt.EncodeBatch([]receipt.Entry{{Sequence: 1, Receipt: signed(t, signer, stream, sent.Payload())}})
			require.NoError(t, err)
			say(message)
			require.Zero(t, p.wait(), p.output())
			require.Contains(t, p.output(), fmt.Sprintf("receipt of 1 verified: reading 3 of 5 in batch %d of %s, transaction %x\n", number, stream, transaction))
		})
	}
}

func receive(t *testing.T, readings <-chan paho.Message) paho.Message {
	t.Helper()
	select {
	case m := <-readings:
		return m
	case <-time.After(patience):
		require.Fail(t, "no reading came")
		return nil
	}
}

// checkReading reads what a device sent as strictly as a bridge does.
func checkReading(t *testing.T, data []byte, key string) {
	t.Helper()
	r, err := reading.Parse(data)
	require.NoError(t, err)
	public, err := cose.ParseKeyText(key)
	require.NoError(t, err)
	require.NoError(t, r.Verify(public))
	require.Equal(t, name.New("Org1MSP", "pump-1"), r.Claims().Device)
	require.EqualValues(t, 1, r.Claims().Sequence)
	require.WithinDuration(t, time.Now(), time.UnixMilli(r.Claims().Time), patience)
	require.Equal(t, reading.SenMLJSON, r.ContentType())
	var pack []struct {
		Name  string  `json:"bn"`
		Value float64 `json:"v"`
	}
	require.NoError(t, json.Unmarshal(r.Payload(), &pack))
	require.Len(t, pack, 1)
	require.Equal(t, "pump-1:", pack[0].Name)
	require.InDelta(t, -1.25, pack[0].Value, 0)
}
