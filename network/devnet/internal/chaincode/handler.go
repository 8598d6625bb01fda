// SPDX-License-Identifier: Apache-2.0

package chaincode

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
)

// handler answers the requests of one call. Requests of a call come one after the other; mu
// makes sure of it.
type handler struct {
	config  Config
	call    Call
	sim     *simulate.Simulator
	mu      sync.Mutex
	cursors map[string]*cursor
}

func newHandler(config Config, call Call) *handler {
	return &handler{config: config, call: call, sim: call.Simulator, cursors: make(map[string]*cursor)}
}

func (h *handler) handle(message *peer.ChaincodeMessage) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	payload := message.GetPayload()
	switch message.GetType() {
	case peer.ChaincodeMessage_GET_STATE:
		return decoded(payload, &peer.GetState{}, h.get)
	case peer.ChaincodeMessage_GET_STATE_MULTIPLE:
		return decoded(payload, &peer.GetStateMultiple{}, h.getMultiple)
	case peer.ChaincodeMessage_PUT_STATE:
		return decoded(payload, &peer.PutState{}, h.put)
	case peer.ChaincodeMessage_DEL_STATE:
		return decoded(payload, &peer.DelState{}, h.del)
	case peer.ChaincodeMessage_WRITE_BATCH_STATE:
		return decoded(payload, &peer.WriteBatchState{}, h.writeBatch)
	case peer.ChaincodeMessage_GET_STATE_METADATA:
		return decoded(payload, &peer.GetStateMetadata{}, h.getMetadata)
	case peer.ChaincodeMessage_PUT_STATE_METADATA:
		return decoded(payload, &peer.PutStateMetadata{}, h.putMetadata)
	case peer.ChaincodeMessage_GET_STATE_BY_RANGE:
		return decoded(payload, &peer.GetStateByRange{}, h.openRange)
	case peer.ChaincodeMessage_GET_HISTORY_FOR_KEY:
		return decoded(payload, &peer.GetHistoryForKey{}, h.openHistory)
	case peer.ChaincodeMessage_QUERY_STATE_NEXT:
		return decoded(payload, &peer.QueryStateNext{}, h.next)
	case peer.ChaincodeMessage_QUERY_STATE_CLOSE:
		return decoded(payload, &peer.QueryStateClose{}, h.closeQuery)
	case peer.ChaincodeMessage_GET_QUERY_RESULT:
		return decoded(payload, &peer.GetQueryResult{}, h.richQuery)
	case peer.ChaincodeMessage_GET_PRIVATE_DATA_HASH:
		return decoded(payload, &peer.GetState{}, func(m *peer.GetState) ([]byte, error) {
			return nil, fmt.Errorf("collection [%s] not defined in the collection config for chaincode [%s]", m.GetCollection(), h.config.Name)
		})
	case peer.ChaincodeMessage_PURGE_PRIVATE_DATA:
		return decoded(payload, &peer.DelState{}, func(m *peer.DelState) ([]byte, error) { return nil, h.noCollection(m.GetCollection()) })
	case peer.ChaincodeMessage_INVOKE_CHAINCODE:
		return decoded(payload, &peer.ChaincodeSpec{}, h.invoke)
	default:
		return nil, fmt.Errorf("[%s] Fabric side handler cannot handle message (%s) while in ready state", message.GetTxid(), message.GetType())
	}
}

func decoded[M proto.Message](payload []byte, message M, handle func(M) ([]byte, error)) ([]byte, error) {
	if err := proto.Unmarshal(payload, message); err != nil {
		return nil, fmt.Errorf("unmarshal failed: %w", err)
	}
	return handle(message)
}

func (h *handler) get(m *peer.GetState) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	return h.sim.Get(h.config.Name, m.GetKey())
}

func (h *handler) getMultiple(m *peer.GetStateMultiple) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	result := &peer.GetStateMultipleResult{}
	for _, key := range m.GetKeys() {
		value, err := h.sim.Get(h.config.Name, key)
		if err != nil {
			return nil, err
		}
		result.Values = append(result.Values, value)
	}
	return proto.Marshal(result)
}

func (h *handler) put(m *peer.PutState) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	return nil, h.sim.Put(h.config.Name, m.GetKey(), m.GetValue())
}

func (h *handler) del(m *peer.DelState) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	return nil, h.sim.Put(h.config.Name, m.GetKey(), nil)
}

func (h *handler) getMetadata(m *peer.GetStateMetadata) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	metadata, err := h.sim.Metadata(h.config.Name, m.GetKey())
	if err != nil {
		return nil, err
	}
	result := &peer.StateMetadataResult{}
	for name, value := range metadata {
		result.Entries = append(result.Entries, &peer.StateMetadata{Metakey: name, Value: value})
	}
	return proto.Marshal(result)
}

func (h *handler) putMetadata(m *peer.PutStateMetadata) ([]byte, error) {
	if m.GetCollection() != "" {
		return nil, h.noCollection(m.GetCollection())
	}
	return nil, h.sim.PutMetadata(h.config.Name, m.GetKey(), m.GetMetadata().GetMetakey(), m.GetMetadata().GetValue())
}

func (h *handler) writeBatch(m *peer.WriteBatchState) ([]byte, error) {
	for _, record := range m.GetRec() {
		if err := h.writeRecord(record); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (h *handler) writeRecord(record *peer.WriteRecord) error {
	if record.GetCollection() != "" {
		return h.noCollection(record.GetCollection())
	}
	switch record.GetType() {
	case peer.WriteRecord_PUT_STATE:
		return h.sim.Put(h.config.Name, record.GetKey(), record.GetValue())
	case peer.WriteRecord_DEL_STATE:
		return h.sim.Put(h.config.Name, record.GetKey(), nil)
	case peer.WriteRecord_PUT_STATE_METADATA:
		return h.sim.PutMetadata(h.config.Name, record.GetKey(), record.GetMetadata().GetMetakey(), record.GetMetadata().GetValue())
	case peer.WriteRecord_PURGE_PRIVATE_DATA:
		return errors.New("only applicable for private data")
	default:
		return errors.New("unknown operation type")
	}
}

// noCollection refuses private data: the chaincode's definition has no collections.
func (h *handler) noCollection(name string) error {
	return fmt.Errorf("collection %s/%s/%s could not be found", h.call.Channel, h.config.Name, name)
}

// richQuery refuses what a peer with LevelDB cannot answer.
func (h *handler) richQuery(m *peer.GetQueryResult) ([]byte, error) {
	switch {
	case m.GetCollection() != "":
		return nil, h.noCollection(m.GetCollection())
	case len(m.GetMetadata()) > 0:
		return nil, errors.New("ExecuteQueryWithMetadata not supported for leveldb")
	default:
		return nil, errors.New("ExecuteQuery not supported for leveldb")
	}
}

func (h *handler) invoke(m *peer.ChaincodeSpec) ([]byte, error) {
	return nil, fmt.Errorf("execute failed: invalid invocation: [channel %s] failed to get chaincode container info for %s: this network does not call chaincode from chaincode",
		h.call.Channel, m.GetChaincodeId().GetName())
}
