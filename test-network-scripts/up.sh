#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# up.sh: starts a real Hyperledger Fabric network from Fabric's own programs.
#
#   up.sh [--orderers 1|3|bft] [--orgs 2|3] [--base-port 7050] [--channel mychannel] [--dir DIR]
#
# Two organisations, or three, with a peer each, and one Raft orderer, three of them, or four SmartBFT
# orderers (Fabric 3), as processes of this machine that listen on 127.0.0.1 only. Run again it
# starts what does not run; a network that runs is left as it is. Forty ports from the base port
# on belong to it.
#
# Needs peer, orderer, cryptogen, configtxgen and osnadmin, in FABRIC_BIN or on the PATH.
# Everything is kept in DIR (FABRIC_NETWORK_DIR, else ./fabric-network). It is for development
# and tests: all keys of all organisations lie in that folder.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"
# shellcheck source-path=SCRIPTDIR source=lib/describe.sh
source "$ROOT/test-network-scripts/lib/describe.sh"

read_arguments() {
	WANT_ORDERERS="" WANT_ORGS="" WANT_PORT="" WANT_CHANNEL="" DIR=""
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--orderers | --orgs | --base-port | --channel | --dir)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--orderers) WANT_ORDERERS=$2 ;;
			--orgs) WANT_ORGS=$2 ;;
			--base-port) WANT_PORT=$2 ;;
			--channel) WANT_CHANNEL=$2 ;;
			--dir) DIR=$2 ;;
			esac
			shift 2
			;;
		*) die "unknown argument $1 (see up.sh --help)" ;;
		esac
	done
	[[ ${WANT_ORDERERS:-1} =~ ^(1|3|bft)$ ]] || die "--orderers is 1, 3 or bft, not $WANT_ORDERERS"
	[[ ${WANT_ORGS:-2} =~ ^[23]$ ]] || die "--orgs is 2 or 3, not $WANT_ORGS"
	[[ ${WANT_CHANNEL:-mychannel} =~ ^[a-z][a-z0-9.-]*$ ]] || die "--channel: small letters, digits, dots and dashes only"
	if ! [[ ${WANT_PORT:-7050} =~ ^[1-9][0-9]{3,4}$ ]] || [ "${WANT_PORT:-7050}" -gt 65495 ]; then
		die "--base-port is a number from 1000 to 65495"
	fi
}

# can_order: these programs know how to order as the network does.
can_order() {
	[ "$ORDERERS" != bft ] || [ "$FABRIC_MAJOR" -ge 3 ] ||
		die "SmartBFT needs Fabric 3; these programs are version $(fabric_version)"
}

# settle decides what the network is; a folder holds one network for its whole life.
settle() {
	if load_settings; then
		[ "${WANT_ORDERERS:-$ORDERERS} ${WANT_ORGS:-$ORG_COUNT} ${WANT_PORT:-$BASE_PORT} ${WANT_CHANNEL:-$CHANNEL}" = "$ORDERERS $ORG_COUNT $BASE_PORT $CHANNEL" ] ||
			die "$DATA holds a network with --orderers $ORDERERS --orgs $ORG_COUNT --base-port $BASE_PORT --channel $CHANNEL; run down.sh --purge first, or name another folder with --dir"
		can_order
		return
	fi
	ORDERERS=${WANT_ORDERERS:-1} ORG_COUNT=${WANT_ORGS:-2} BASE_PORT=${WANT_PORT:-7050} CHANNEL=${WANT_CHANNEL:-mychannel}
	can_order
	# A crypto folder may be there already, with identities from elsewhere.
	[ -f "$DATA/.anchorline-test-network" ] || [ -z "$(find "$DATA" -mindepth 1 -maxdepth 1 ! -name crypto)" ] ||
		die "$DATA is not empty and not a test network; name another folder with --dir"
	# Before anything is written: the same command with another --base-port works then.
	new_ports_free
	: >"$DATA/.anchorline-test-network"
	printf 'ORDERERS=%s\nORG_COUNT=%s\nBASE_PORT=%s\nCHANNEL=%s\n' "$ORDERERS" "$ORG_COUNT" "$BASE_PORT" "$CHANNEL" >"$SETTINGS.tmp"
	mv "$SETTINGS.tmp" "$SETTINGS"
}

# new_ports_free: nobody listens where the nodes and chaincode of a new network are to listen.
new_ports_free() {
	local number port
	for port in $(for number in $(orderer_numbers); do orderer_ports "$number"; done) \
		$(for number in $(org_numbers); do peer_ports "$number" && chaincode_port "$number"; done); do
		! listening "127.0.0.1:$port" ||
			die "port $port is in use; choose others with --base-port (forty from there on belong to the network)"
	done
}

make_crypto() {
	local number
	if [ -d "$CRYPTO" ]; then
		for number in $(org_numbers); do
			[ -d "$(peer_crypto "$number")" ] || die "$CRYPTO has no peer of organisation $number, which --orgs $ORG_COUNT needs"
		done
		return
	fi
	step "making keys and certificates"
	rm -rf "$CRYPTO.tmp"
	mkdir -p "$DATA/config"
	cat "$FABRIC_CONFIG/crypto-config.yaml" >"$DATA/config/crypto-config.yaml"
	[ "$ORG_COUNT" -lt 3 ] || cat "$FABRIC_CONFIG/crypto-org3.yaml" >>"$DATA/config/crypto-config.yaml"
	cryptogen generate --config "$DATA/config/crypto-config.yaml" --output "$CRYPTO.tmp" >/dev/null
	mv "$CRYPTO.tmp" "$CRYPTO"
}

# make_templates leaves out what these programs do not know: Fabric before 3 has neither SmartBFT
# nor a filter of proposals by their time, and refuses to start with either.
make_templates() {
	cat "$FABRIC_CONFIG/configtx.yaml" >"$DATA/config/configtx-template.yaml"
	[ "$ORDERERS" != bft ] || cat "$FABRIC_CONFIG/smartbft.yaml" >>"$DATA/config/configtx-template.yaml"
	if [ "$FABRIC_MAJOR" -ge 3 ]; then
		cat "$FABRIC_CONFIG/core.yaml"
	else
		sed '/- name: TimeWindowCheck$/d' "$FABRIC_CONFIG/core.yaml"
	fi >"$DATA/config/core-template.yaml"
}

make_configuration() {
	local number
	mkdir -p "$NODES" "$DATA/config"
	make_templates
	for number in $(orderer_numbers); do
		mkdir -p "$NODES/orderer$number"
		render "$FABRIC_CONFIG/orderer.yaml" "$NODES/orderer$number/orderer.yaml" \
			NODE="$NODES/orderer$number" NODE_CRYPTO="$(orderer_crypto "$number")" \
			ORDERER_PORT="$(orderer_port "$number")" ADMIN_PORT="$(orderer_admin_port "$number")" \
			OPERATIONS_PORT="$(orderer_operations_port "$number")"
	done
	for number in $(org_numbers); do
		mkdir -p "$NODES/peer0.org$number"
		render "$DATA/config/core-template.yaml" "$NODES/peer0.org$number/core.yaml" \
			PEER="peer0.org$number.example.com" MSP_ID="Org${number}MSP" \
			NODE="$NODES/peer0.org$number" NODE_CRYPTO="$(peer_crypto "$number")" \
			PEER_PORT="$(peer_port "$number")" LAUNCHED_CHAINCODE_PORT="$(peer_launched_port "$number")" \
			OPERATIONS_PORT="$(peer_operations_port "$number")" BUILDERS="$FABRIC_BUILDERS"
	done
	render "$DATA/config/configtx-template.yaml" "$DATA/config/configtx.yaml" \
		CRYPTO="$CRYPTO" ORDERERS="$CRYPTO/ordererOrganizations/example.com/orderers" \
		ORDERER1_PORT="$(orderer_port 1)" ORDERER2_PORT="$(orderer_port 2)" \
		ORDERER3_PORT="$(orderer_port 3)" ORDERER4_PORT="$(orderer_port 4)" \
		ORGANISATIONS="$(for number in $(org_numbers); do printf '*Org%s\n' "$number"; done | paste -s -d , -)" \
		ORG1_PEER_PORT="$(peer_port 1)" ORG2_PEER_PORT="$(peer_port 2)" ORG3_PEER_PORT="$(peer_port 3)"
}

make_channel() {
	local profile
	[ -f "$GENESIS" ] && return
	case $ORDERERS in
	1) profile=Raft1 ;;
	3) profile=Raft3 ;;
	bft) profile=SmartBFT ;;
	esac
	step "making the first block of channel $CHANNEL ($profile)"
	FABRIC_CFG_PATH=$DATA/config configtxgen -profile "$profile" -channelID "$CHANNEL" \
		-outputBlock "$GENESIS.tmp" >"$DATA/config/configtxgen.log" 2>&1 || {
		cat "$DATA/config/configtxgen.log" >&2
		die "configtxgen refused $DATA/config/configtx.yaml"
	}
	mv "$GENESIS.tmp" "$GENESIS"
}

# free NAME PORT...: a node that is about to start finds its ports free.
free() {
	local name=$1 port
	shift
	for port in "$@"; do
		! listening "127.0.0.1:$port" ||
			die "port $port, which $name needs, is in use: end what listens there. A network keeps its ports; for one with others, down.sh --purge and up.sh --base-port"
	done
}

start_nodes() {
	local number name
	for number in $(orderer_numbers); do
		name=orderer$number
		alive "$name" && continue
		# shellcheck disable=SC2046 # numbers, one word each
		free "$name" $(orderer_ports "$number")
		step "starting $name on 127.0.0.1:$(orderer_port "$number")"
		start "$name" env FABRIC_LOGGING_SPEC="$NODE_LOGGING" FABRIC_CFG_PATH="$NODES/$name" orderer
	done
	for number in $(org_numbers); do
		name=peer0.org$number
		alive "$name" && continue
		# shellcheck disable=SC2046 # numbers, one word each
		free "$name" $(peer_ports "$number")
		step "starting $name on 127.0.0.1:$(peer_port "$number")"
		start "$name" env FABRIC_LOGGING_SPEC="$NODE_LOGGING" FABRIC_CFG_PATH="$NODES/$name" peer node start
	done
}

# up NAME PORT: the node lives and answers; a node that died is not waited for.
up() {
	alive "$1" || {
		last_words "$LOGS/$1.log"
		die "$1 ended; its log is $LOGS/$1.log"
	}
	listening "127.0.0.1:$2"
}

wait_up() {
	local deadline=$((SECONDS + 60))
	until up "$1" "$2"; do
		[ "$SECONDS" -lt "$deadline" ] || die "$1 does not listen on 127.0.0.1:$2; its log is $LOGS/$1.log"
		sleep 0.1
	done
}

join_orderers() {
	local number
	for number in $(orderer_numbers); do
		wait_up "orderer$number" "$(orderer_admin_port "$number")"
		osn "$number" list 2>/dev/null | saw '"name"' && continue
		osn "$number" join --config-block "$GENESIS" >"$LOGS/osnadmin.log" 2>&1 || true
		grep -q 'Status: 201' "$LOGS/osnadmin.log" || {
			cat "$LOGS/osnadmin.log" >&2
			die "orderer$number did not join channel $CHANNEL"
		}
	done
}

# led: one of the orderers leads.
led() {
	local number
	for number in $(orderer_numbers); do
		http_get "$(orderer_operations_port "$number")" /metrics |
			saw -E '^consensus_(etcdraft|BFT)_is_leader\{.*\} 1' && return
	done
	return 1
}

join_peers() {
	local number
	for number in $(org_numbers); do
		wait_up "peer0.org$number" "$(peer_port "$number")"
		admin "$number" channel list 2>/dev/null | saw -x "$CHANNEL" && continue
		admin "$number" channel join -b "$GENESIS" >"$LOGS/join.log" 2>&1 || {
			cat "$LOGS/join.log" >&2
			die "peer0.org$number did not join channel $CHANNEL"
		}
	done
}

# acquainted: the peers know each other on the channel, so that each can collect the others'
# endorsements.
acquainted() {
	local number
	for number in $(org_numbers); do
		http_get "$(peer_operations_port "$number")" /metrics |
			saw -E "^gossip_membership_total_peers_known\{channel=\"$CHANNEL\"\} $((ORG_COUNT - 1))\$" || return
	done
}

main() {
	read_arguments "$@"
	need_fabric peer orderer cryptogen configtxgen osnadmin
	FABRIC_MAJOR=$(fabric_major)
	set_folder "$(data_folder "$DIR")"
	settle
	make_crypto
	make_configuration
	make_channel
	start_nodes
	join_orderers
	join_peers
	step "waiting for the orderers to agree on a leader"
	wait_until 60 "a leader among the orderers" "$LOGS/orderer1.log" led
	step "waiting for the peers to find each other"
	wait_until 60 "the peers to find each other" "$LOGS/peer0.org1.log" acquainted
	describe_network
	step "the network is up: channel $CHANNEL, data in $DATA"
	say "next: test-network-scripts/deploy.sh --dir $DATA"
}

main "$@"
