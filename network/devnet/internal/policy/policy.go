// SPDX-License-Identifier: Apache-2.0

// Package policy evaluates Fabric's signature policies, and reads and writes them in the
// language of Fabric's tools: AND, OR and OutOf over 'MSP.role'. Pure: no I/O, no clock.
package policy

import (
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// ErrUnsatisfied says that the signers are not those a policy asks for.
var ErrUnsatisfied = errors.New("signature set did not satisfy policy")

// maxDepth bounds nested rules, so that a policy from the ledger cannot exhaust the stack.
const maxDepth = 32

// Signer is somebody whose signature was already checked.
type Signer interface {
	Satisfies(principal *msp.MSPPrincipal) bool
}

// Decode reads a policy and checks that every rule is known and every principal exists.
func Decode(content []byte) (*common.SignaturePolicyEnvelope, error) {
	p := &common.SignaturePolicyEnvelope{}
	if err := proto.Unmarshal(content, p); err != nil {
		return nil, fmt.Errorf("error unmarshalling signature policy: %w", err)
	}
	if p.GetVersion() != 0 {
		return nil, fmt.Errorf("this evaluator only understands messages of version 0, but version was %d", p.GetVersion())
	}
	return p, check(p.GetRule(), len(p.GetIdentities()), 0)
}

func check(rule *common.SignaturePolicy, identities, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("policy is nested deeper than %d rules", maxDepth)
	}
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		if r.SignedBy < 0 || int(r.SignedBy) >= identities {
			return fmt.Errorf("identity index out of range, requested %d, but identities length is %d", r.SignedBy, identities)
		}
		return nil
	case *common.SignaturePolicy_NOutOf_:
		for _, sub := range r.NOutOf.GetRules() {
			if err := check(sub, identities, depth+1); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("unknown type: %T:%v", rule.GetType(), rule.GetType())
	}
}

// Hopeless tells whether a policy has no set of principals that would satisfy it, whoever they
// are: nothing is asked for, or more than there is.
func Hopeless(p *common.SignaturePolicyEnvelope) bool { return hopeless(p.GetRule()) }

func hopeless(rule *common.SignaturePolicy) bool {
	n := rule.GetNOutOf()
	if n == nil {
		return false
	}
	possible := int32(0)
	for _, sub := range n.GetRules() {
		if !hopeless(sub) {
			possible++
		}
	}
	return n.GetN() < 1 || possible < n.GetN()
}

// Evaluate tells whether the signers satisfy a decoded policy. A signer counts once.
func Evaluate[S Signer](p *common.SignaturePolicyEnvelope, signers []S) error {
	used := make([]bool, len(signers))
	if !evaluate(p.GetRule(), p.GetIdentities(), signers, used) {
		return ErrUnsatisfied
	}
	return nil
}

func evaluate[S Signer](rule *common.SignaturePolicy, principals []*msp.MSPPrincipal, signers []S, used []bool) bool {
	switch r := rule.GetType().(type) {
	case *common.SignaturePolicy_SignedBy:
		for i, signer := range signers {
			if !used[i] && signer.Satisfies(principals[r.SignedBy]) {
				used[i] = true
				return true
			}
		}
		return false
	case *common.SignaturePolicy_NOutOf_:
		satisfied := int32(0)
		for _, sub := range r.NOutOf.GetRules() {
			trial := append([]bool(nil), used...)
			if evaluate(sub, principals, signers, trial) {
				satisfied++
				copy(used, trial)
			}
		}
		return satisfied >= r.NOutOf.GetN()
	default:
		return false
	}
}
