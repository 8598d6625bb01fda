// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
)

// How long a network may take to notice that a peer is gone or back, and how often that is tried.
const patience, tick = time.Minute, 50 * time.Millisecond

// sum is the SHA-256 of content.
func sum(content []byte) []byte {
	digest := sha256.Sum256(content)
	return digest[:]
}

// blocks fetches blocks through the gateway's Evaluate and takes them apart, as an auditor does.
func blocks(t *testing.T, n target) []seen {
	t.Helper()
	a := newActor(t, n.profile("Org1MSP", "User1"))
	tx := a.endorseQuietly("put", "block", "1")
	commit, err := tx.Submit()
	require.NoError(t, err)
	status, err := commit.Status()
	require.NoError(t, err)
	channel := a.profile.Channel
	ask := func(chaincode string, args ...string) []byte {
		content, err := a.gateway.GetNetwork(channel).GetContract(chaincode).EvaluateTransaction(args[0], args[1:]...)
		require.NoError(t, err)
		return content
	}
	byTx := ask("qscc", "GetBlockByTxID", channel, tx.TransactionID())
	b := decode(t, byTx, &common.Block{})
	hash := bytes.Equal(byTx, ask("qscc", "GetBlockByHash", channel, string(hashOf(t, b.GetHeader()))))
	number := bytes.Equal(byTx, ask("qscc", "GetBlockByNumber", channel, fmt.Sprint(status.BlockNumber)))
	a.saw(seen{Result: fmt.Sprintf("the same block by transaction and hash %t, by number %t", hash, number)})
	a.saw(seen{Result: takeApart(t, b)})
	processed := decode(t, ask("qscc", "GetTransactionByID", channel, tx.TransactionID()), &peer.ProcessedTransaction{})
	a.saw(seen{Result: fmt.Sprintf("the transaction's envelope %t", bytes.Equal(encode(t, processed.GetTransactionEnvelope()), b.GetData().GetData()[0]))})

	configured := ask("cscc", "GetConfigBlock", channel)
	a.saw(seen{Result: fmt.Sprintf("the configuration is block 0 %t", bytes.Equal(configured, ask("qscc", "GetBlockByNumber", channel, "0")))})
	first := decode(t, configured, &common.Block{})
	a.saw(seen{Result: takeApart(t, first)})
	a.saw(seen{Result: describeConfigEnvelope(t, first)})
	info := decode(t, ask("qscc", "GetChainInfo", channel), &common.BlockchainInfo{})
	a.saw(seen{Result: fmt.Sprintf("%t %t %t snapshot %t", info.GetHeight() == status.BlockNumber+1, bytes.Equal(info.GetCurrentBlockHash(), hashOf(t, b.GetHeader())),
		bytes.Equal(info.GetPreviousBlockHash(), b.GetHeader().GetPreviousHash()), info.GetBootstrappingSnapshotInfo() != nil)})
	return a.seen
}

// takeApart tells how a block's metadata are made up, and verifies the orderer's signatures.
func takeApart(t *testing.T, b *common.Block) string {
	t.Helper()
	told := []string{fmt.Sprintf("number 0 %t, previous hash of %d bytes", b.GetHeader().GetNumber() == 0, len(b.GetHeader().GetPreviousHash()))}
	for i, content := range b.GetMetadata().GetMetadata() {
		index := common.BlockMetadataIndex(i)
		switch {
		case index == common.BlockMetadataIndex_COMMIT_HASH:
			continue // DIFFERENCES.md
		case index != common.BlockMetadataIndex_SIGNATURES:
			told = append(told, fmt.Sprintf("%s of %d bytes", index, len(content)))
			continue
		case len(content) == 0:
			told = append(told, "no signatures")
			continue
		}
		metadata := decode(t, content, &common.Metadata{})
		value := decode(t, metadata.GetValue(), &common.OrdererBlockMetadata{})
		told = append(told, fmt.Sprintf("signatures %d over value %t, last configuration %d, consenter's metadata %t", len(metadata.GetSignatures()),
			len(metadata.GetValue()) > 0, value.GetLastConfig().GetIndex(), len(value.GetConsenterMetadata()) > 0))
		for _, s := range metadata.GetSignatures() {
			header := decode(t, s.GetSignatureHeader(), &common.SignatureHeader{})
			requireSigned(t, header.GetCreator(), join(metadata.GetValue(), s.GetSignatureHeader(), headerOf(t, b.GetHeader())), s.GetSignature())
			told = append(told, fmt.Sprintf("signed by %s with a nonce of %d bytes, identifier header %d bytes",
				decode(t, header.GetCreator(), &msp.SerializedIdentity{}).GetMspid(), len(header.GetNonce()), len(s.GetIdentifierHeader())))
		}
	}
	return strings.Join(told, "; ")
}

// describeConfigEnvelope tells how the configuration is wrapped.
func describeConfigEnvelope(t *testing.T, b *common.Block) string {
	t.Helper()
	envelope := decode(t, b.GetData().GetData()[0], &common.Envelope{})
	payload := decode(t, envelope.GetPayload(), &common.Payload{})
	channel := decode(t, payload.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
	signature := decode(t, payload.GetHeader().GetSignatureHeader(), &common.SignatureHeader{})
	config := decode(t, payload.GetData(), &common.ConfigEnvelope{})
	return fmt.Sprintf("%d of data, type %d version %d channel %s id of %d time %t epoch %d extension %d binding %d, creator %d nonce %d, signature %d, update %t, sequence %d",
		len(b.GetData().GetData()), channel.GetType(), channel.GetVersion(), channel.GetChannelId(), len(channel.GetTxId()), channel.GetTimestamp() != nil,
		channel.GetEpoch(), len(channel.GetExtension()), len(channel.GetTlsCertHash()), len(signature.GetCreator()), len(signature.GetNonce()),
		len(envelope.GetSignature()), config.GetLastUpdate() != nil, config.GetConfig().GetSequence())
}

func headerOf(t *testing.T, h *common.BlockHeader) []byte {
	t.Helper()
	content, err := asn1.Marshal(struct {
		Number             *big.Int
		Previous, DataHash []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	require.NoError(t, err)
	return content
}

func hashOf(t *testing.T, h *common.BlockHeader) []byte {
	t.Helper()
	return sum(headerOf(t, h))
}

// attested endorses calls that are never submitted, by named organisations: what they sign, and what
// happens when one is not there or says something else.
func attested(t *testing.T, n target) []seen {
	t.Helper()
	a := newActor(t, n.profile("Org1MSP", "User1"))
	both := client.WithEndorsingOrganizations("Org1MSP", "Org2MSP")
	a.submit("put", "attested", "1")
	tx := a.endorse("get", client.WithArguments("attested"), both)
	content, err := tx.Bytes()
	require.NoError(t, err)
	envelope := envelopeOf(t, content)
	a.saw(seen{Result: fmt.Sprintf("envelope's signature of %d bytes", len(envelope.GetSignature()))})
	action := actionOf(t, envelope).GetAction()
	for _, e := range action.GetEndorsements() {
		requireSigned(t, e.GetEndorser(), join(action.GetProposalResponsePayload(), e.GetEndorser()), e.GetSignature())
	}
	response := decode(t, action.GetProposalResponsePayload(), &peer.ProposalResponsePayload{})
	payload := decode(t, envelope.GetPayload(), &common.Payload{})
	bound := sum(join(payload.GetHeader().GetChannelHeader(), payload.GetHeader().GetSignatureHeader(), actionOf(t, envelope).GetChaincodeProposalPayload()))
	told := decode(t, response.GetExtension(), &peer.ChaincodeAction{})
	a.saw(seen{Result: fmt.Sprintf("bound to the proposal %t, chaincode %s %s, status %d %q, events %d", bytes.Equal(bound, response.GetProposalHash()),
		told.GetChaincodeId().GetName(), told.GetChaincodeId().GetVersion(), told.GetResponse().GetStatus(), told.GetResponse().GetMessage(), len(told.GetEvents()))})
	a.endorse("random", client.WithArguments("attested"), both) // they write different values
	last := &a.seen[len(a.seen)-1]
	for i := range last.Details { // whichever answers second is told apart
		last.Details[i] = strings.NewReplacer("Org1MSP", "ONE", "Org2MSP", "ONE").Replace(last.Details[i])
	}
	a.endorse("fail", client.WithArguments("both refuse"), both)
	a.endorse("get", client.WithArguments("attested"), client.WithEndorsingOrganizations("Org2MSP"))
	a.endorse("get", client.WithArguments("attested"), client.WithEndorsingOrganizations("Org2MSP", "Org2MSP"))

	up := n.down(t, "Org2MSP")
	require.Eventually(t, func() bool {
		proposal, err := a.contract.NewProposal("get", client.WithArguments("attested"), both)
		require.NoError(t, err)
		_, err = proposal.Endorse()
		return strings.Contains(fmt.Sprint(err), "failed to find any endorsing peers")
	}, patience, tick, "the peer is not missed")
	a.endorse("get", client.WithArguments("attested"), both)
	a.endorse("get", client.WithArguments("attested"), client.WithEndorsingOrganizations("Org2MSP"))
	a.endorse("get", client.WithArguments("attested"), client.WithEndorsingOrganizations("Org1MSP"))
	up()
	require.Eventually(t, func() bool {
		proposal, err := a.contract.NewProposal("get", client.WithArguments("attested"), both)
		require.NoError(t, err)
		_, err = proposal.Endorse()
		return err == nil
	}, patience, tick, "the peer is not found again")
	return a.seen
}
