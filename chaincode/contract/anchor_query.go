// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strconv"

	"github.com/anchorline/anchorline/chaincode/record"
)

// streamRequest is the request of OpenStream.
type streamRequest struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

func (r streamRequest) validate() error {
	return record.First(record.CheckName("id", r.ID), checkToken("key", r.Key), checkToken("proof", r.Proof))
}

// anchorListRequest is the request of anchors:List.
type anchorListRequest struct {
	Stream   string `json:"stream"`
	From     uint64 `json:"from,omitempty"`
	PageSize int    `json:"pageSize,omitempty"`
}

func (r anchorListRequest) validate() error {
	return record.First(record.CheckName("stream", r.Stream), paging{size: r.PageSize}.check())
}

// anchorList is a run of a stream's anchors. Next is the number to go on from, 0 at the end.
type anchorList struct {
	Anchors []record.AnchorEntry `json:"anchors"`
	Next    uint64               `json:"next"`
}

// stream reads a stream that must exist.
func (tx *transaction) stream(id string) (record.Stream, error) {
	if err := record.CheckName("stream", id); err != nil {
		return record.Stream{}, record.Errorf(record.InvalidArgument, "%v", err)
	}
	var s record.Stream
	found, err := tx.get(record.StreamKey(id), &s)
	if err != nil {
		return record.Stream{}, err
	}
	if !found {
		return record.Stream{}, record.Errorf(record.NotFound, "stream %q is not open", id)
	}
	return s, nil
}

// head reads the head of a stream; a stream without anchors has number 0 and ZeroHash.
func (tx *transaction) head(stream string) (record.Head, error) {
	h := record.Head{Type: record.HeadType, Version: record.Version, Stream: stream, Hash: record.ZeroHash}
	_, err := tx.get(record.HeadKey(stream), &h)
	return h, err
}

// anchor reads an anchor that must exist.
func (tx *transaction) anchor(stream string, number uint64) (record.AnchorEntry, error) {
	if err := record.CheckName("stream", stream); err != nil {
		return record.AnchorEntry{}, record.Errorf(record.InvalidArgument, "%v", err)
	}
	var entry record.AnchorEntry
	found, err := tx.get(record.AnchorKey(stream, number), &entry)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if !found {
		return record.AnchorEntry{}, record.Errorf(record.NotFound, "stream %q has no anchor number %d", stream, number)
	}
	return entry, nil
}

// listAnchors handles anchors:List. Numbers run without a hole, so a page is a run of single
// reads: no range, no bookmark.
func listAnchors(tx *transaction, req anchorListRequest) (anchorList, error) {
	if _, err := tx.stream(req.Stream); err != nil {
		return anchorList{}, err
	}
	head, err := tx.head(req.Stream)
	if err != nil {
		return anchorList{}, err
	}
	size := uint64(req.PageSize)
	if size == 0 {
		size = defaultPage
	}
	list := anchorList{Anchors: []record.AnchorEntry{}}
	first := max(req.From, 1)
	for number := first; number <= head.Number && number-first < size; number++ {
		entry, err := tx.anchor(req.Stream, number)
		if err != nil {
			return anchorList{}, err
		}
		list.Anchors = append(list.Anchors, entry)
	}
	if next := first + uint64(len(list.Anchors)); next <= head.Number {
		list.Next = next
	}
	return list, nil
}

// parseNumber reads a number in decimal, without sign, spaces or leading zeros.
func parseNumber(field, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > record.MaxNumber || strconv.FormatUint(n, 10) != text {
		return 0, record.Errorf(record.InvalidArgument, "field %q: must be a number within 0 and %d", field, uint64(record.MaxNumber))
	}
	return n, nil
}
