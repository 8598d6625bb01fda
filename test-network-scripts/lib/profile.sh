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

# key_of MSP-FOLDER prints the file of the certificate's key: a renewal leaves the key of the old
# certificate in the folder too.
key_of() {
	local key public
	[ "$(find "$1/keystore" -type f | wc -l)" -gt 1 ] || { only_file "$1/keystore" && return; }
	command -v openssl >/dev/null || die "$1/keystore holds several keys; leave the certificate's, or install openssl, which tells them apart"
	public=$(openssl x509 -in "$(only_file "$1/signcerts")" -noout -pubkey)
	for key in "$1"/keystore/*; do
		[ "$(openssl pkey -in "$key" -pubout 2>/dev/null)" != "$public" ] || { printf '%s' "$key" && return; }
	done
	die "$1/keystore holds no key of the certificate in $1/signcerts"
}

# write_profile TARGET ORG MSP-FOLDER: whose certificate and key lie in MSP-FOLDER.
write_profile() {
	local org=$2 address name certificate key
	address=$(first_peer "$org")
	name=$(of "$org" PEER_HOSTNAME)
	certificate=$(only_file "$3/signcerts")
	key=$(key_of "$3")
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
