#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# smoke.sh: one reading all the way on a real network, and its proof with Fabric's own tooling.
#
#   smoke.sh [--dir DIR] [--env FILE] [--broker URL] [--anchorline BINARY]
#
# Registers a device, publishes a signed reading over MQTT, waits until a bridge has anchored it,
# and asks a peer of every organisation with `peer chaincode query` alone whether the reading is in
# the anchored batch and who signed it; the same reading with one bit changed must be refused.
#
#   --dir         where deploy.sh wrote its profiles (FABRIC_NETWORK_DIR, else ./fabric-network)
#   --env         the network, as for deploy.sh (default: DIR/network.env)
#   --broker      an MQTT broker, for example tcp://127.0.0.1:1883; without it the one that is
#                 embedded in anchorline is used
#   --anchorline  the program (default: built from this source)
#
# It acts as those users of the first organisation in the file who have the roles registrar and
# bridge; without --broker one user must have both. Takes some seconds and leaves one device and one
# stream on the ledger.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"
# shellcheck source-path=SCRIPTDIR source=lib/archive.sh
source "$ROOT/test-network-scripts/lib/archive.sh"
# shellcheck source-path=SCRIPTDIR source=lib/lifecycle.sh
source "$ROOT/test-network-scripts/lib/lifecycle.sh"
# shellcheck source-path=SCRIPTDIR source=lib/roles.sh
source "$ROOT/test-network-scripts/lib/roles.sh"

read_arguments() {
	DIR="" ENVIRONMENT="" BROKER="" ANCHORLINE="" NAME=anchorline
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--dir | --env | --broker | --anchorline)
			[ $# -ge 2 ] || die "$1 needs a value"
			case $1 in
			--dir) DIR=$2 ;;
			--env) ENVIRONMENT=$2 ;;
			--broker) BROKER=$2 ;;
			--anchorline) ANCHORLINE=$2 ;;
			esac
			shift 2
			;;
		*) die "unknown argument $1 (see smoke.sh --help)" ;;
		esac
	done
}

# profile_of ROLE... prints the profile of the first user who has the roles.
profile_of() {
	local org=${ORGS%% *} user file role
	for user in $(of "$org" USERS); do
		for role in "$@"; do
			has_role "$org" "$user" "$role" || continue 2
		done
		file=$DATA/profiles/profile-$(printf '%s-%s' "$org" "$user" | tr '[:upper:]' '[:lower:]').json
		[ -f "$file" ] || die "no $file; run deploy.sh first"
		printf '%s' "$file"
		return
	done
	die "none of ${org}_USERS is $(printf '%s' "$*" | sed 's/ / and /'); see ${org}_ROLES and ${org}_GRANTS, and run deploy.sh"
}

# choose_profiles: the embedded broker comes with a bridge that registers a device too, so one user
# must be both.
choose_profiles() {
	if [ -n "$BROKER" ]; then
		BRIDGE_PROFILE=$(profile_of bridge)
		REGISTRAR_PROFILE=$(profile_of registrar)
	else
		BRIDGE_PROFILE=$(profile_of bridge registrar) || die "give a broker with --broker, then they may be two"
		REGISTRAR_PROFILE=$BRIDGE_PROFILE
	fi
	OWNER=$(msp_of "$REGISTRAR_PROFILE") BRIDGE_OWNER=$(msp_of "$BRIDGE_PROFILE")
}

# msp_of PROFILE prints the organisation of a connection profile: part of each of its records' names.
msp_of() { sed -n 's/.*"mspId": *"\([^"]*\)".*/\1/p' "$1"; }

# run COMMAND...: runs anchorline in the smoke test's folder; shows what it said when it fails.
run() {
	(cd "$SMOKE" && "$ANCHORLINE" "$@") >"$SMOKE/run.log" 2>&1 || {
		last_words "$SMOKE/run.log"
		die "anchorline $1 $2 failed"
	}
}

build() {
	case $ANCHORLINE in
	"") ;;
	*/*) ANCHORLINE=$(absolute_file "$ANCHORLINE") && return ;;
	*) return ;; # on the PATH
	esac
	command -v go >/dev/null || die "go is not on the PATH; give a built program with --anchorline"
	step "building anchorline"
	ANCHORLINE=$WORK/bin/anchorline-cli
	(cd "$ROOT" && CGO_ENABLED=0 go build -trimpath -o "$ANCHORLINE" ./cmd/anchorline)
}

# free_port prints a port that nobody listens on.
free_port() {
	local port
	for port in $(seq $((18800 + $$ % 100)) 18999); do
		listening "127.0.0.1:$port" || { echo "$port" && return; }
	done
	die "no free port between 18800 and 18999"
}

# start_bridge starts a bridge of its own stream; on the embedded broker when none was given. One
# simulated device comes with that, hardly ever publishing.
start_bridge() {
	local common=(--fabric "$BRIDGE_PROFILE" --stream "$STREAM" --linger 100ms)
	if [ -n "$BROKER" ]; then
		ARCHIVE=$SMOKE/bridge/archive
		step "starting a bridge at $BROKER, stream $STREAM"
		start "$BRIDGE" "$ANCHORLINE" bridge run "${common[@]}" --broker "$BROKER" --data "$SMOKE/bridge"
	else
		local port
		port=$(free_port)
		ARCHIVE=$SMOKE/data/bridge/archive BROKER=tcp://127.0.0.1:$port
		step "starting a broker and a bridge at $BROKER, stream $STREAM"
		start "$BRIDGE" "$ANCHORLINE" up "${common[@]}" --listen "127.0.0.1:$port" --data "$SMOKE/data" --devices 1 --rate 10/h --log
	fi
	# A broker keeps nothing for a bridge that has not subscribed yet.
	wait_until 60 "the bridge to subscribe" "$LOGS/$BRIDGE.log" running grep -q 'receiving readings' "$LOGS/$BRIDGE.log"
}

# running COMMAND...: as COMMAND, but ends the test at once when the bridge has ended.
running() {
	alive "$BRIDGE" || {
		last_words "$LOGS/$BRIDGE.log"
		die "the bridge ended; its log is $LOGS/$BRIDGE.log"
	}
	"$@"
}

# statement: the bridge has the proof, so the ledger has the anchor.
statement() { "$ANCHORLINE" audit statement "$OWNER/$DEVICE" 1 --archive "$ARCHIVE" --out "$SMOKE/reading.cose"; }

# A statement is the reading with the receipt put into its unprotected header (docs/formats.md);
# cut takes it apart on its hexadecimal text into READING and RECEIPT.
cut_statement() {
	local hex protected rest labels
	hex=$(od -An -v -tx1 "$SMOKE/reading.cose" | tr -d ' \n')
	[ "${hex:0:4}" = d284 ] || die "$SMOKE/reading.cose is not a COSE_Sign1"
	item "${hex:4}"
	protected=$ITEM rest=${hex:$((4 + ${#ITEM}))}
	[[ ${rest:0:10} == a[23]19018a81 ]] || die "$SMOKE/reading.cose holds no receipt"
	labels=${rest:1:1}
	item "${rest:10}"
	RECEIPT=${ITEM:$HEAD} rest=${rest:$((10 + ${#ITEM}))}
	# The label -70010, whose value is the anchor, and perhaps -70011, whose value is the evidence.
	for ((; labels > 1; labels--)); do
		item "${rest:10}"
		rest=${rest:$((10 + ${#ITEM}))}
	done
	READING=d284${protected}a0$rest
}

# item HEX: the first CBOR byte string of a text, into ITEM; HEAD says where its content begins.
item() {
	local length
	case ${1:0:2} in
	58) HEAD=4 length=$((16#${1:2:2})) ;;
	59) HEAD=6 length=$((16#${1:2:4})) ;;
	5a) HEAD=10 length=$((16#${1:2:8})) ;;
	*) die "$SMOKE/reading.cose: a byte string was expected at ${1:0:8}" ;;
	esac
	ITEM=${1:0:$((HEAD + 2 * length))}
}

# base64url HEX prints bytes as the contracts take them.
base64url() {
	local escaped
	escaped=$(printf '%s' "$1" | sed 's/../\\x&/g')
	printf '%b' "$escaped" | base64 | tr -d '\n=' | tr '+/' '-_'
}

# verify ORG READING prints what the organisation's peer says about a reading.
verify() {
	query_as "$1" "$(of "$1" ADMIN_MSP)" anchors:VerifyInclusion "$BRIDGE_OWNER/$STREAM" "$NUMBER" "$(base64url "$2")" "$(base64url "$RECEIPT")"
}

prove() {
	local org answer forged last
	last=$((16#${READING: -1} ^ 1))
	forged=${READING%?}$(printf '%x' "$last")
	for org in $ORGS; do
		answer=$(verify "$org" "$READING")
		[[ $answer == *'"included":true'* && $answer == *'"signed":true'* ]] || die "$(of "$org" MSP_ID) does not confirm the reading: $answer"
		step "$(of "$org" MSP_ID): reading 1 of $OWNER/$DEVICE is in anchor $NUMBER of $BRIDGE_OWNER/$STREAM, signed by the device's key"
		answer=$(verify "$org" "$forged")
		[[ $answer == *'"included":false'* ]] || die "$(of "$org" MSP_ID) confirms a forged reading: $answer"
		step "$(of "$org" MSP_ID): the same with one bit changed is not"
	done
}

main() {
	local run_id
	read_arguments "$@"
	need_fabric peer
	set_folder "$(data_folder "$DIR")"
	load_environment "${ENVIRONMENT:-$DATA/network.env}"
	WORK=$DATA/deploy
	[ -f "$WORK/core.yaml" ] || die "nothing was deployed from $DATA; run deploy.sh first"
	run_id=$(date +%s)-$$
	SMOKE=$DATA/smoke/$run_id DEVICE=smoke-device-$run_id STREAM=smoke-$run_id BRIDGE=smoke-bridge-$run_id
	mkdir -p "$SMOKE"
	choose_profiles
	build
	trap 'stop "$BRIDGE"' EXIT
	start_bridge
	run device new "$DEVICE"
	run device register "$DEVICE" --profile "$REGISTRAR_PROFILE" --type smoke-test
	step "registered device $OWNER/$DEVICE"
	run device publish "$OWNER/$DEVICE" --key "$DEVICE.key" --broker "$BROKER" --value 21.5 --unit Cel --name temperature
	step "published a reading over MQTT"
	wait_until 60 "the anchor of the reading" "$LOGS/$BRIDGE.log" running statement
	NUMBER=$(statement | sed -n 's/.*from batch \([0-9]*\).*/\1/p')
	[ -n "$NUMBER" ] || die "anchorline does not say in which batch the reading is"
	cut_statement
	prove
	step "passed"
}

main "$@"
