// SPDX-License-Identifier: Apache-2.0

package chaincode

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/network/devnet/internal/simulate"
)

// Limits of queries, as in Fabric's peer.
const (
	resultsPerMessage = 100
	resultsPerQuery   = 100_000
)

// cursor is an open query. pending holds what was read but did not fit into the last message:
// a peer reads one result ahead, and the read set shows it.
type cursor struct {
	id        string
	next      func() ([]byte, error) // nil at the end
	pending   []*peer.QueryResultBytes
	count     int32
	limit     int32
	paginated *simulate.Range
}

func (h *handler) openRange(m *peer.GetStateByRange) ([]byte, error) {
	page := &peer.QueryMetadata{}
	if err := proto.Unmarshal(m.GetMetadata(), page); err != nil {
		return nil, fmt.Errorf("unmarshal failed: %w", err)
	}
	c := &cursor{limit: resultsPerQuery}
	start, paginated := m.GetStartKey(), page.GetPageSize() != 0 || page.GetBookmark() != ""
	if paginated && page.GetBookmark() != "" {
		start = page.GetBookmark()
	}
	if size := page.GetPageSize(); size > 0 && size < c.limit {
		c.limit = size
	}
	r, err := h.sim.Range(h.config.Name, start, m.GetEndKey(), page.GetPageSize(), paginated)
	if err != nil {
		return nil, err
	}
	if paginated {
		c.paginated = r
	}
	c.next = func() ([]byte, error) {
		key, value, err := r.Next()
		if err != nil || value == nil {
			return nil, err
		}
		return proto.Marshal(&queryresult.KV{Namespace: h.config.Name, Key: key, Value: value})
	}
	return h.respond(h.register(c))
}

func (h *handler) openHistory(m *peer.GetHistoryForKey) ([]byte, error) {
	modifications, err := h.sim.History(h.config.Name, m.GetKey())
	if err != nil {
		return nil, err
	}
	c := &cursor{limit: resultsPerQuery}
	c.next = func() (next []byte, _ error) {
		if len(modifications) > 0 {
			next, modifications = modifications[0], modifications[1:]
		}
		return next, nil
	}
	return h.respond(h.register(c))
}

func (h *handler) register(c *cursor) *cursor {
	c.id = h.call.TxID + "-" + strconv.Itoa(len(h.cursors))
	h.cursors[c.id] = c
	return c
}

func (h *handler) next(m *peer.QueryStateNext) ([]byte, error) {
	c := h.cursors[m.GetId()]
	if c == nil {
		return nil, errors.New("query iterator not found")
	}
	return h.respond(c)
}

func (h *handler) closeQuery(m *peer.QueryStateClose) ([]byte, error) {
	h.forget(m.GetId())
	return proto.Marshal(&peer.QueryResponse{Id: m.GetId()})
}

// forget ends a query but keeps its place, so that ids stay unique within the call.
func (h *handler) forget(id string) { h.cursors[id] = nil }

// respond reads the next message's worth of results.
func (h *handler) respond(c *cursor) ([]byte, error) {
	response, err := c.read()
	if err != nil {
		h.forget(c.id)
		return nil, err
	}
	if !response.GetHasMore() {
		h.forget(c.id)
	}
	return proto.Marshal(response)
}

func (c *cursor) read() (*peer.QueryResponse, error) {
	for c.count < c.limit {
		result, err := c.next()
		if err != nil {
			return nil, err
		}
		if result == nil {
			return c.last()
		}
		c.count++
		full := c.paginated == nil && len(c.pending) == resultsPerMessage
		if !full {
			c.pending = append(c.pending, &peer.QueryResultBytes{ResultBytes: result})
			continue
		}
		response := &peer.QueryResponse{Results: c.pending, HasMore: true, Id: c.id}
		c.pending = []*peer.QueryResultBytes{{ResultBytes: result}}
		return response, nil
	}
	return c.last()
}

func (c *cursor) last() (*peer.QueryResponse, error) {
	response := &peer.QueryResponse{Results: c.pending, Id: c.id}
	if c.paginated == nil {
		return response, nil
	}
	bookmark, err := c.paginated.Bookmark()
	if err != nil {
		return nil, err
	}
	response.Metadata, err = proto.Marshal(&peer.QueryResponseMetadata{Bookmark: bookmark, FetchedRecordsCount: c.count})
	return response, err
}
