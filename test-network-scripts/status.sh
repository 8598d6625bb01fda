#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# status.sh: says what of the network runs, how long its ledgers are and what is deployed.
#
#   status.sh [--dir DIR]
#
# Ends with 0 when every node and every chaincode that was started here runs and answers, else with 1;
# up.sh starts nodes again, deploy.sh chaincode. DIR is FABRIC_NETWORK_DIR, else ./fabric-network.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"

# line NAME HOST:PORT: one process's state; counts what is not as it should be.
line() {
	local pid
	if ! pid=$(pid_of "$1"); then
		printf '%-28s down\n' "$1"
		FAULTS=$((FAULTS + 1))
	elif ! listening "$2"; then
		printf '%-28s pid %-8s runs, does not listen on %s\n' "$1" "$pid" "$2"
		FAULTS=$((FAULTS + 1))
	else
		printf '%-28s pid %-8s %s\n' "$1" "$pid" "$2"
	fi
}

# ledger ORG: the height of the peer's ledger and the chaincodes of the channel.
ledger() {
	local height
	alive "peer0.org$1" || return 0
	height=$(admin "$1" channel getinfo -c "$CHANNEL" 2>/dev/null | sed -n 's/.*"height":\([0-9]*\).*/\1/p')
	if [ -z "$height" ]; then
		printf '%-28s does not answer for channel %s\n' "peer0.org$1" "$CHANNEL"
		FAULTS=$((FAULTS + 1))
		return 0
	fi
	printf '%-28s %s blocks on channel %s\n' "peer0.org$1" "$height" "$CHANNEL"
	admin "$1" lifecycle chaincode querycommitted -C "$CHANNEL" 2>/dev/null | sed -n 's/^Name: \([^,]*\), Version: \([^,]*\), Sequence: \([^,]*\),.*/                             chaincode \1 version \2, sequence \3/p'
}

main() {
	local dir="" number name
	FAULTS=0
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) usage && exit 0 ;;
		--dir)
			[ $# -ge 2 ] || die "--dir needs a value"
			dir=$2 && shift 2
			;;
		*) die "unknown argument $1 (see status.sh --help)" ;;
		esac
	done
	dir=$(data_folder "$dir")
	[ -d "$dir" ] || die "no network in $dir; start one with up.sh"
	need_fabric peer
	set_folder "$dir"
	load_settings || die "no network in $DATA; start one with up.sh"
	for number in $(orderer_numbers); do line "orderer$number" "127.0.0.1:$(orderer_port "$number")"; done
	for number in $(org_numbers); do line "peer0.org$number" "127.0.0.1:$(peer_port "$number")"; done
	for name in $(started); do
		case $name in
		chaincode-*) line "$name" "$(cat "$RUN/$name.address")" ;;
		esac
	done
	for number in $(org_numbers); do ledger "$number"; done
	[ "$FAULTS" -eq 0 ] || {
		say "$FAULTS of the above not as it should be; logs are in $LOGS"
		exit 1
	}
}

main "$@"
