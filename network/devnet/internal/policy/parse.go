// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// Parse reads a policy such as AND('Org1MSP.peer', OutOf(1, 'Org2MSP.member')).
func Parse(text string) (*common.SignaturePolicyEnvelope, error) {
	p := &parser{text: text, index: make(map[string]int32)}
	rule, err := p.rule(0)
	if err != nil {
		return nil, fmt.Errorf("policy %q: %w", text, err)
	}
	if rest := strings.TrimSpace(p.text); rest != "" {
		return nil, fmt.Errorf("policy %q: nothing may follow the rule, found %q", text, rest)
	}
	return &common.SignaturePolicyEnvelope{Rule: rule, Identities: p.identities}, nil
}

type parser struct {
	text       string
	identities []*msp.MSPPrincipal
	index      map[string]int32
}

func (p *parser) rule(depth int) (*common.SignaturePolicy, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d rules", maxDepth)
	}
	p.text = strings.TrimSpace(p.text)
	if strings.HasPrefix(p.text, "'") || strings.HasPrefix(p.text, `"`) {
		return p.principal()
	}
	name, rest, found := strings.Cut(p.text, "(")
	if !found {
		return nil, fmt.Errorf("expected AND(, OR(, OutOf( or a quoted principal at %q", p.text)
	}
	p.text = rest
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "AND":
		rules, err := p.rules(depth)
		return nOutOf(len(rules), rules), err
	case "OR":
		rules, err := p.rules(depth)
		return nOutOf(1, rules), err
	case "OUTOF":
		count, rest, found := strings.Cut(p.text, ",")
		n, err := strconv.Atoi(strings.TrimSpace(count))
		if !found || err != nil {
			return nil, fmt.Errorf("OutOf needs a number first, found %q", count)
		}
		p.text = rest
		rules, err := p.rules(depth)
		if err == nil && (n < 0 || n > len(rules)+1) {
			return nil, fmt.Errorf("invalid t-out-of-n predicate, t %d, n %d", n, len(rules))
		}
		return nOutOf(n, rules), err
	default:
		return nil, fmt.Errorf("unrecognized gate %q", name)
	}
}

// rules reads rules up to the closing parenthesis.
func (p *parser) rules(depth int) ([]*common.SignaturePolicy, error) {
	var rules []*common.SignaturePolicy
	for {
		rule, err := p.rule(depth + 1)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
		p.text = strings.TrimSpace(p.text)
		switch {
		case strings.HasPrefix(p.text, ","):
			p.text = p.text[1:]
		case strings.HasPrefix(p.text, ")"):
			p.text = p.text[1:]
			return rules, nil
		default:
			return nil, fmt.Errorf("expected a comma or a parenthesis at %q", p.text)
		}
	}
}

func (p *parser) principal() (*common.SignaturePolicy, error) {
	quoted, rest, found := strings.Cut(p.text[1:], p.text[:1])
	if !found {
		return nil, fmt.Errorf("unclosed quote at %q", p.text)
	}
	p.text = rest
	if known, ok := p.index[quoted]; ok {
		return signedBy(known), nil
	}
	dot := strings.LastIndex(quoted, ".")
	if dot < 1 {
		return nil, fmt.Errorf("principal %q is not MSP.role", quoted)
	}
	role, ok := msp.MSPRole_MSPRoleType_value[strings.ToUpper(quoted[dot+1:])]
	if !ok {
		return nil, fmt.Errorf("principal %q has no known role", quoted)
	}
	content, err := proto.Marshal(&msp.MSPRole{MspIdentifier: quoted[:dot], Role: msp.MSPRole_MSPRoleType(role)})
	if err != nil {
		return nil, fmt.Errorf("encode principal %q: %w", quoted, err)
	}
	index := int32(len(p.identities))
	p.index[quoted] = index
	p.identities = append(p.identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: content})
	return signedBy(index), nil
}

func signedBy(index int32) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: index}}
}

func nOutOf(n int, rules []*common.SignaturePolicy) *common.SignaturePolicy {
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules}}}
}
