// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet"
)

// block fetches a block by qscc, as tools do.
func block(t *testing.T, n *devnet.Network, number uint64) *common.Block {
	t.Helper()
	p := n.Profile("Org1MSP", "User1")
	content, err := connect(t, p).GetNetwork(p.Channel).GetContract("qscc").
		EvaluateTransaction("GetBlockByNumber", p.Channel, big.NewInt(int64(number)).String())
	require.NoError(t, err)
	b := &common.Block{}
	require.NoError(t, proto.Unmarshal(content, b))
	return b
}

func flags(b *common.Block) []peer.TxValidationCode {
	var codes []peer.TxValidationCode
	for _, flag := range b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER] {
		codes = append(codes, peer.TxValidationCode(flag))
	}
	return codes
}

func decode[M proto.Message](t *testing.T, content []byte, message M) M {
	t.Helper()
	require.NoError(t, proto.Unmarshal(content, message))
	return message
}

func actionOf(t *testing.T, envelope *common.Envelope) *peer.ChaincodeActionPayload {
	t.Helper()
	payload := decode(t, envelope.GetPayload(), &common.Payload{})
	tx := decode(t, payload.GetData(), &peer.Transaction{})
	require.Len(t, tx.GetActions(), 1)
	return decode(t, tx.GetActions()[0].GetPayload(), &peer.ChaincodeActionPayload{})
}

// endorsers are the MSP IDs of a transaction's endorsers.
func endorsers(t *testing.T, tx *client.Transaction) []string {
	t.Helper()
	content, err := tx.Bytes()
	require.NoError(t, err)
	var found []string
	for _, e := range actionOf(t, envelopeOf(t, content)).GetAction().GetEndorsements() {
		found = append(found, decode(t, e.GetEndorser(), &msp.SerializedIdentity{}).GetMspid())
	}
	return found
}

// requireSigned checks a signature with nothing but the standard library.
func requireSigned(t *testing.T, serialized, message, signature []byte) {
	t.Helper()
	id := decode(t, serialized, &msp.SerializedIdentity{})
	block, _ := pem.Decode(id.GetIdBytes())
	require.NotNil(t, block)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	digest := sha256.Sum256(message)
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	require.True(t, ok)
	require.True(t, ecdsa.VerifyASN1(key, digest[:], signature))
	var parts struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(signature, &parts)
	require.NoError(t, err)
	require.LessOrEqual(t, parts.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)), 0, "low S")
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}

func TestBlocksAreChainedAndSignedByTheOrderer(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	submit(t, c, "put", "a", "1")
	submit(t, c, "put", "a", "2")
	var previous []byte
	for number := range n.Height() {
		b := block(t, n, number)
		require.Equal(t, number, b.GetHeader().GetNumber())
		require.Equal(t, previous, b.GetHeader().GetPreviousHash())
		data := sha256.Sum256(join(b.GetData().GetData()...))
		require.Equal(t, data[:], b.GetHeader().GetDataHash())
		header, err := asn1.Marshal(struct {
			Number             *big.Int
			Previous, DataHash []byte
		}{new(big.Int).SetUint64(number), b.GetHeader().GetPreviousHash(), b.GetHeader().GetDataHash()})
		require.NoError(t, err)
		hash := sha256.Sum256(header)
		previous = hash[:]

		require.Len(t, b.GetMetadata().GetMetadata(), 5)
		metadata := decode(t, b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_SIGNATURES], &common.Metadata{})
		if number == 0 {
			require.Empty(t, metadata.GetSignatures(), "nobody signs the first block")
			continue
		}
		require.Len(t, metadata.GetSignatures(), 1)
		signature := metadata.GetSignatures()[0]
		creator := decode(t, signature.GetSignatureHeader(), &common.SignatureHeader{}).GetCreator()
		require.Equal(t, "OrdererMSP", decode(t, creator, &msp.SerializedIdentity{}).GetMspid())
		requireSigned(t, creator, join(metadata.GetValue(), signature.GetSignatureHeader(), header), signature.GetSignature())
		require.Equal(t, []peer.TxValidationCode{peer.TxValidationCode_VALID}, flags(b))
	}
}

func TestATransactionCarriesEverySignatureThatMadeIt(t *testing.T) {
	n := start(t)
	c := contractOf(t, n)
	tx := endorsed(t, c, "put", client.WithArguments("a", "1"))
	require.Equal(t, peer.TxValidationCode_VALID, outcome(t, tx))

	envelope := decode(t, block(t, n, 1).GetData().GetData()[0], &common.Envelope{})
	payload := decode(t, envelope.GetPayload(), &common.Payload{})
	signature := decode(t, payload.GetHeader().GetSignatureHeader(), &common.SignatureHeader{})
	channel := decode(t, payload.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
	requireSigned(t, signature.GetCreator(), envelope.GetPayload(), envelope.GetSignature())
	id := sha256.Sum256(join(signature.GetNonce(), signature.GetCreator()))
	require.Equal(t, tx.TransactionID(), channel.GetTxId())
	require.Equal(t, id[:], unhex(t, channel.GetTxId()))

	action := actionOf(t, envelope).GetAction()
	require.Len(t, action.GetEndorsements(), 2)
	for _, e := range action.GetEndorsements() {
		requireSigned(t, e.GetEndorser(), join(action.GetProposalResponsePayload(), e.GetEndorser()), e.GetSignature())
	}
}

// organisationDir is the folder of a profile's organisation in cryptogen's layout.
func organisationDir(p devnet.Profile) string {
	return filepath.Join(filepath.Dir(p.Certificate), "..", "..", "..", "..")
}

// filepathPeerMSP is the MSP folder of the peer of a profile's organisation.
func filepathPeerMSP(p devnet.Profile) string {
	return filepath.Join(organisationDir(p), "peers", p.ServerName, "msp")
}
