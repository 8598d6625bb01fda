// SPDX-License-Identifier: Apache-2.0

package devnet_test

import (
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
)

// shimScenarios go through what the shim protocol offers beyond plain reads and writes; k
// makes a key of this run.
func shimScenarios(k func(string) string) []scenario {
	return []scenario{
		as("the call's context", func(a *actor) {
			a.evaluate("context", "a", "b")
			secret := client.WithTransient(map[string][]byte{"secret": []byte("never told")})
			a.endorse("context", secret)
			a.endorse("context", secret, client.WithEndorsingOrganizations("Org1MSP", "Org2MSP"))
			a.contract = a.gateway.GetNetwork(a.profile.Channel).GetContract("absent")
			a.endorse("context", secret)
		}),
		as("order of writes", func(a *actor) {
			a.submit("twice", k("ta"), k("tb"))
			a.submit("put", k("m2"), "to be deleted")
			a.submit("put", k("m3"), "to have a policy")
			a.submit("mixed", k("m"))
			a.evaluate("range", k("m"), k("n"))
			a.evaluate("getpolicy", k("m3"))
			a.submit("mixed", k("m"))
		}),
		as("more keys than one message takes", func(a *actor) {
			a.commit(a.endorseQuietly("batch", k("la"), "1001"))
			keys := make([]string, 1001)
			for i := range keys {
				keys[i] = fmt.Sprintf("%s%05d", k("la"), i)
			}
			a.evaluate("multi", keys...)
			a.evaluate("rangeput", k("la"), k("lb"), k("count"))
		}),
		as("pages of composite keys", func(a *actor) {
			kind := k("")
			for _, part := range []string{"1", "2", "3"} {
				a.submit("putat", kind, "a", part)
			}
			a.evaluate("partspage", "2", "", kind, "a")
			a.evaluate("partspage", "2", "\x00"+kind+"\x00a\x003\x00", kind, "a")
			a.evaluate("partspage", "0", "", kind, "a")
			a.evaluate("allparts", "2", "\x00"+kind+"\x00")
			a.submit("partspage", "2", "", kind)
		}),
		as("odd ranges and pages", func(a *actor) {
			a.submit("batch", k("oa"), "5")
			a.evaluate("range", k("ob"), k("oa"))
			a.evaluate("range", k("oa"), k("oa"))
			for _, size := range []string{"0", "5", "6", "-1", "100000", "100001"} {
				a.evaluate("page", k("oa"), k("ob"), size, "")
			}
			a.evaluate("page", k("oa"), k("ob"), "2", k("ob"))
			a.evaluate("page", k("oa"), k("ob"), "2", k("a"))
			a.submit("range", k("ob"), k("oa"))
		}),
		as("odd keys", func(a *actor) {
			a.submit("put", k("\x00inner"), "1")
			a.submit("put", "\x00"+k("composite"), "1")
			a.submit("putat", k("x\x00y"), "1")
			a.submit("putat", k("x"), "\U0010FFFF")
			a.submit("put", k(strings.Repeat("long", 500)), "1")
		}),
		as("two events", func(a *actor) {
			a.submit("events", "first", "second")
			a.submit("events", "first", "")
		}),
		as("policies by number and role", func(a *actor) {
			rule := func(key string, rule ...string) {
				a.submit("put", k(key), "1")
				a.submit("rule", append([]string{k(key)}, rule...)...)
				a.submit("put", k(key), "2")
				for _, mspID := range []string{"Org1MSP", "Org2MSP"} {
					a.commit(a.endorse("put", client.WithArguments(k(key), "3"), client.WithEndorsingOrganizations(mspID)))
				}
			}
			rule("either", "1", "Org1MSP.peer", "Org2MSP.peer")
			rule("member", "1", "Org1MSP.member")
			rule("admin", "1", "Org1MSP.admin")
			rule("client", "2", "Org1MSP.client", "Org2MSP.peer")
			rule("nobody", "0")
			rule("three of two", "3", "Org1MSP.peer", "Org2MSP.peer")
		}),
		as("tampered headers", func(a *actor) {
			channel := func(change func(*common.ChannelHeader)) {
				a.commit(a.tampered("put", func(p *common.Payload, _ *peer.ChaincodeActionPayload) {
					header := decode(a.t, p.GetHeader().GetChannelHeader(), &common.ChannelHeader{})
					change(header)
					p.Header.ChannelHeader = encode(a.t, header)
				}))
			}
			channel(func(h *common.ChannelHeader) { h.ChannelId = "absent" })
			channel(func(h *common.ChannelHeader) { h.Type = int32(common.HeaderType_MESSAGE) })
			channel(func(h *common.ChannelHeader) { h.Epoch = 7 })
			channel(func(h *common.ChannelHeader) {
				h.Extension = encode(a.t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: "absent"}})
			})
			a.commit(a.tampered("put", func(p *common.Payload, action *peer.ChaincodeActionPayload) {
				response := decode(a.t, action.GetAction().GetProposalResponsePayload(), &peer.ProposalResponsePayload{})
				response.ProposalHash[0] ^= 1
				action.Action.ProposalResponsePayload = encode(a.t, response)
			}))
			a.commit(a.tampered("put", func(_ *common.Payload, action *peer.ChaincodeActionPayload) { action.Action.Endorsements = nil }))
			content, err := a.endorseQuietly("put", "tampered", "1").Bytes()
			require.NoError(a.t, err)
			foreign, err := a.gateway.NewSignedTransaction(content, []byte("not a signature"))
			require.NoError(a.t, err)
			a.commit(foreign)
		}),
	}
}
