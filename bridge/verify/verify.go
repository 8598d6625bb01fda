// SPDX-License-Identifier: Apache-2.0

// Package verify decides whether a message is a reading that its device signed. In comes what
// arrived under a topic, out goes the parsed reading or the reason why it is refused. It keeps
// nothing but a cache of what the ledger says of devices.
//
// A refusal is final and says so in a Verdict; an error means that nobody can tell now, because
// the ledger does not answer, and the message must wait.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/chaincode/standing"
	"github.com/anchorline/anchorline/internal/mqtt"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
	"github.com/anchorline/anchorline/reading/name"
)

// The reasons for a refusal. The spool adds one of its own, for a sequence number used twice.
const (
	ReasonOversized         = "oversized"          // more than reading.MaxSize bytes
	ReasonMalformed         = "malformed"          // not a reading in its one encoding
	ReasonUnsupported       = "unsupported"        // an algorithm or critical header we do not know
	ReasonTopic             = "topic_mismatch"     // published under another device's topic
	ReasonUnknownDevice     = "unknown_device"     // not registered on the ledger
	ReasonUnknownKey        = "unknown_key"        // registered, but not with this key
	ReasonKeyEnded          = "key_ended"          // the key authorised its successor, more than standing.Grace ago
	ReasonKeyReplaced       = "key_replaced"       // the key was lost or stolen, and replaced for that reason
	ReasonSignature         = "bad_signature"      // the signature is not of these bytes
	ReasonDeviceSuspended   = "device_suspended"   // its owner suspended it
	ReasonDeviceRevoked     = "device_revoked"     // its owner revoked it
	ReasonDeviceTransferred = "device_transferred" // another organisation has it, under another name
	ReasonUndecided         = "undecided"          // the ledger was away, and the device not among those known before
)

// A Registry knows the devices. Device returns ErrUnknown for one that is not registered, and
// any other error when it cannot tell.
type Registry interface {
	Device(ctx context.Context, device name.Name) (record.Device, error)
}

// ErrUnknown is what a Registry returns for a device that is not registered.
var ErrUnknown = errors.New("verify: device is not registered")

// A Verdict is a reading, or the reason against it.
type Verdict struct {
	Reading *reading.Reading
	Reason  string // empty for a reading
	Detail  string // for people
}

// Checker checks messages. It is safe for concurrent use.
type Checker struct {
	devices *cache
	now     func() time.Time
}

// New returns a checker that asks registry for devices. now is the bridge's clock.
func New(registry Registry, now func() time.Time) *Checker {
	return &Checker{devices: newCache(registry, now), now: now}
}

// Forget drops what is cached of a device, after a change on the ledger; the zero name drops
// everything. What was known last still stands in while the registry does not answer.
func (c *Checker) Forget(device name.Name) { c.devices.forget(device) }

// SetGrace says how long the last known word on a device counts after the registry began not to answer.
// Without it not at all. Call it before the first Check.
func (c *Checker) SetGrace(d time.Duration) { c.devices.grace = d }

// Standing says whether a device's key is still good by the registry's present word: an empty reason, or
// one of this package and a sentence. An error means that it cannot be told now.
func (c *Checker) Standing(ctx context.Context, device name.Name, key cose.KeyID) (reason, detail string, err error) {
	d, err := c.devices.get(ctx, device, true)
	if errors.Is(err, ErrUnknown) {
		return ReasonUnknownDevice, fmt.Sprintf("device %s is not registered any more", device), nil
	}
	if err != nil {
		return "", "", fmt.Errorf("verify: device %s: %w", device, err)
	}
	reason, detail = c.standing(d, device, key)
	return reason, detail, nil
}

// Check judges one message.
func (c *Checker) Check(ctx context.Context, topic string, payload []byte) (Verdict, error) {
	r, err := reading.Parse(payload)
	if err != nil {
		return refuse(parseReason(err), "%v", err), nil
	}
	device := r.Claims().Device
	if published, ok := mqtt.DeviceOfReadings(topic); !ok || published != device {
		return refuse(ReasonTopic, "a reading of device %s belongs on topic %s", device, mqtt.ReadingsTopic(device)), nil
	}
	d, err := c.devices.get(ctx, device, false)
	switch {
	case errors.Is(err, ErrUnknown):
		return refuse(ReasonUnknownDevice, "device %s is not registered: register it (anchorline device register)", device), nil
	case errors.Is(err, errTooMany):
		return refuse(ReasonUnknownDevice, "device %s was not registered when all devices were listed, and too many unknown ones came at once to ask again: "+
			"if it was registered since, let it send again", device), nil
	case errors.Is(err, errUndecided):
		return refuse(ReasonUndecided, "device %s was not registered when the ledger answered last; this is judged again when it answers", device), nil
	case err != nil:
		return Verdict{}, fmt.Errorf("verify: device %s: %w", device, err)
	}
	return c.judge(r, d), nil
}

// judge says what the device's key is worth now. The device's own clock has no say in it.
func (c *Checker) judge(r *reading.Reading, d *known) Verdict {
	device := r.Claims().Device
	key, ok := d.keys[r.KeyID()]
	if !ok {
		return refuse(ReasonUnknownKey, "device %s is not registered with key %s", device, r.KeyID())
	}
	if err := r.Verify(key); err != nil {
		return refuse(ReasonSignature, "device %s, sequence number %d: %v", device, r.Claims().Sequence, err)
	}
	if reason, detail := c.standing(d, device, r.KeyID()); reason != "" {
		return Verdict{Reason: reason, Detail: detail}
	}
	return Verdict{Reading: r}
}

// standing is an empty reason, or why the key of a device is worth nothing now.
func (c *Checker) standing(d *known, device name.Name, key cose.KeyID) (reason, detail string) {
	if !slices.Contains(record.Statuses(), d.record.Status) {
		return ReasonDeviceSuspended, fmt.Sprintf("device %s has status %q, which this bridge does not know", device, d.record.Status)
	}
	verdict := standing.DeviceNow(d.record, key.String(), c.now().UnixMilli())
	switch {
	case verdict.Trusted():
		return "", ""
	case verdict.Stood():
		return ReasonKeyReplaced, fmt.Sprintf("%s said that key %s of device %s must not be trusted: %s",
			verdict.Repudiated.By, key, device, verdict.Repudiated.Reason)
	default:
		return standingReason(verdict.Reason), verdict.Detail
	}
}

// standingReason is our word for why a key is worth nothing now.
func standingReason(r standing.Reason) string {
	switch r {
	case standing.Revoked:
		return ReasonDeviceRevoked
	case standing.Suspended:
		return ReasonDeviceSuspended
	case standing.Transferred:
		return ReasonDeviceTransferred
	case standing.KeyEnded:
		return ReasonKeyEnded
	case standing.KeyReplaced:
		return ReasonKeyReplaced
	default: // the others are about the past, which a record that was just read does not have
		return ReasonUnknownKey
	}
}

func parseReason(err error) string {
	switch {
	case errors.Is(err, reading.ErrTooLarge):
		return ReasonOversized
	case errors.Is(err, reading.ErrUnsupportedAlgorithm), errors.Is(err, reading.ErrUnknownCritical):
		return ReasonUnsupported
	default:
		return ReasonMalformed
	}
}

func refuse(reason, format string, args ...any) Verdict {
	return Verdict{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
