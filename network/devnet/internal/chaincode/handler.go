// SPDX-License-Identifier: Apache-2.0

package chaincode

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
	"github.com/anchorline/anchorline/network/devnet/internal/wire"
)

var errPurge = errors.New("only applicable for private data")

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
		return answer(h, payload, &peer.GetState{}, h.get)
	case peer.ChaincodeMessage_GET_STATE_MULTIPLE:
		return answer(h, payload, &peer.GetStateMultiple{}, h.getMultiple)
	case peer.ChaincodeMessage_PUT_STATE:
		return answer(h, payload, &peer.PutState{}, h.put)
	case peer.ChaincodeMessage_DEL_STATE:
		return answer(h, payload, &peer.DelState{}, h.del)
	case peer.ChaincodeMessage_WRITE_BATCH_STATE:
		return answer(h, payload, &peer.WriteBatchState{}, h.writeBatch)
	case peer.ChaincodeMessage_GET_STATE_METADATA:
		return answer(h, payload, &peer.GetStateMetadata{}, h.getMetadata)
	case peer.ChaincodeMessage_PUT_STATE_METADATA:
		return answer(h, payload, &peer.PutStateMetadata{}, h.putMetadata)
	case peer.ChaincodeMessage_GET_STATE_BY_RANGE:
		return answer(h, payload, &peer.GetStateByRange{}, h.openRange)
	case peer.ChaincodeMessage_GET_HISTORY_FOR_KEY:
		return answer(h, payload, &peer.GetHistoryForKey{}, h.openHistory)
	case peer.ChaincodeMessage_QUERY_STATE_NEXT:
		return answer(h, payload, &peer.QueryStateNext{}, h.next)
	case peer.ChaincodeMessage_QUERY_STATE_CLOSE:
		return answer(h, payload, &peer.QueryStateClose{}, h.closeQuery)
	case peer.ChaincodeMessage_GET_QUERY_RESULT:
		return answer(h, payload, &peer.GetQueryResult{}, h.richQuery)
	case peer.ChaincodeMessage_GET_PRIVATE_DATA_HASH:
		return h.noHash(payload)
	case peer.ChaincodeMessage_PURGE_PRIVATE_DATA:
		return answer(h, payload, &peer.DelState{}, func(*peer.DelState) ([]byte, error) { return nil, errPurge })
	case peer.ChaincodeMessage_INVOKE_CHAINCODE:
		return answer(h, payload, &peer.ChaincodeSpec{}, h.invoke)
	default:
		return nil, fmt.Errorf("[%s] Fabric side handler cannot handle message (%s) while in ready state", message.GetTxid(), message.GetType())
	}
}

// answer decodes a request and handles it. One that names a collection is refused: the
// chaincode's definition has none.
func answer[M proto.Message](h *handler, payload []byte, message M, handle func(M) ([]byte, error)) ([]byte, error) {
	if err := proto.Unmarshal(payload, message); err != nil {
		return nil, fmt.Errorf("unmarshal failed: %w", err)
	}
	if private, ok := any(message).(interface{ GetCollection() string }); ok && private.GetCollection() != "" {
		return nil, h.noCollection(private.GetCollection())
	}
	return handle(message)
}

func (h *handler) get(m *peer.GetState) ([]byte, error) {
	return h.sim.Get(h.config.Name, m.GetKey())
}

func (h *handler) getMultiple(m *peer.GetStateMultiple) ([]byte, error) {
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
	return nil, h.sim.Put(h.config.Name, m.GetKey(), m.GetValue())
}

func (h *handler) del(m *peer.DelState) ([]byte, error) {
	return nil, h.sim.Put(h.config.Name, m.GetKey(), nil)
}

func (h *handler) getMetadata(m *peer.GetStateMetadata) ([]byte, error) {
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
		return errPurge
	default:
		return errors.New("unknown operation type")
	}
}

func (h *handler) noHash(payload []byte) ([]byte, error) {
	m, err := wire.Decode(payload, &peer.GetState{})
	if err == nil {
		err = fmt.Errorf("collection [%s] not defined in the collection config for chaincode [%s]", m.GetCollection(), h.config.Name)
	}
	return nil, err
}

func (h *handler) noCollection(name string) error {
	return fmt.Errorf("collection %s/%s/%s could not be found", h.call.Channel, h.config.Name, name)
}

// richQuery refuses what a peer with LevelDB cannot answer.
func (h *handler) richQuery(m *peer.GetQueryResult) ([]byte, error) {
	if len(m.GetMetadata()) > 0 {
		return nil, errors.New("ExecuteQueryWithMetadata not supported for leveldb")
	}
	return nil, errors.New("ExecuteQuery not supported for leveldb")
}

// invoke is a call of another chaincode. As a peer does, it refuses the chaincode itself, which would
// wait for itself, and hands calls of system chaincodes on.
func (h *handler) invoke(m *peer.ChaincodeSpec) ([]byte, error) {
	name, channel, _ := strings.Cut(m.GetChaincodeId().GetName(), "/")
	name, _, _ = strings.Cut(name, ":") // a version counts for nothing
	switch {
	case h.config.System.Has(name):
		response, err := h.config.System.Called(name, m.GetInput().GetArgs(), h.call.Proposal)
		if err != nil {
			return nil, err
		}
		var e wire.Encoder
		return e.Bytes(&peer.ChaincodeMessage{Type: peer.ChaincodeMessage_COMPLETED, Payload: e.Bytes(response)}), e.Err
	case channel != "" && channel != h.call.Channel:
		return nil, fmt.Errorf("Failed to get policy manager for channel [%s]", channel) //nolint:staticcheck // Fabric's words
	case name == h.config.Name:
		return nil, fmt.Errorf("execute failed: error sending: txid: %s(%s) exists", h.call.TxID, h.call.Channel)
	default:
		return nil, fmt.Errorf("execute failed: invalid invocation: [channel %s] failed to get chaincode container info for %[2]s: chaincode %[2]s not found", h.call.Channel, name)
	}
}
