# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Connection profiles: what `anchorline --fabric FILE` needs to act as one identity on a network,
# in one JSON file. Sourced after lifecycle.sh, never run.

# only_file FOLDER prints the one file that a folder of an MSP holds.
only_file() {
	local file
	for file in "$1"/*; do
		[ -f "$file" ] && printf '%s' "$file" && return
	done
	die "no file in $1"
}

# write_profile TARGET ORG MSP-FOLDER: whose certificate and key lie in MSP-FOLDER.
write_profile() {
	local org=$2 address name certificate key
	address=$(first_peer "$org")
	name=$(of "$org" PEER_HOSTNAME)
	certificate=$(only_file "$3/signcerts")
	key=$(only_file "$3/keystore")
	# shellcheck disable=SC2153 # NAME is the chaincode's, from deploy.sh
	cat >"$1.tmp" <<-EOF
		{
		  "endpoint": "$address",
		  "serverName": "${name:-${address%:*}}",
		  "tlsCa": "$(of "$org" TLS_CA)",
		  "mspId": "$(of "$org" MSP_ID)",
		  "certificate": "$certificate",
		  "key": "$key",
		  "channel": "$CHANNEL",
		  "chaincode": "$NAME"
		}
	EOF
	mv "$1.tmp" "$1"
}

# write_profiles FOLDER: profile-<org>-<user>.json of every identity that the environment file
# names, its administrator's always, and profile-<org>.json, the same as its first user's.
write_profiles() {
	local org user file first
	mkdir -p "$1"
	for org in $ORGS; do
		file=$1/profile-$(lower "$org")
		write_profile "$file-admin.json" "$org" "$(of "$org" ADMIN_MSP)"
		first=yes
		for user in $(of "$org" USERS); do
			write_profile "$file-$(lower "$user").json" "$org" "$(of "$org" "${user}_MSP")"
			[ -z "$first" ] || cp "$file-$(lower "$user").json" "$file.json"
			first=""
		done
	done
}

lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }
