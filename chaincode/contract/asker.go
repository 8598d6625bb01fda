// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"encoding/hex"
	"fmt"

	"github.com/anchorline/anchorline/chaincode/call"
	"github.com/anchorline/anchorline/chaincode/policy"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading"
	"github.com/anchorline/anchorline/reading/cose"
)

// maxQuestion is how long a device's question may be answered at most, in milliseconds.
const maxQuestion = 3_600_000

// asker is who asks for a decision.
type asker struct {
	principal policy.Principal
	// msp is the asker's organisation.
	msp string
	// onBehalf is the registrar who asks for a device, "" when the principal asks itself.
	onBehalf string
	// question is what a device signed, nil unless it did.
	question *reading.Question
}

// asker returns who asks: the caller itself; a device by a question that it signed, whoever's bridge
// carries it; or a device on whose behalf a registrar of its owner asks.
func (tx *transaction) asker(req call.AccessRequest) (asker, error) {
	if req.Device.IsZero() {
		return tx.user()
	}
	if req.Authorization == "" {
		if req.Device.Owner != tx.caller.MSP {
			return asker{}, record.Errorf(record.Forbidden,
				"device %s is of %s, the caller of %s: give the \"authorization\" that the device signed, or let a registrar of its owner ask",
				req.Device, req.Device.Owner, tx.caller.MSP)
		}
		if err := tx.require(record.Registrar); err != nil {
			return asker{}, err
		}
	} else if err := tx.require(record.Bridge, record.Registrar); err != nil {
		return asker{}, err
	}
	d, err := tx.device(req.Device)
	if err != nil {
		return asker{}, err
	}
	if d.Status != record.Active {
		return asker{}, record.Errorf(record.Forbidden, "device %s is %s; it may not ask", d.Name(), d.Status)
	}
	who := asker{principal: policy.Device(d), msp: d.Owner}
	if req.Authorization == "" {
		who.onBehalf = tx.caller.MSP + "/" + tx.caller.Identity
		return who, nil
	}
	who.question, err = tx.question(d, req)
	return who, err
}

// user is the caller who asks for itself.
func (tx *transaction) user() (asker, error) {
	roles, err := tx.roles()
	if err != nil {
		return asker{}, err
	}
	user, err := policy.User(tx.caller.MSP, tx.caller.Identity, roles, tx.caller.Units, tx.caller.Attributes)
	if err != nil {
		return asker{}, record.Errorf(record.Forbidden, "%v", err)
	}
	return asker{principal: user, msp: tx.caller.MSP}, nil
}

// question verifies that a device signed, by its open key, exactly what the request asks, for this
// channel and this time, and that it was not answered on the record yet.
func (tx *transaction) question(d record.Device, req call.AccessRequest) (*reading.Question, error) {
	current, open := d.CurrentKey()
	if !open {
		return nil, record.Errorf(record.Forbidden, "device %s has no open key; it may not ask", d.Name())
	}
	key, err := cose.ParseKeyText(current.Public)
	if err != nil {
		return nil, record.Errorf(record.Internal, "key %s of device %s: %v", current.ID, d.Name(), err)
	}
	token, err := decodeBytes(req.Authorization)
	if err != nil {
		return nil, invalid("authorization", err)
	}
	q, err := reading.OpenQuestion(token, key)
	if err != nil {
		return nil, invalid("authorization", err)
	}
	asked, err := req.Digest()
	if err != nil {
		return nil, err
	}
	switch until := int64(q.Expires) * 1000; {
	case q.Device != d.Name():
		err = fmt.Errorf("is a question of device %s", q.Device)
	case q.Channel != tx.channel:
		err = fmt.Errorf("is for the channel %.80q; this is %q", q.Channel, tx.channel)
	case q.Digest != asked:
		err = fmt.Errorf("was signed for another request")
	case until <= tx.now:
		err = fmt.Errorf("ended at %s; it is %s", clock(until), clock(tx.now))
	case until > tx.now+maxQuestion:
		err = fmt.Errorf("ends at %s; at most %d ms after %s are allowed", clock(until), int64(maxQuestion), clock(tx.now))
	default:
		return &q, tx.unused(q)
	}
	return nil, invalid("authorization", err)
}

// unused refuses a question that was answered on the record before.
func (tx *transaction) unused(q reading.Question) error {
	var used record.UsedQuestion
	found, err := tx.get(record.QuestionKey(q.Device, hex.EncodeToString(q.Nonce[:])), &used)
	if err != nil {
		return err
	}
	if found {
		return &record.Error{Code: record.Conflict, Field: "authorization", Message: fmt.Sprintf(
			"was answered by transaction %s; a device signs each question anew", used.Access)}
	}
	return nil
}

// use records that a device's question is answered.
func (tx *transaction) use(who asker, a record.Access) error {
	if who.question == nil {
		return nil
	}
	used := record.UsedQuestion{
		Type: record.QuestionType, Version: record.Version,
		Device: who.question.Device, Nonce: hex.EncodeToString(who.question.Nonce[:]), Access: a.ID,
	}
	return tx.put(record.QuestionKey(used.Device, used.Nonce), used, used.Device.Owner)
}
