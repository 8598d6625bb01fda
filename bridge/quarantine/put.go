// SPDX-License-Identifier: Apache-2.0

package quarantine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// An Arrival is a message to keep.
type Arrival struct {
	Topic    string
	Payload  []byte
	Received int64 // bridge clock, ms
	Reason   string
	Detail   string
	Accepted bool // the bridge had accepted and acknowledged it
}

// maxTopics bounds the pairs of reason and topic that are counted apart. The others share one count of
// their reason.
const maxTopics = 10_000

// OtherTopics is the topic under which those are counted that have no count of their own.
const OtherTopics = "(others)"

// Count says how often a topic was refused for one reason.
type Count struct {
	Messages uint64 `cbor:"1,keyasint" json:"messages"`
	Last     int64  `cbor:"2,keyasint" json:"last"` // bridge clock, ms
}

// overhead is what a message costs beside its texts and payload, in bytes, roughly.
const overhead = 256

func (m *Message) bytes() int64 {
	return overhead + int64(len(m.Topic)+len(m.Detail)+min(m.Size, MaxPayload))
}

// Put keeps the messages in one transaction. When it returns nil they are on stable storage.
func (s *Store) Put(arrivals []Arrival) error {
	if len(arrivals) == 0 {
		return nil
	}
	err := s.update(func(tx *bbolt.Tx) error {
		var t Totals
		if _, err := get(tx.Bucket(bucketMeta), keyTotals, &t); err != nil {
			return err
		}
		for _, a := range arrivals {
			a.Topic, a.Detail = short(a.Topic), short(a.Detail)
			if err := keep(tx, &t, a); err != nil {
				return err
			}
			if err := count(tx, &t, a); err != nil {
				return err
			}
		}
		if err := shrink(tx, &t, s.limit.Load()); err != nil {
			return err
		}
		return put(tx.Bucket(bucketMeta), keyTotals, t)
	})
	if err != nil {
		return fmt.Errorf("quarantine: keep %d messages: %w", len(arrivals), err)
	}
	return nil
}

// short bounds a text that a stranger wrote, and makes it valid UTF-8.
func short(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}

func contentKey(sum []byte, reason string) []byte { return append(sum[:len(sum):len(sum)], reason...) }

// keep stores a content that is new, and notes that another came of one that is there.
func keep(tx *bbolt.Tx, t *Totals, a Arrival) error {
	sum := sha256.Sum256(a.Payload)
	contents, messages := tx.Bucket(bucketContents), tx.Bucket(bucketMessages)
	if id := contents.Get(contentKey(sum[:], a.Reason)); id != nil {
		var m Message
		there, err := get(messages, id, &m)
		if err != nil {
			return err
		}
		if there {
			m.Count++
			m.Last = max(m.Last, a.Received)
			if a.Accepted && !m.Accepted {
				m.Accepted = true
				t.Accepted++
			}
			return put(messages, id, m)
		}
	}
	n, err := messages.NextSequence()
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	m := Message{
		Topic: a.Topic, Received: a.Received, Last: a.Received, Count: 1, Reason: a.Reason, Detail: a.Detail,
		Size: len(a.Payload), SHA256: sum[:], Accepted: a.Accepted,
	}
	if err := put(messages, key(n), m); err != nil {
		return err
	}
	if err := tx.Bucket(bucketPayloads).Put(key(n), a.Payload[:min(len(a.Payload), MaxPayload)]); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	t.Messages++
	t.Bytes += m.bytes()
	if m.Accepted {
		t.Accepted++
	}
	return contents.Put(contentKey(sum[:], a.Reason), key(n))
}

func count(tx *bbolt.Tx, t *Totals, a Arrival) error {
	b := tx.Bucket(bucketTopics)
	at := []byte(a.Reason + "\x00" + a.Topic)
	var c Count
	there, err := get(b, at, &c)
	if err != nil {
		return err
	}
	if !there && t.Topics >= maxTopics {
		at = []byte(a.Reason + "\x00" + OtherTopics)
		if there, err = get(b, at, &c); err != nil {
			return err
		}
	}
	if !there {
		t.Topics++
	}
	c.Messages++
	c.Last = max(c.Last, a.Received)
	return put(b, at, c)
}

// shrink drops the oldest refusals until the rest is within the limit. Readings that were accepted stay.
func shrink(tx *bbolt.Tx, t *Totals, limit int64) error {
	if t.Bytes <= limit {
		return nil
	}
	c := tx.Bucket(bucketMessages).Cursor()
	for k, _ := c.First(); k != nil && t.Bytes > limit; {
		id := binary.BigEndian.Uint64(k)
		var m Message
		if _, err := get(tx.Bucket(bucketMessages), k, &m); err != nil {
			return err
		}
		if m.Accepted {
			k, _ = c.Next()
			continue
		}
		if err := remove(tx, t, id, m); err != nil {
			return err
		}
		d := &t.Dropped
		if d.Messages == 0 {
			d.First = m.Received
		}
		d.Messages += m.Count
		d.Bytes += int64(m.Size)
		d.First, d.Last = min(d.First, m.Received), max(d.Last, m.Last)
		k, _ = c.Seek(key(id + 1))
	}
	return nil
}

func remove(tx *bbolt.Tx, t *Totals, id uint64, m Message) error {
	for bucket, at := range map[string][]byte{
		string(bucketMessages): key(id), string(bucketPayloads): key(id), string(bucketContents): contentKey(m.SHA256, m.Reason),
	} {
		if err := tx.Bucket([]byte(bucket)).Delete(at); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	t.Messages--
	t.Bytes -= m.bytes()
	if m.Accepted {
		t.Accepted--
	}
	return nil
}
