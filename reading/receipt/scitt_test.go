// SPDX-License-Identifier: Apache-2.0

package receipt_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/merkle"
	"github.com/anchorline/anchorline/reading/receipt"
)

// scitt is the folder of receipts of RFC 9942 that others made: statements, receipts, keys, and what
// a verifier finds.
func scitt(t *testing.T) []string {
	t.Helper()
	folder := filepath.Join("..", "..", "..", "shared", "vectors", "scitt-cose")
	cases, err := filepath.Glob(filepath.Join(folder, "*", "expected.json"))
	require.NoError(t, err)
	if len(cases) == 0 {
		t.Skipf("SKIPPED: no public receipts in %s; this library's tree, paths and signatures are not compared with theirs", folder)
	}
	return cases
}

// pemKey reads a public key.
func pemKey(t *testing.T, file string) cose.Key {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block, file)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	key, err := cose.NewKey(public)
	require.NoError(t, err)
	return key
}

// foreign reads a COSE_Sign1 in whatever encoding it is; ours have one.
func foreign(t *testing.T, data []byte) cose.Message {
	t.Helper()
	var tagged cbor.RawTag
	require.NoError(t, cbor.Unmarshal(data, &tagged))
	require.EqualValues(t, 18, tagged.Number)
	var m struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected cbor.RawMessage
		Payload     []byte
		Signature   []byte
	}
	require.NoError(t, cbor.Unmarshal(tagged.Content, &m))
	return cose.Message{Protected: m.Protected, Unprotected: m.Unprotected, Payload: m.Payload, Signature: m.Signature}
}

// foreignProof is [tree-size, leaf-index, [* path]] under 396 and -1.
func foreignProof(t *testing.T, unprotected []byte) (size, index uint64, path []merkle.Hash) {
	t.Helper()
	var header map[int64]map[int64][][]byte
	require.NoError(t, cbor.Unmarshal(unprotected, &header))
	require.Len(t, header[396][-1], 1)
	var proof struct {
		_     struct{} `cbor:",toarray"`
		Size  uint64
		Index uint64
		Path  [][]byte
	}
	require.NoError(t, cbor.Unmarshal(header[396][-1][0], &proof))
	for _, hash := range proof.Path {
		require.Len(t, hash, merkle.Size)
		path = append(path, merkle.Hash(hash))
	}
	return proof.Size, proof.Index, path
}

// In these vectors a leaf is the hash of the statement's bytes, and a receipt names no key.
func TestReceiptsOfOthersAreJudgedAsTheyJudgeThem(t *testing.T) {
	for _, file := range scitt(t) {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			var want struct {
				Protected struct {
					Receipt struct {
						VDS int64 `json:"vds"`
					} `json:"receipt"`
				} `json:"protected_header"`
				Root      string `json:"reconstructed_root"`
				Statement bool   `json:"statement_signature_valid"`
				Receipt   bool   `json:"receipt_valid"`
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &want))
			data, err := os.ReadFile(filepath.Join(folder, "receipt.cose"))
			require.NoError(t, err)
			m := foreign(t, data)
			var header map[any]any
			require.NoError(t, cbor.Unmarshal(m.Protected, &header))
			require.EqualValues(t, want.Protected.Receipt.VDS, header[uint64(cose.LabelVDS)])
			_, err = receipt.Parse(data)
			require.Error(t, err, "it is no receipt of ours, which has one encoding and names its stream")
			if want.Protected.Receipt.VDS != 1 {
				return // another structure than the tree of RFC 9162
			}
			statement, err := os.ReadFile(filepath.Join(folder, "statement.cose"))
			require.NoError(t, err)
			leaf := sha256.Sum256(statement)
			size, index, path := foreignProof(t, m.Unprotected)
			root, err := merkle.RootFromInclusion(size, index, merkle.LeafHash(leaf[:]), path)
			require.NoError(t, err)
			if want.Root != "" {
				require.Equal(t, want.Root, hex.EncodeToString(root[:]))
			}
			err = m.VerifyDetached(pemKey(t, filepath.Join(folder, "log-key.pub")), nil, root[:])
			require.Equal(t, want.Receipt, err == nil, "%v", err)
			said := foreign(t, statement)
			err = said.Verify(pemKey(t, filepath.Join(folder, "issuer-key.pub")), nil)
			require.Equal(t, want.Statement, err == nil, "%v", err)
		})
	}
}
