# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Where the test network lives: Fabric's programs, the data folder, nodes and their ports.
# Sourced after common.sh, never run.
#
# shellcheck disable=SC2034 # variables are read by the scripts that source this

FABRIC_CONFIG=$ROOT/network/fabric/config
FABRIC_BUILDERS=$ROOT/network/fabric/builders

# need_fabric PROGRAM...: finds Fabric's programs in FABRIC_BIN, else on the PATH.
need_fabric() {
	local program missing=""
	if [ -n "${FABRIC_BIN:-}" ]; then
		PATH=$(absolute "$FABRIC_BIN"):$PATH
		export PATH
	fi
	for program in "$@"; do
		command -v "$program" >/dev/null || missing="$missing $program"
	done
	if [ -n "$missing" ]; then
		cat >&2 <<-EOF
			error: Hyperledger Fabric's programs are not here:$missing
			Get an official release (2.5 or later; 3.0 or later for --orderers bft):
			  - download hyperledger-fabric-<system>-<version>.tar.gz from
			    https://github.com/hyperledger/fabric/releases and unpack it, or
			  - run Fabric's own install-fabric.sh with the argument "binary"
			    (https://hyperledger-fabric.readthedocs.io, "Install Fabric").
			Then say where its bin folder is:  export FABRIC_BIN=/path/to/fabric/bin
		EOF
		exit 1
	fi
	# What a shell exported for another network must not reach ours.
	# shellcheck disable=SC2086 # names of variables, one word each
	unset FABRIC_CFG_PATH ${!CORE_@} ${!ORDERER_@} ${!CONFIGTX_@}
	NODE_LOGGING=${FABRIC_LOGGING_SPEC:-info:grpc=error}
	export FABRIC_LOGGING_SPEC=error
}

# fabric_version prints the version that the peer says to be.
fabric_version() { peer version | sed -n 's/^ *Version: *//p'; }

# fabric_major prints the first number of the version: what a network may be depends on it. Programs
# that were built without one ("latest") do not say; FABRIC_MAJOR does then.
fabric_major() {
	local major
	major=$(fabric_version | sed -n 's/^v\{0,1\}\([0-9][0-9]*\)\..*/\1/p')
	major=${major:-${FABRIC_MAJOR:-}}
	[[ $major =~ ^[0-9]+$ ]] ||
		die "the peer says to be version \"$(fabric_version)\", which is none; say which Fabric these programs are, for example: export FABRIC_MAJOR=3"
	printf '%s\n' "$major"
}

# set_folder DIR: names everything in the data folder.
set_folder() {
	mkdir -p "$1"
	DATA=$(absolute "$1")
	RUN=$DATA/run
	LOGS=$DATA/log
	CRYPTO=$DATA/crypto
	NODES=$DATA/nodes
	SETTINGS=$DATA/settings
	GENESIS=$DATA/channel.block
}

# data_folder prints the folder that an option, else the environment, else the default names.
data_folder() { printf '%s\n' "${1:-${FABRIC_NETWORK_DIR:-./fabric-network}}"; }

# load_settings reads what up.sh decided when it made the network: ORDERERS (1, 3 or bft), ORG_COUNT,
# BASE_PORT, CHANNEL.
load_settings() {
	[ -f "$SETTINGS" ] || return 1
	local name value
	while IFS='=' read -r name value; do
		case $name in
		ORDERERS) ORDERERS=$value ;;
		ORG_COUNT) ORG_COUNT=$value ;;
		BASE_PORT) BASE_PORT=$value ;;
		CHANNEL) CHANNEL=$value ;;
		esac
	done <"$SETTINGS"
}

# orderer_numbers prints 1, 1 to 3 or 1 to 4.
orderer_numbers() {
	case $ORDERERS in
	1) echo 1 ;;
	3) echo 1 2 3 ;;
	bft) echo 1 2 3 4 ;;
	esac
}

# org_numbers prints 1 2, or 1 2 3.
org_numbers() { seq "$ORG_COUNT"; }

# Ports count from BASE_PORT in blocks of ten: block n holds orderer n and, for n up to the number of
# organisations, the peer of organisation n and its chaincode. With the default 7050 the first ones are Fabric's own.
orderer_port() { echo $((BASE_PORT + 10 * ($1 - 1))); }
orderer_admin_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 3)); }
orderer_operations_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 5)); }
peer_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 1)); }
peer_launched_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 2)); }
peer_operations_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 4)); }
orderer_ports() { orderer_port "$1" && orderer_admin_port "$1" && orderer_operations_port "$1"; }
peer_ports() { peer_port "$1" && peer_launched_port "$1" && peer_operations_port "$1"; }
chaincode_port() { echo $((BASE_PORT + 10 * ($1 - 1) + 6)); }

orderer_crypto() { echo "$CRYPTO/ordererOrganizations/example.com/orderers/orderer$1.example.com"; }
org_crypto() { echo "$CRYPTO/peerOrganizations/org$1.example.com"; }
peer_crypto() { echo "$(org_crypto "$1")/peers/peer0.org$1.example.com"; }
user_msp() { echo "$(org_crypto "$1")/users/$2@org$1.example.com/msp"; }

# admin ORG COMMAND...: runs Fabric's peer command as an administrator of our organisation ORG.
admin() {
	local org=$1
	shift
	FABRIC_CFG_PATH=$NODES/peer0.org$org \
		CORE_PEER_MSPCONFIGPATH=$(user_msp "$org" Admin) peer "$@"
}

# osn ORDERER ARGUMENT...: asks an orderer's admin listener about our channel.
osn() {
	local crypto number=$1
	crypto=$(orderer_crypto "$number")
	shift
	osnadmin channel "$@" --channelID "$CHANNEL" \
		-o "127.0.0.1:$(orderer_admin_port "$number")" --ca-file "$crypto/tls/ca.crt" \
		--client-cert "$crypto/tls/server.crt" --client-key "$crypto/tls/server.key"
}
