# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Files that describe our network to others: network.env for deploy.sh and smoke.sh, and a file
# per organisation for a person who wants to call Fabric's peer command by hand. Sourced after
# fabric.sh, never run.

# describe_network writes the files into the data folder.
describe_network() {
	local org
	{
		say "# The network in this folder, as deploy.sh reads it. Written by up.sh, do not edit."
		say "CHANNEL=$CHANNEL"
		say "ORDERER_ADDRESS=127.0.0.1:$(orderer_port 1)"
		say "ORDERER_TLS_CA='$(orderer_crypto 1)/tls/ca.crt'"
		say "ORGS='ORG1 ORG2'"
		for org in 1 2; do
			say "ORG${org}_MSP_ID=Org${org}MSP"
			say "ORG${org}_PEER_ADDRESS=127.0.0.1:$(peer_port $org)"
			say "ORG${org}_PEER_HOSTNAME=peer0.org$org.example.com"
			say "ORG${org}_TLS_CA='$(peer_crypto $org)/tls/ca.crt'"
			say "ORG${org}_ADMIN_MSP='$(user_msp $org Admin)'"
			say "ORG${org}_USER_MSP='$(user_msp $org User1)'"
			say "ORG${org}_CHAINCODE_ADDRESS=127.0.0.1:$(chaincode_port $org)"
		done
	} >"$DATA/network.env.tmp"
	mv "$DATA/network.env.tmp" "$DATA/network.env"
	for org in 1 2; do
		cat >"$DATA/org$org-admin.env" <<-EOF
			# source this file to call Fabric's peer command as the administrator of Org$org
			export FABRIC_CFG_PATH='$NODES/peer0.org$org'
			export CORE_PEER_MSPCONFIGPATH='$(user_msp $org Admin)'
			export FABRIC_LOGGING_SPEC=warning
		EOF
	done
}
