// SPDX-License-Identifier: Apache-2.0

package devnet

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/anchorline/anchorline/network/devnet/internal/policy"
	"github.com/anchorline/anchorline/network/identity"
)

// Config of an embedded network. Default holds every default.
type Config struct {
	// Dir holds the ledger and the identities. Starting again on it continues both.
	Dir string
	// Listen is the loopback address of the first organisation's peer. With port 0 every
	// server takes a free port. With another, the rest follows Fabric's test network, so that
	// 7051 gives its ports: the next peer's is 2000 higher each, the orderer's is one lower.
	Listen string
	// Channel and ChaincodeName are the one channel and the one chaincode on it.
	Channel       string
	ChaincodeName string
	// Organisations is how many organisations there are: Org1MSP, Org2MSP and so on, with a peer each.
	Organisations int
	// Chaincode makes the chaincode that an organisation's peer runs, in this process and behind a
	// chaincode server of its own on loopback. It is called once for each, with its MSP ID. When it is
	// nil, Anchorline's own contracts run. See Everywhere.
	Chaincode func(mspID string) (shim.Chaincode, error)
	// Services are chaincode servers that somebody else started, by the MSP ID of the organisation
	// whose peer calls them. Chaincode runs for the organisations that have none.
	Services map[string]Service
	// EndorsementPolicy is the chaincode's, in the language of Fabric's tools; empty asks a peer of
	// every organisation.
	EndorsementPolicy string
	// BatchTimeout is how long the first transaction of a block waits for others.
	BatchTimeout time.Duration
	// MaxMessages is the number of transactions at which a block is cut at once.
	MaxMessages int
	// PreferredMaxBytes is the size at which a block is cut, AbsoluteMaxBytes that of the
	// largest transaction, in bytes.
	PreferredMaxBytes int
	AbsoluteMaxBytes  int
	// ExecuteTimeout is how long one chaincode call may take.
	ExecuteTimeout time.Duration
	// BroadcastTimeout is how long a gateway waits for the orderer's answer.
	BroadcastTimeout time.Duration
	// Logger takes what happens; nil discards it.
	Logger *slog.Logger
}

// maxOrganisations keeps the gateway's search for endorsers short and the ports apart.
const maxOrganisations = 8

// Limits of a peer that no option changes; Fabric's defaults.
const (
	timeWindow         = 15 * time.Minute
	endorsementTimeout = 30 * time.Second
	dialTimeout        = 10 * time.Second
	gatewayLimit       = 500  // Gateway calls at once
	endorserLimit      = 2500 // ProcessProposal calls at once
	deliverLimit       = 2500 // block streams at once
	maxMessageSize     = 100 << 20
)

// Default is the configuration of a network of Anchorline's own contracts in a folder.
func Default(dir string) Config {
	return Config{
		Dir:               dir,
		Listen:            "127.0.0.1:0",
		Channel:           "mychannel",
		ChaincodeName:     "anchorline",
		Organisations:     2,
		BatchTimeout:      100 * time.Millisecond,
		MaxMessages:       500,
		PreferredMaxBytes: 2 << 20,
		AbsoluteMaxBytes:  10 << 20,
		ExecuteTimeout:    30 * time.Second,
		BroadcastTimeout:  30 * time.Second,
	}
}

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	add := func(wrong bool, text string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(text, args...))
		}
	}
	add(c.Dir == "", "name a folder for the ledger and the identities")
	add(!validName(c.Channel, ".-"), "channel %q: use lower-case letters, digits, dots and dashes", c.Channel)
	add(!validName(strings.ToLower(c.ChaincodeName), "_-"), "chaincode name %q: use letters, digits, dashes and underscores", c.ChaincodeName)
	add(c.Organisations < 1 || c.Organisations > maxOrganisations,
		"%d organisations: there may be 1 to %d", c.Organisations, maxOrganisations)
	add(c.BatchTimeout <= 0, "batch timeout %s: it must be positive", c.BatchTimeout)
	add(c.MaxMessages < 1, "%d transactions in a block: at least one must fit", c.MaxMessages)
	add(c.PreferredMaxBytes < 1 || c.AbsoluteMaxBytes < c.PreferredMaxBytes,
		"block size %d and transaction size %d: both must be positive, the second not smaller", c.PreferredMaxBytes, c.AbsoluteMaxBytes)
	add(c.ExecuteTimeout <= 0, "execute timeout %s: it must be positive", c.ExecuteTimeout)
	add(c.BroadcastTimeout <= 0, "broadcast timeout %s: it must be positive", c.BroadcastTimeout)
	for mspID, service := range c.Services {
		add(!slices.ContainsFunc(c.organisations(), func(o identity.Organisation) bool { return o.MSPID == mspID }),
			"chaincode service of %q: there is no such organisation", mspID)
		if _, err := service.credentials(); err != nil {
			faults = append(faults, fmt.Errorf("chaincode service of %s: %w", mspID, err))
		}
	}
	if _, err := policy.Parse(c.policy()); err != nil {
		faults = append(faults, err)
	}
	if _, err := c.addresses(c.Organisations); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// organisations are the peer organisations, as in Fabric's test network.
func (c Config) organisations() []identity.Organisation {
	organisations := make([]identity.Organisation, min(max(c.Organisations, 0), maxOrganisations))
	for i := range organisations {
		organisations[i] = identity.Organisation{
			Kind: identity.PeerOrganisation, MSPID: fmt.Sprintf("Org%dMSP", i+1), Domain: fmt.Sprintf("org%d.example.com", i+1),
			Nodes: []string{peerNode}, Users: []string{"User1"},
		}
	}
	return organisations
}

// policy is the chaincode's endorsement policy, given or not.
func (c Config) policy() string {
	if c.EndorsementPolicy != "" {
		return c.EndorsementPolicy
	}
	var members []string
	for _, org := range c.organisations() {
		members = append(members, "'"+org.MSPID+".peer'")
	}
	return "AND(" + strings.Join(members, ", ") + ")"
}

// portStep is from one organisation's port to the next one's.
const portStep = 2000

// addresses are the addresses of the peers and then of the orderer.
func (c Config) addresses(peers int) ([]string, error) {
	host, portText, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w", c.Listen, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen address %q: this network serves loopback addresses only", c.Listen)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: bad port: %w", c.Listen, err)
	}
	last := int(port) + portStep*(peers-1)
	if port == 1 || last > math.MaxUint16 {
		return nil, fmt.Errorf("listen address %q: bad port: the orderer needs the one before, other peers need up to %d", c.Listen, last)
	}
	addresses := make([]string, 0, peers+1)
	for i := range peers {
		addresses = append(addresses, follow(host, port, portStep*i))
	}
	return append(addresses, follow(host, port, -1)), nil
}

// follow is the address some ports away from one that was chosen.
func follow(host string, port uint64, away int) string {
	if port != 0 {
		port = uint64(int(port) + away)
	}
	return net.JoinHostPort(host, strconv.FormatUint(port, 10))
}

func validName(name, punctuation string) bool {
	rest := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789"+punctuation)
	return name != "" && len(name) < 250 && rest == "" && !strings.ContainsAny(name[:1], punctuation)
}
