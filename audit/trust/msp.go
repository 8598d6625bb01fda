// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// unitOf picks the unit of a kind of node.
type unitOf func(*msp.FabricNodeOUs) (name string, unit *msp.FabricOUIdentifier)

func peerUnit(n *msp.FabricNodeOUs) (string, *msp.FabricOUIdentifier) {
	return "peer", n.GetPeerOuIdentifier()
}

func ordererUnit(n *msp.FabricNodeOUs) (string, *msp.FabricOUIdentifier) {
	return "orderer", n.GetOrdererOuIdentifier()
}

// organisation reads the MSP of an organisation's group.
func organisation(group *common.ConfigGroup, unit unitOf) (Organisation, error) {
	config, fabric := &msp.MSPConfig{}, &msp.FabricMSPConfig{}
	if err := value(group, "MSP", config); err != nil {
		return Organisation{}, err
	}
	if config.GetType() != 0 {
		return Organisation{}, fmt.Errorf("its MSP is of type %d; only Fabric's X.509 MSP, type 0, is known", config.GetType())
	}
	if err := proto.Unmarshal(config.GetConfig(), fabric); err != nil {
		return Organisation{}, fmt.Errorf("its MSP: %w", err)
	}
	if len(fabric.GetOrganizationalUnitIdentifiers()) > 0 {
		return Organisation{}, errors.New("its MSP takes members of certain organisational units only, which trust.json cannot say")
	}
	if family := fabric.GetCryptoConfig().GetSignatureHashFamily(); family != "" && family != "SHA2" {
		return Organisation{}, fmt.Errorf("its MSP signs with hashes of family %q; SHA2 is known", family)
	}
	o := Organisation{MSPID: fabric.GetName()}
	var err error
	if o.Roots, err = normalised(fabric.GetRootCerts(), certificatePEM); err != nil {
		return Organisation{}, fmt.Errorf("root certificate %w", err)
	}
	if o.Intermediates, err = normalised(fabric.GetIntermediateCerts(), certificatePEM); err != nil {
		return Organisation{}, fmt.Errorf("intermediate certificate %w", err)
	}
	if o.Revoked, err = normalised(fabric.GetRevocationList(), revocationsPEM); err != nil {
		return Organisation{}, fmt.Errorf("revocation list %w", err)
	}
	o.Unit, err = nodeUnit(fabric.GetFabricNodeOus(), o, unit)
	return o, err
}

// nodeUnit reads the name of a unit, "" when the MSP does not tell its nodes apart.
func nodeUnit(nodes *msp.FabricNodeOUs, o Organisation, unit unitOf) (string, error) {
	if !nodes.GetEnable() {
		return "", nil
	}
	kind, identifier := unit(nodes)
	name := identifier.GetOrganizationalUnitIdentifier()
	if name == "" {
		return "", fmt.Errorf("its MSP has NodeOUs and no unit for a %s, so that nobody is one", kind)
	}
	if len(identifier.GetCertificate()) == 0 {
		return name, nil
	}
	issuer, err := certificatePEM(identifier.GetCertificate())
	if err != nil {
		return "", fmt.Errorf("certificate of unit %s: %w", name, err)
	}
	if issuers := issuersOf(o); len(issuers) != 1 || issuers[0] != issuer {
		return "", fmt.Errorf("its unit %s is bound to one of %d CAs that issue members, which trust.json cannot say", name, len(issuers))
	}
	return name, nil
}

// issuersOf lists the CAs of an organisation that issue members: those which issued no other CA.
func issuersOf(o Organisation) []string {
	a, wrong := newAuthority(o, "")
	if len(wrong) > 0 {
		return nil
	}
	var found []string
	for _, list := range [...][]string{o.Roots, o.Intermediates} {
		for _, text := range list {
			if cert, err := parseCertificate(text); err == nil && !a.inner[string(cert.Raw)] {
				found = append(found, text)
			}
		}
	}
	return found
}

// normalised reads a list in which Fabric is lenient, and numbers its faults from 0.
func normalised(list [][]byte, one func([]byte) (string, error)) ([]string, error) {
	var found []string
	for i, content := range list {
		text, err := one(content)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		found = append(found, text)
	}
	return found, nil
}

// certificatePEM takes the first PEM block, as Fabric does, and writes it alone.
func certificatePEM(content []byte) (string, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return "", errors.New("it is not PEM")
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return "", fmt.Errorf("it is not an X.509 certificate: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})), nil
}

// revocationsPEM takes a list in PEM or, as Fabric also does, in DER.
func revocationsPEM(content []byte) (string, error) {
	if bytes.HasPrefix(content, []byte("-----BEGIN")) {
		block, _ := pem.Decode(content)
		if block == nil {
			return "", errors.New("it is not PEM")
		}
		content = block.Bytes
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: revocationType, Bytes: content})), nil
}
