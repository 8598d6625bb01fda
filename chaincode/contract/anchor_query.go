// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"strconv"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// head reads the head of a stream, which is written with the stream: number 0 and ZeroHash before the
// first anchor.
func (tx *transaction) head(stream name.Name) (record.Head, error) {
	var h record.Head
	found, err := tx.get(record.HeadKey(stream), &h)
	if err != nil {
		return record.Head{}, err
	}
	if !found {
		return record.Head{}, record.Errorf(record.NotFound, "stream %s is not open", stream)
	}
	return h, nil
}

// anchor reads an anchor that must exist. What is beyond the head of its stream is none: an anchor is
// written together with the head, which needs the peers of the owner.
func (tx *transaction) anchor(stream name.Name, number uint64) (record.AnchorEntry, error) {
	head, err := tx.head(stream)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	var entry record.AnchorEntry
	found, err := tx.get(record.AnchorKey(stream, number), &entry)
	if err != nil {
		return record.AnchorEntry{}, err
	}
	if !found || number > head.Number {
		return record.AnchorEntry{}, record.Errorf(record.NotFound, "stream %s has no anchor number %d; its last one is %d", stream, number, head.Number)
	}
	return entry, nil
}

// listAnchors handles anchors:List. Numbers run without a hole, so a page is a run of single
// reads: no range, no bookmark.
func listAnchors(tx *transaction, req call.AnchorRun) (call.AnchorPage, error) {
	head, err := tx.head(req.Stream)
	if err != nil {
		return call.AnchorPage{}, err
	}
	first, size := max(req.From, 1), uint64(call.Page{PageSize: req.PageSize}.Rows())
	var keys []string
	for number := first; number <= head.Number && number-first < size; number++ {
		keys = append(keys, record.AnchorKey(req.Stream, number))
	}
	run := call.AnchorPage{}
	if run.Anchors, err = tx.entries(keys); err != nil {
		return call.AnchorPage{}, err
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

// listByDay handles ListByDay.
func listByDay(tx *transaction, req call.AnchorDay) (call.AnchorsOfDay, error) {
	attributes := []string{req.Day}
	if !req.Stream.IsZero() {
		attributes = append(attributes, req.Stream.Owner, req.Stream.ID)
	}
	var keys []string
	bookmark, err := tx.page(req.Page, record.AnchorDayIndex, attributes, func(key string, _ []byte) error {
		_, parts := record.SplitKey(key)
		if len(parts) != 4 {
			return record.Errorf(record.Internal, "the index entry %q is malformed", key)
		}
		number, err := strconv.ParseUint(parts[3], 10, 64)
		if err != nil {
			return record.Errorf(record.Internal, "the index entry %q is malformed", key)
		}
		keys = append(keys, record.AnchorKey(name.New(parts[1], parts[2]), number))
		return nil
	})
	if err != nil {
		return call.AnchorsOfDay{}, err
	}
	list := call.AnchorsOfDay{Bookmark: bookmark}
	list.Anchors, err = tx.entries(keys)
	return list, err
}

// getAnchor handles anchors:Get.
func getAnchor(tx *transaction, args []string) (record.AnchorEntry, error) {
	stream, err := parseName("stream", args[0])
	if err != nil {
		return record.AnchorEntry{}, err
	}
	n, err := parseNumber("number", args[1])
	if err != nil {
		return record.AnchorEntry{}, err
	}
	return tx.anchor(stream, n)
}

// getHead handles Head.
func getHead(tx *transaction, args []string) (record.Head, error) {
	n, err := parseName("stream", args[0])
	if err != nil {
		return record.Head{}, err
	}
	return tx.head(n)
}
