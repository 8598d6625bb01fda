// SPDX-License-Identifier: Apache-2.0

package call

import (
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/name"
)

// StreamRegistration opens a stream (anchors:OpenStream): key and proof of possession in base64url.
type StreamRegistration struct {
	ID    string `json:"id"`
	Key   string `json:"key"`
	Proof string `json:"proof"`
}

// Validate reports the first fault.
func (r StreamRegistration) Validate() error {
	return record.First(record.CheckName("id", r.ID), checkToken("key", r.Key), checkToken("proof", r.Proof))
}

// BridgeChange lets another identity of the owner write a stream (anchors:SetBridge).
type BridgeChange struct {
	ID string `json:"id"`
	// Bridge is the identity as roles:WhoAmI states it.
	Bridge string `json:"bridge"`
}

// Validate reports the first fault.
func (r BridgeChange) Validate() error {
	return record.First(record.CheckName("id", r.ID), record.CheckHash("bridge", r.Bridge))
}

// Streams is a page of streams.
type Streams struct {
	Streams  []record.Stream `json:"streams"`
	Bookmark string          `json:"bookmark"`
}

// AnchorRun asks for a run of a stream's anchors (anchors:List), from the number From on.
type AnchorRun struct {
	Stream   name.Name `json:"stream"`
	From     uint64    `json:"from,omitempty"`
	PageSize int       `json:"pageSize,omitempty"`
}

// Validate reports the first fault.
func (r AnchorRun) Validate() error {
	return record.First(checkFullName("stream", r.Stream), Page{PageSize: r.PageSize}.Validate())
}

// AnchorPage is a run of a stream's anchors. Next is the number to go on from, 0 at the end.
type AnchorPage struct {
	Anchors []record.AnchorEntry `json:"anchors"`
	Next    uint64               `json:"next"`
}

// AnchorDay asks for the anchors of a day (anchors:ListByDay), of every stream unless it names one.
type AnchorDay struct {
	// Day is the day, UTC, on which the batches began by their bridges' clocks: 2006-01-02.
	Day    string    `json:"day"`
	Stream name.Name `json:"stream,omitzero"`
	Page
}

// Validate reports the first fault.
func (r AnchorDay) Validate() error {
	if day, err := time.Parse(time.DateOnly, r.Day); err != nil || day.Format(time.DateOnly) != r.Day {
		return record.Faultf("day", "must be a day as 2006-01-02")
	}
	return r.Page.Validate()
}

// AnchorsOfDay is a page of anchors.
type AnchorsOfDay struct {
	Anchors  []record.AnchorEntry `json:"anchors"`
	Bookmark string               `json:"bookmark"`
}
