// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"strconv"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
)

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

// anchorListRequest is the request of anchors:List.
type anchorListRequest struct {
	Stream   string `json:"stream"`
	From     uint64 `json:"from,omitempty"`
	PageSize int    `json:"pageSize,omitempty"`
}

func (r anchorListRequest) validate() error {
	return record.First(record.CheckName("stream", r.Stream), paging{size: r.PageSize}.check())
}

// anchorRun is a run of a stream's anchors. Next is the number to go on from, 0 at the end.
type anchorRun struct {
	Anchors []record.AnchorEntry `json:"anchors"`
	Next    uint64               `json:"next"`
}

// listAnchors handles anchors:List. Numbers run without a hole, so a page is a run of single
// reads: no range, no bookmark.
func listAnchors(tx *transaction, req anchorListRequest) (anchorRun, error) {
	if _, err := tx.stream(req.Stream); err != nil {
		return anchorRun{}, err
	}
	head, err := tx.head(req.Stream)
	if err != nil {
		return anchorRun{}, err
	}
	first, size := max(req.From, 1), uint64(paging{size: req.PageSize}.rows())
	var keys []string
	for number := first; number <= head.Number && number-first < size; number++ {
		keys = append(keys, record.AnchorKey(req.Stream, number))
	}
	run := anchorRun{}
	if run.Anchors, err = tx.entries(keys); err != nil {
		return anchorRun{}, err
	}
	if next := first + uint64(len(keys)); next <= head.Number {
		run.Next = next
	}
	return run, nil
}

// entries reads anchors that must exist, by their keys.
func (tx *transaction) entries(keys []string) ([]record.AnchorEntry, error) {
	entries := []record.AnchorEntry{}
	if len(keys) == 0 {
		return entries, nil
	}
	values, err := tx.getMany(keys)
	if err != nil {
		return nil, err
	}
	for i, value := range values {
		var entry record.AnchorEntry
		if err := decodeState(keys[i], value, &entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// dayRequest is the request of ListByDay.
type dayRequest struct {
	// Day is the day, UTC, on which the batches began by their bridges' clocks: 2006-01-02.
	Day      string `json:"day"`
	Stream   string `json:"stream,omitempty"`
	PageSize int    `json:"pageSize,omitempty"`
	Bookmark string `json:"bookmark,omitempty"`
}

func (r dayRequest) paging() paging { return paging{size: r.PageSize, bookmark: r.Bookmark} }

func (r dayRequest) validate() error {
	if day, err := time.Parse(time.DateOnly, r.Day); err != nil || day.Format(time.DateOnly) != r.Day {
		return errors.New("field \"day\": must be a day as 2006-01-02")
	}
	return record.First(optional("stream", r.Stream, record.CheckName), r.paging().check())
}

// anchorList is a page of anchors.
type anchorList struct {
	Anchors  []record.AnchorEntry `json:"anchors"`
	Bookmark string               `json:"bookmark"`
}

// listByDay handles ListByDay.
func listByDay(tx *transaction, req dayRequest) (anchorList, error) {
	attributes := []string{req.Day}
	if req.Stream != "" {
		attributes = append(attributes, req.Stream)
	}
	var keys []string
	bookmark, err := tx.page(req.paging(), record.AnchorDayIndex, attributes, func(key string, _ []byte) error {
		_, parts := record.SplitKey(key)
		if len(parts) != 3 {
			return record.Errorf(record.Internal, "the index entry %q is malformed", key)
		}
		number, err := strconv.ParseUint(parts[2], 10, 64)
		if err != nil {
			return record.Errorf(record.Internal, "the index entry %q is malformed", key)
		}
		keys = append(keys, record.AnchorKey(parts[1], number))
		return nil
	})
	if err != nil {
		return anchorList{}, err
	}
	list := anchorList{Bookmark: bookmark}
	list.Anchors, err = tx.entries(keys)
	return list, err
}
