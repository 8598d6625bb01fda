// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/anchorline/anchorline/audit"
	"github.com/anchorline/anchorline/audit/internal/world"
	"github.com/anchorline/anchorline/chaincode/record"
	"github.com/anchorline/anchorline/reading/receipt"
)

// endorsedWith is a statement whose anchor's transaction is changed.
func endorsedWith(change func(s *scene, c *world.Call)) func(*scene) []byte {
	return func(s *scene) []byte { return s.endorsed(func(c *world.Call) { change(s, c) }) }
}

// unknownField is the unknown field 99 of a protobuf message, a number.
func unknownField() []byte { return []byte{0x98, 0x06, 0x01} }

// faultsOfForm change the form of a transaction, of the anchor or of an attestation.
func faultsOfForm() map[string]func(*scene, *world.Call) {
	return map[string]func(*scene, *world.Call){
		"another-function":  func(_ *scene, c *world.Call) { c.Function = "anchors:Get" },
		"another-chaincode": func(_ *scene, c *world.Call) { c.Chaincode = "other" },
		"another-type":      func(_ *scene, c *world.Call) { c.OnHeader = func(h *common.ChannelHeader) { h.Type = 1 } },
		"refused-by-the-chaincode": func(_ *scene, c *world.Call) {
			c.Response = &peer.Response{Status: 500, Message: "refused", Payload: c.Response.GetPayload()}
		},
		"of-an-epoch": func(_ *scene, c *world.Call) { c.OnHeader = func(h *common.ChannelHeader) { h.Epoch = 1 } },
		"id-not-of-creator-and-nonce": func(_ *scene, c *world.Call) {
			c.OnHeader = func(h *common.ChannelHeader) { h.TxId = record.ZeroHash }
		},
		"two-actions": func(_ *scene, c *world.Call) {
			c.OnTransaction = func(t *peer.Transaction) { t.Actions = append(t.Actions, t.GetActions()[0]) }
		},
		"no-action": func(_ *scene, c *world.Call) { c.OnTransaction = func(t *peer.Transaction) { t.Actions = nil } },
		"unknown-field": func(_ *scene, c *world.Call) {
			c.OnEnvelope = func(e *common.Envelope, _ *common.Header) { e.ProtoReflect().SetUnknown(unknownField()) }
		},
		"unknown-field-in-the-answer": func(_ *scene, c *world.Call) {
			c.OnAction = func(a *peer.ChaincodeAction) { a.ProtoReflect().SetUnknown(unknownField()) }
		},
	}
}

func endorsedVectors() []vector {
	var out []vector
	add := func(id audit.ID, name string, build func(*scene) []byte) {
		out = append(out, vector{check: id, name: name, build: build})
	}
	for name, change := range faultsOfForm() {
		add(audit.EndorsedTransaction, name, endorsedWith(change))
	}
	slices.SortFunc(out, func(a, b vector) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	add(audit.EndorsedTransaction, "another-transaction", endorsedWith(func(_ *scene, c *world.Call) { c.Nonce = bytes.Repeat([]byte{7}, 24) }))
	add(audit.EndorsedTransaction, "of-another-anchor", endorsedWith(func(s *scene, c *world.Call) { c.Args = []string{string(s.anchor().Bytes)} }))
	add(audit.EndorsedTransaction, "of-two-anchors", endorsedWith(func(_ *scene, c *world.Call) { c.Args = append(slices.Clone(c.Args), c.Args[0]) }))
	for name, change := range map[string]func(*scene, *world.Call){
		"unsigned": func(_ *scene, c *world.Call) { c.Unsigned = true },
		"forged":   func(s *scene, c *world.Call) { c.Creator = c.Creator.WithKeyOf(s.Org("Org2MSP").Bridge) },
		"high-s": func(s *scene, c *world.Call) {
			c.OnEnvelope = func(e *common.Envelope, _ *common.Header) { e.Signature = world.HighS(s.t, e.GetSignature()) }
		},
	} {
		add(audit.EndorsedCreator, name, endorsedWith(change))
	}
	for name, creator := range map[string]func(*scene) *world.Member{
		"of-another-organisation": func(s *scene) *world.Member { return s.Org("Org2MSP").Bridge },
		"of-an-unknown-authority": func(s *scene) *world.Member {
			return world.NewAuthority(s.t, "Org1MSP", "impostor").Issue(s.t, "bridge", []string{"client"})
		},
		"of-another-organisations-authority": func(s *scene) *world.Member { return s.Org("Org2MSP").Bridge.As("Org1MSP") },
		"revoked":                            func(s *scene) *world.Member { return s.Org("Org1MSP").Stolen },
		"an-authority":                       func(s *scene) *world.Member { return s.Org("Org1MSP").Root.Itself() },
	} {
		add(audit.EndorsedCreator, name, func(s *scene) []byte {
			b := s.AnchorBy(creator(s), s.stream, s.bridge, s.read(s.pump), s.read(s.pump))
			return s.statement(b, receipt.Evidence{Envelope: b.Call.Envelope(s.t), Attestations: [][]byte{s.attest(b)}})
		})
	}
	add(audit.EndorsedProposal, "answer-to-another", endorsedWith(func(_ *scene, c *world.Call) { c.OnAnswered = ofAnother }))
	add(audit.EndorsedProposal, "time-changed-after-the-answer", endorsedWith(func(s *scene, c *world.Call) { timeChanged(s, c) }))
	out = append(out, writesVectors()...)
	for name, change := range faultsOfEndorsers() {
		out = append(out, vector{check: audit.EndorsedSignatures, name: name, says: reasonsOfEndorsers()[name],
			build: endorsedWith(func(s *scene, c *world.Call) { change(s, c, 1) })})
	}
	return sorted(out)
}

func sorted(v []vector) []vector {
	slices.SortFunc(v, func(a, b vector) int {
		return bytes.Compare([]byte(string(a.check)+a.name), []byte(string(b.check)+b.name))
	})
	return v
}

func ofAnother(p *peer.ProposalResponsePayload) { p.ProposalHash = world.Flip(p.GetProposalHash()) }

// timeChanged has the endorsers answer a proposal of another second.
func timeChanged(s *scene, c *world.Call) {
	before := *c
	before.Time += world.Second
	var hash []byte
	before.OnAnswered = func(p *peer.ProposalResponsePayload) { hash = p.GetProposalHash() }
	before.Envelope(s.t)
	c.OnAnswered = func(p *peer.ProposalResponsePayload) { p.ProposalHash = hash }
}

func writesVectors() []vector {
	var out []vector
	entry := func(change func(e *record.AnchorEntry)) func(*scene, *world.Call) {
		return func(s *scene, c *world.Call) {
			for i, w := range c.Writes {
				if object, _ := record.SplitKey(w.GetKey()); object != record.AnchorObject {
					continue
				}
				var e record.AnchorEntry
				if err := record.Decode(w.GetValue(), &e); err == nil {
					change(&e)
				}
				c.Writes[i] = s.Write(w.GetKey(), e)
			}
		}
	}
	for name, change := range map[string]func(*scene, *world.Call){
		"nothing": func(_ *scene, c *world.Call) { c.Writes = nil },
		"another-number": func(s *scene, c *world.Call) {
			c.Writes[0] = &kvrwset.KVWrite{Key: record.AnchorKey(s.stream, 2), Value: c.Writes[0].GetValue()}
		},
		"deleted": func(_ *scene, c *world.Call) {
			c.Writes[0] = &kvrwset.KVWrite{Key: c.Writes[0].GetKey(), IsDelete: true}
		},
		"two-anchors": func(s *scene, c *world.Call) {
			c.Writes = append(c.Writes, &kvrwset.KVWrite{Key: record.AnchorKey(s.stream, 2), Value: c.Writes[0].GetValue()})
		},
		"not-an-entry": func(_ *scene, c *world.Call) {
			c.Writes[0] = &kvrwset.KVWrite{Key: c.Writes[0].GetKey(), Value: []byte("{")}
		},
		"another-chaincodes-state": func(_ *scene, c *world.Call) {
			c.OnSets = func(s *rwset.TxReadWriteSet) { s.NsRwset[1].Namespace = "other" }
		},
		"another-anchor":      entry(func(e *record.AnchorEntry) { e.Anchor.Gaps++; e.Hash, _ = e.Anchor.HashText() }),
		"another-hash":        entry(func(e *record.AnchorEntry) { e.Hash = record.ZeroHash }),
		"another-time":        entry(func(e *record.AnchorEntry) { e.LedgerTime += world.Second }),
		"another-creator":     entry(func(e *record.AnchorEntry) { e.Creator = "Org2MSP" }),
		"another-transaction": entry(func(e *record.AnchorEntry) { e.TxID = record.ZeroHash }),
	} {
		out = append(out, vector{check: audit.EndorsedWrites, name: name, build: endorsedWith(func(s *scene, c *world.Call) {
			c.Writes = slices.Clone(c.Writes)
			change(s, c)
		})})
	}
	return out
}

// faultsOfEndorsers leave fewer than need endorsements that count.
func faultsOfEndorsers() map[string]func(s *scene, c *world.Call, need int) {
	// but keeps as many good ones as are one too few, beside a bad one.
	but := func(bad func(s *scene) *world.Member) func(*scene, *world.Call, int) {
		return func(s *scene, c *world.Call, need int) {
			c.Endorsers = append(slices.Clone(c.Endorsers[:need-1]), bad(s))
		}
	}
	signature := func(change func(s *scene, signature []byte) []byte) func(*scene, *world.Call, int) {
		return func(s *scene, c *world.Call, need int) {
			c.OnEndorsed = func(a *peer.ChaincodeEndorsedAction) {
				a.Endorsements = a.GetEndorsements()[:need]
				last := a.GetEndorsements()[need-1]
				last.Signature = change(s, last.GetSignature())
			}
		}
	}
	return map[string]func(s *scene, c *world.Call, need int){
		"one-too-few":  func(_ *scene, c *world.Call, need int) { c.Endorsers = c.Endorsers[:need-1] },
		"a-client":     but(func(s *scene) *world.Member { return s.Org("Org3MSP").Bridge }),
		"an-admin":     but(func(s *scene) *world.Member { return s.Org("Org3MSP").Admin }),
		"revoked":      but(func(s *scene) *world.Member { return s.Org("Org3MSP").Stolen }),
		"an-orderer":   but(func(s *scene) *world.Member { return s.Orderers[0] }),
		"an-authority": but(func(s *scene) *world.Member { return s.Org("Org3MSP").Issuing.Itself() }),
		"of-two-units": but(func(s *scene) *world.Member {
			return s.Org("Org3MSP").Issuing.Issue(s.t, "both", []string{"peer", "client"})
		}),
		"by-an-authority-of-authorities": but(func(s *scene) *world.Member {
			return s.Org("Org3MSP").Root.Issue(s.t, "peer1", []string{"peer"})
		}),
		"of-an-unknown-authority": but(func(s *scene) *world.Member {
			return world.NewAuthority(s.t, "Org3MSP", "impostor").Issue(s.t, "peer0", []string{"peer"})
		}),
		"of-an-unknown-organisation": but(func(s *scene) *world.Member {
			return world.NewAuthority(s.t, "Org4MSP", "root").Issue(s.t, "peer0", []string{"peer"})
		}),
		"under-another-name": but(func(s *scene) *world.Member { return s.Org("Org1MSP").Peer.As("Org3MSP") }),
		"forged":             but(func(s *scene) *world.Member { return s.Org("Org3MSP").Peer.WithKeyOf(s.Org("Org1MSP").Peer) }),
		"high-s":             signature(func(s *scene, sig []byte) []byte { return world.HighS(s.t, sig) }),
		"flipped":            signature(func(_ *scene, sig []byte) []byte { return world.Flip(sig) }),
		"empty":              signature(func(*scene, []byte) []byte { return nil }),
	}
}

func orderedVectors() []vector {
	var out []vector
	add := func(id audit.ID, trust, name string, change func(s *scene, b *world.Block)) {
		out = append(out, vector{check: id, trust: trust, name: name, build: func(s *scene) []byte {
			return s.inBlock(func(b *world.Block) { change(s, b) })
		}})
	}
	block := func(name string, change func(*common.Block)) {
		add(audit.OrderedBlock, "", name, func(_ *scene, b *world.Block) { b.OnBlock = change })
	}
	block("a-transaction-more", func(b *common.Block) { b.Data.Data = append(b.Data.Data, b.GetData().GetData()[0]) })
	block("no-transaction", func(b *common.Block) { b.Data.Data = nil })
	block("no-header", func(b *common.Block) { b.Header = nil })
	block("more-metadata", func(b *common.Block) { b.Metadata.Metadata = append(b.Metadata.Metadata, []byte("flags")) })
	block("no-metadata", func(b *common.Block) { b.Metadata.Metadata = nil })
	block("unknown-field", func(b *common.Block) { b.ProtoReflect().SetUnknown(unknownField()) })
	block("envelope-with-unknown-field", func(b *common.Block) {
		b.Data.Data[0] = append(b.Data.Data[0], unknownField()...)
		sum := sha256.Sum256(b.Data.Data[0])
		b.Header.DataHash = sum[:]
	})
	add(audit.OrderedBlock, "", "another-data-hash", func(_ *scene, b *world.Block) {
		b.OnHeader = func(h *common.BlockHeader) { h.DataHash = world.Flip(h.GetDataHash()) }
	})
	add(audit.OrderedBlock, bftTrust, "another-place-than-attested", func(_ *scene, b *world.Block) { b.Number++ })
	for _, trust := range []string{raftTrust, bftTrust} {
		for name, change := range faultsOfOrderers(trust == bftTrust) {
			add(audit.OrderedSignatures, trust, name, change)
		}
	}
	return sorted(out)
}

// faultsOfOrderers leave fewer signatures of orderers than are needed. All are of the first one.
func faultsOfOrderers(bft bool) map[string]func(s *scene, b *world.Block) {
	first := func(m func(s *scene) *world.Member) func(*scene, *world.Block) {
		return func(s *scene, b *world.Block) { b.Signers[0].Member = m(s) }
	}
	signature := func(change func(s *scene, m *common.MetadataSignature)) func(*scene, *world.Block) {
		return func(s *scene, b *world.Block) {
			b.OnSignature = func(i int, m *common.MetadataSignature) {
				if i == 0 {
					change(s, m)
				}
			}
		}
	}
	prefix := "raft-"
	if bft {
		prefix = "bft-"
	}
	faults := map[string]func(s *scene, b *world.Block){
		"one-too-few": func(_ *scene, b *world.Block) { b.Signers = b.Signers[1:] },
		"forged":      first(func(s *scene) *world.Member { return s.Orderers[0].WithKeyOf(s.Org("Org1MSP").Peer) }),
		"high-s":      signature(func(s *scene, m *common.MetadataSignature) { m.Signature = world.HighS(s.t, m.GetSignature()) }),
		"flipped":     signature(func(_ *scene, m *common.MetadataSignature) { m.Signature = world.Flip(m.GetSignature()) }),
		"previous-block-changed": func(_ *scene, b *world.Block) {
			b.OnBlock = func(b *common.Block) { b.Header.PreviousHash = world.Flip(b.GetHeader().GetPreviousHash()) }
		},
		"metadata-changed": func(s *scene, b *world.Block) {
			b.OnBlock = func(b *common.Block) {
				m := &common.Metadata{}
				if err := proto.Unmarshal(b.GetMetadata().GetMetadata()[0], m); err == nil {
					m.Value = world.Encode(s.t, &common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: 99}})
					b.Metadata.Metadata[0] = world.Encode(s.t, m)
				}
			}
		},
	}
	if bft {
		faults["the-same-twice"] = func(_ *scene, b *world.Block) { b.Signers[0] = b.Signers[1] }
		faults["unknown-number"] = func(_ *scene, b *world.Block) { b.Signers[0].Number = 9 }
		faults["number-of-another"] = func(_ *scene, b *world.Block) { b.Signers[0].Number = 4 }
		faults["with-a-certificate"] = func(_ *scene, b *world.Block) { b.Signers[0].Number = 0 }
	} else {
		faults["a-peer"] = first(func(s *scene) *world.Member { return s.Org("Org1MSP").Peer })
		faults["a-client-of-the-orderers"] = first(func(s *scene) *world.Member { return s.Ordering.Issue(s.t, "client", []string{"client"}) })
		faults["of-an-unknown-authority"] = first(func(s *scene) *world.Member {
			return world.NewAuthority(s.t, "OrdererMSP", "impostor").Issue(s.t, "orderer1", []string{"orderer"})
		})
		faults["with-a-number"] = func(_ *scene, b *world.Block) { b.Signers[0].Number = 1 }
	}
	out := map[string]func(s *scene, b *world.Block){}
	for name, change := range faults {
		out[prefix+name] = change
	}
	return out
}

// reasonsOfEndorsers are what the verifier notes about the faults of endorsers.
func reasonsOfEndorsers() map[string]string {
	return map[string]string{
		"a-client": `of unit "client", not of "peer"`, "an-admin": `of unit "admin", not of "peer"`, "revoked": "is revoked",
		"an-orderer": "it is no organisation of the channel", "an-authority": "a CA's, not a member's", "of-two-units": "a node has one role",
		"by-an-authority-of-authorities": "a CA of CAs", "of-an-unknown-authority": "signed by unknown authority",
		"of-an-unknown-organisation": "it is no organisation of the channel", "under-another-name": "signed by unknown authority",
		"forged": "does not fit", "high-s": "upper half", "flipped": "signature not valid", "empty": "not an ECDSA signature",
	}
}
