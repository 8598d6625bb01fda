// SPDX-License-Identifier: Apache-2.0

package testnet

import "github.com/anchorline/anchorline/network/fabric"

// Option chooses something about the network that [Start] starts.
type Option func(*options)

type options struct {
	organisations int
	ordering      fabric.Ordering
	policy        string
	code          map[string]string // import path of a main package by MSP ID
	own           bool
}

// ThreeOrganisations adds Org3MSP.
func ThreeOrganisations() Option { return func(o *options) { o.organisations = 3 } }

// Ordering is how a real network orders, whatever the flag says. A test that asks for SmartBFT is
// skipped on the embedded network, which has none.
func Ordering(ordering fabric.Ordering) Option { return func(o *options) { o.ordering = ordering } }

// Policy is the chaincode's endorsement policy, as Fabric's tools write it; without it a peer of
// every organisation endorses.
func Policy(expression string) Option { return func(o *options) { o.policy = expression } }

// Code has an organisation's peer run other chaincode than the rest: a main package of this module,
// by its import path, that serves as Anchorline's does.
func Code(msp, importPath string) Option {
	return func(o *options) {
		if o.code == nil {
			o.code = make(map[string]string)
		}
		o.code[msp], o.own = importPath, true
	}
}

// rogue is the main package of the chaincode that does not keep to what was agreed.
const rogue = "github.com/anchorline/anchorline/chaincode/internal/rogue/serve"

// Rogue has an organisation's peer run our chaincode with a back door: see package
// chaincode/internal/rogue.
func Rogue(msp string) Option { return Code(msp, rogue) }

// OwnChaincode gives the test chaincode processes of its own on a real network, so that it may kill
// them; otherwise they serve other tests too. On the embedded network they are always its own.
func OwnChaincode() Option { return func(o *options) { o.own = true } }
