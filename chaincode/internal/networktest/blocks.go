// SPDX-License-Identifier: Apache-2.0

package networktest

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/chaincode/internal/ledgertest"
)

// changes returns what valid transactions changed in a chaincode's state from a block on.
func (c *Channel) changes(reader ledgertest.Identity, chaincode string, from uint64) (found []*ledgertest.Stub, next uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := &common.BlockchainInfo{}
	if err := c.system(reader, info, "qscc", "GetChainInfo", c.name); err != nil {
		return nil, 0, err
	}
	for number := uint64(len(c.blocks)); number < info.GetHeight(); number++ {
		block := &common.Block{}
		if err := c.system(reader, block, "qscc", "GetBlockByNumber", c.name, strconv.FormatUint(number, 10)); err != nil {
			return nil, 0, err
		}
		changed, err := readBlock(block)
		if err != nil {
			return nil, 0, fmt.Errorf("block %d: %w", number, err)
		}
		c.blocks = append(c.blocks, changed)
	}
	for _, block := range c.blocks[from:] {
		found = append(found, block[chaincode]...)
	}
	return found, uint64(len(c.blocks)), nil
}

// system queries a system chaincode of the first peer.
func (c *Channel) system(as ledgertest.Identity, answer proto.Message, chaincode string, args ...string) error {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	p, err := propose(c.name, chaincode, as, time.Now(), raw)
	if err != nil {
		return err
	}
	answers, err := c.ask(p, c.nodes[0].msp)
	if err != nil {
		return err
	}
	if r := answers[0].GetResponse(); r.GetStatus() >= 400 {
		return fmt.Errorf("%s of %s: %s", args[0], chaincode, r.GetMessage())
	}
	return proto.Unmarshal(answers[0].GetResponse().GetPayload(), answer)
}

// readBlock returns the changes of a block's valid transactions by chaincode.
func readBlock(block *common.Block) (map[string][]*ledgertest.Stub, error) {
	changes := map[string][]*ledgertest.Stub{}
	flags := block.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	for i, content := range block.GetData().GetData() {
		if peer.TxValidationCode(flags[i]) != peer.TxValidationCode_VALID {
			continue
		}
		chaincode, change, err := readTransaction(content)
		if err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		if change != nil {
			changes[chaincode] = append(changes[chaincode], change)
		}
	}
	return changes, nil
}

// readTransaction returns what a transaction changed in the state of the chaincode that it calls;
// nil for one of another kind.
func readTransaction(content []byte) (chaincode string, change *ledgertest.Stub, err error) {
	r := &reader{}
	payload := read(r, content, &common.Envelope{}).GetPayload()
	whole := read(r, payload, &common.Payload{})
	header := read(r, whole.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
	if header.GetType() != int32(common.HeaderType_ENDORSER_TRANSACTION) {
		return "", nil, r.err
	}
	chaincode = read(r, header.GetExtension(), &peer.ChaincodeHeaderExtension{}).GetChaincodeId().GetName()
	transaction := read(r, whole.GetData(), &peer.Transaction{})
	if len(transaction.GetActions()) != 1 {
		return "", nil, fmt.Errorf("%d actions", len(transaction.GetActions()))
	}
	action := read(r, transaction.GetActions()[0].GetPayload(), &peer.ChaincodeActionPayload{}).GetAction()
	if r.err != nil {
		return "", nil, r.err
	}
	change = ledgertest.Simulated(header.GetTxId(), header.GetTimestamp().AsTime())
	return chaincode, change, readAction(action.GetProposalResponsePayload(), chaincode, change)
}

// readAction reads what a peer endorsed into a write set.
func readAction(payload []byte, chaincode string, into *ledgertest.Stub) error {
	r := &reader{}
	action := read(r, read(r, payload, &peer.ProposalResponsePayload{}).GetExtension(), &peer.ChaincodeAction{})
	event := read(r, action.GetEvents(), &peer.ChaincodeEvent{})
	into.EventName, into.EventPayload = event.GetEventName(), event.GetPayload()
	for _, ns := range read(r, action.GetResults(), &rwset.TxReadWriteSet{}).GetNsRwset() {
		if ns.GetNamespace() != chaincode {
			continue
		}
		set := read(r, ns.GetRwset(), &kvrwset.KVRWSet{})
		for _, w := range set.GetWrites() {
			into.Writes[w.GetKey()] = w.GetValue()
			if w.GetIsDelete() {
				into.Writes[w.GetKey()] = nil
			}
		}
		for _, w := range set.GetMetadataWrites() {
			for _, e := range w.GetEntries() {
				if e.GetName() == peer.MetaDataKeys_VALIDATION_PARAMETER.String() {
					into.Policies[w.GetKey()] = e.GetValue()
				}
			}
		}
	}
	return r.err
}

// reader remembers the first fault of several messages.
type reader struct{ err error }

// read unmarshals a message.
func read[M proto.Message](r *reader, content []byte, into M) M {
	if err := proto.Unmarshal(content, into); err != nil && r.err == nil {
		r.err = err
	}
	return into
}
