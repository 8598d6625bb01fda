#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# status.sh: says what of the network runs, how long its ledgers are and what is deployed.
#
#   status.sh [--dir DIR]
#
# Ends with 0 when every node runs and answers and every chaincode that was started here runs, else
# with 1. DIR is FABRIC_NETWORK_DIR, else ./fabric-network.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source-path=SCRIPTDIR source=lib/fabric.sh
source "$ROOT/test-network-scripts/lib/fabric.sh"

# line NAME PORT: one process's state; counts what is not as it should be.
line() {
	local pid
	if ! pid=$(pid_of "$1"); then
		printf '%-28s down\n' "$1"
		FAULTS=$((FAULTS + 1))
	elif ! listening "127.0.0.1:$2"; then
		printf '%-28s pid %-8s runs, does not listen on 127.0.0.1:%s\n' "$1" "$pid" "$2"
		FAULTS=$((FAULTS + 1))
	else
		printf '%-28s pid %-8s 127.0.0.1:%s\n' "$1" "$pid" "$2"
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
	local dir="" number name pid
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
	for number in $(orderer_numbers); do line "orderer$number" "$(orderer_port "$number")"; done
	for number in 1 2; do line "peer0.org$number" "$(peer_port "$number")"; done
	for name in $(started); do
		case $name in
		chaincode-*)
			if pid=$(pid_of "$name"); then
				printf '%-28s pid %s\n' "$name" "$pid"
			else
				printf '%-28s down; deploy.sh starts it again\n' "$name"
				FAULTS=$((FAULTS + 1))
			fi
			;;
		esac
	done
	ledger 1
	ledger 2
	[ "$FAULTS" -eq 0 ] || {
		say "$FAULTS of the above not as it should be; logs are in $LOGS"
		exit 1
	}
}

main "$@"
