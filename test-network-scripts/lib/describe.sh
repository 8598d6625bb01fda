# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Files that describe our network to others: network.env for deploy.sh and smoke.sh, and a file
# per organisation for a person who wants to call Fabric's peer command by hand. Sourced after
# fabric.sh, never run.

# setting NAME VALUE prints a line that a shell reads back as it was.
setting() { printf '%s=%q\n' "$1" "$2"; }

# describe_network writes the files into the data folder.
describe_network() {
	local org
	{
		say "# The network in this folder, as deploy.sh reads it. Written by up.sh, do not edit."
		setting CHANNEL "$CHANNEL"
		setting ORDERER_ADDRESS "127.0.0.1:$(orderer_port 1)"
		setting ORDERER_TLS_CA "$(orderer_crypto 1)/tls/ca.crt"
		setting ORGS "$(for org in $(org_numbers); do echo "ORG$org"; done | paste -s -d ' ' -)"
		setting CONSORTIUM_OTHERS 1
		for org in $(org_numbers); do describe_organisation "$org"; done
	} >"$DATA/network.env.tmp"
	mv "$DATA/network.env.tmp" "$DATA/network.env"
	for org in $(org_numbers); do
		{
			say "# source this file to call Fabric's peer command as the administrator of Org$org"
			setting "export FABRIC_CFG_PATH" "$NODES/peer0.org$org"
			setting "export CORE_PEER_MSPCONFIGPATH" "$(user_msp "$org" Admin)"
			setting "export FABRIC_LOGGING_SPEC" warning
		} >"$DATA/org$org-admin.env"
	done
}

describe_organisation() {
	local org=ORG$1 user
	setting "${org}_MSP_ID" "Org${1}MSP"
	setting "${org}_PEER_ADDRESS" "127.0.0.1:$(peer_port "$1")"
	setting "${org}_PEER_HOSTNAME" "peer0.org$1.example.com"
	setting "${org}_TLS_CA" "$(peer_crypto "$1")/tls/ca.crt"
	setting "${org}_ADMIN_MSP" "$(user_msp "$1" Admin)"
	setting "${org}_USERS" "USER1 USER2 USER3"
	# The first user does everything, so that one profile is enough to try things out.
	setting "${org}_ROLES" "USER1=registrar USER1=bridge USER2=bridge USER3=auditor"
	for user in 1 2 3; do setting "${org}_USER${user}_MSP" "$(user_msp "$1" "User$user")"; done
	setting "${org}_CHAINCODE_ADDRESS" "127.0.0.1:$(chaincode_port "$1")"
}
