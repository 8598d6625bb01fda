#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An Anchorline device in bash. openssl signs readings (COSE_Sign1, Ed25519), mosquitto's clients carry
# them. Each is kept on disk until its receipt was verified; what has none is sent again.
# See README.md and docs/devices.md.
#
#   device.sh request OWNER/ID CHANNEL
#   device.sh publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]
set -euo pipefail
umask 077

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Everything below is in hexadecimal until it is signed, hashed or sent.
hex() { xxd -p | tr -d '\n'; }
bytes() { xxd -r -p; }
sha256() { printf %s "$1" | bytes | sha256sum | cut -c1-64; }
base64url() { bytes | base64 -w0 | tr +/ -_ | tr -d =; }
from_base64url() { local t; t=$(tr -- -_ +/); while ((${#t} % 4)); do t+='='; done; printf %s "$t" | base64 -d | hex; }

# head MAJOR VALUE is the head of a CBOR item, in its shortest form.
head_of() {
  local major=$(($1 << 5)) value=$2
  if ((value < 24)); then printf %02x $((major | value))
  elif ((value < 0x100)); then printf %02x%02x $((major | 24)) "$value"
  elif ((value < 0x10000)); then printf %02x%04x $((major | 25)) "$value"
  elif ((value < 0x100000000)); then printf %02x%08x $((major | 26)) "$value"
  else printf %02x%016x $((major | 27)) "$value"; fi
}
bstr() { head_of 2 $((${#1} / 2)); printf %s "$1"; }
text() { local t; t=$(printf %s "$1" | hex); head_of 3 $((${#t} / 2)); printf %s "$t"; }

# sig_structure PROTECTED PAYLOAD is what a signature is over (RFC 9052 section 4.4).
sig_structure() { printf 84; text Signature1; bstr "$1"; printf 40; bstr "$2"; }

# sign1 PROTECTED PAYLOAD is a signed message.
sign1() {
  sig_structure "$1" "$2" | bytes >"$work/tbs"
  printf d284; bstr "$1"; printf a0; bstr "$2"
  bstr "$(openssl pkeyutl -sign -rawin -inkey "$id.key" -in "$work/tbs" | hex)"
}

load_key() {
  cose_key=a301012006215820$(openssl pkey -in "$id.key" -pubout -outform DER | tail -c 32 | hex)
  kid=$(sha256 "$cose_key" | cut -c1-16)
}

request() { # CHANNEL
  if [[ ! -e $id.key ]]; then
    openssl genpkey -algorithm ed25519 -out "$id.key.tmp"
    sync "$id.key.tmp"; mv "$id.key.tmp" "$id.key"; sync .
  fi
  load_key
  local header proof
  header=a301270448${kid}10$(text application/anchorline-possession+cwt)
  proof=$(sign1 "$header" "a201$(text "$name")03$(text "$1")")
  printf '{"id":"%s","key":"%s","proof":"%s"}\n' "$id" "$(printf %s "$cose_key" | base64url)" "$(printf %s "$proof" | base64url)"
}

# measure VALUE signs the next reading and stores it under its number, before anybody can send it. The
# highest number in the folder is the last that was used: never remove that file.
measure() {
  local last=0 n file claims header payload
  mkdir -p "$outbox"
  for file in "$outbox"/*.cose; do
    n=$(basename "$file" .cose)
    [[ -e $file ]] && ((n > last)) && last=$n
  done
  n=$((last + 1))
  claims=a401$(text "$name")02$(text "$id")3a00011170$(head_of 0 $n)3a00011171$(head_of 0 "$(date +%s%3N)")
  header=a5012703186e0448${kid}0f${claims}10$(text application/anchorline-reading+cose)
  payload=$(printf '[{"bn":"%s:","n":"temperature","u":"Cel","v":%s}]' "$id" "$1" | hex)
  sign1 "$header" "$payload" | bytes >"$outbox/next"
  sync "$outbox/next"; mv "$outbox/next" "$outbox/$n.cose"; sync "$outbox"
}

# The parser goes through $in and stands at $at; a receipt has one encoding, so much of it is compared as is.
# take_head reads the head of an item that must be of a major type, into $value.
take_head() {
  ((at + 2 <= ${#in})) || return 1
  local first=$((16#${in:at:2})) size
  at=$((at + 2)) value=$((first & 31))
  ((first >> 5 == $1 && value < 28)) || return 1
  ((value < 24)) && return
  size=$((2 << (value - 24)))
  ((at + size <= ${#in})) || return 1
  value=$((16#${in:at:size})) at=$((at + size))
  ((value >= 0 && value < 1 << 53))
}
# take_string reads a string of a major type into $string.
take_string() { take_head "$1" && string=${in:at:2*value} && at=$((at + 2 * value)) && ((at <= ${#in})); }
# take_exactly reads what has only one form.
take_exactly() { [[ ${in:at:${#1}} == "$1" ]] && at=$((at + ${#1})); }
at_end() { ((at == ${#in})); }

# root_of SIZE INDEX HASH reads a path and prints the root to which it leads (RFC 9162 section 2.1.3.2).
root_of() {
  local fn=$2 sn=$(($1 - 1)) node=$3 left
  (($2 < $1)) && take_head 4 || return 1
  for ((left = value; left > 0; left--)); do
    ((sn > 0)) && take_string 2 && ((value == 32)) || return 1
    if ((fn & 1 || fn == sn)); then
      node=$(sha256 "01$string$node")
      while ((fn > 0 && !(fn & 1))); do fn=$((fn >> 1)) sn=$((sn >> 1)); done
    else
      node=$(sha256 "01$node$string")
    fi
    fn=$((fn >> 1)) sn=$((sn >> 1))
  done
  ((sn == 0)) && at_end && printf %s "$node"
}

# take_claims reads a receipt's protected header: EdDSA, the key and the name of our stream, and what it says.
take_claims() {
  take_exactly "a401270448${stream_kid}0fa601$(text "$stream")02" && take_string 3 &&
    take_exactly 3a00011172 && take_head 0 && number=$value &&
    take_exactly 3a00011173 && take_string 2 &&
    take_exactly 3a00011174 && take_string 2 && transaction=$string &&
    take_exactly 3a00011176 && take_head 0 && take_exactly 19018b01 && at_end
}

# verify RECEIPT READING succeeds if the stream's key signed the root of a tree that holds the reading, and
# prints where.
verify() {
  local in=$1 at=0 value string protected proof signature size index root number transaction
  take_exactly d284 && take_string 2 && protected=$string && take_exactly a119018ca12081 &&
    take_string 2 && proof=$string && take_exactly f6 && take_string 2 && signature=$string && at_end || return 1
  in=$protected at=0
  take_claims || return 1
  in=$proof at=0
  take_exactly 83 && take_head 0 && size=$value && take_head 0 && index=$value || return 1
  root=$(root_of "$size" "$index" "$(sha256 "00$2")") || return 1
  sig_structure "$protected" "$root" | bytes >"$work/tbs"
  printf %s "$signature" | bytes >"$work/signature"
  openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$work/stream.der" \
    -sigfile "$work/signature" -in "$work/tbs" >"$work/openssl" 2>&1 || return 1
  printf 'reading %d of %d in batch %d of %s, transaction %s' $((index + 1)) "$size" "$number" "$stream" "$transaction"
}

# take MESSAGE goes through [[sequence, receipt], …].
take() {
  local in=$1 at=0 value string left n place
  take_head 4 || return 1
  for ((left = value; left > 0; left--)); do
    take_exactly 82 && take_head 0 && n=$value && take_string 2 || return 1
    [[ -e $outbox/$n.cose && ! -e $outbox/$n.receipt ]] || continue # not ours, or proven before
    if place=$(verify "$string" "$(hex <"$outbox/$n.cose")"); then
      printf %s "$string" | bytes >"$outbox/next"
      sync "$outbox/next"; mv "$outbox/next" "$outbox/$n.receipt"; sync "$outbox"
      echo "receipt of $n verified: $place"
    else
      echo "receipt of $n refused: the stream's key did not sign it for this reading" >&2
    fi
  done
}

waiting() { # the numbers without a receipt, in order
  local file
  for file in "$outbox"/*.cose; do
    [[ -e ${file%.cose}.receipt ]] || basename "$file" .cose
  done | sort -n
}

publish() { # BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]
  local address=${1#mqtt://} key topic n end message
  stream=$2 key=$(printf %s "$3" | from_base64url)
  [[ $key =~ ^a301012006215820[0-9a-f]{64}$ ]] || { echo "the stream's key is no Ed25519 key" >&2; return 1; }
  [[ $4 =~ ^-?[0-9]+(\.[0-9]+)?$ ]] || { echo "$4 is no number" >&2; return 1; }
  stream_kid=$(sha256 "$key" | cut -c1-16)
  printf %s "302a300506032b6570032100${key:16}" | bytes >"$work/stream.der"
  load_key
  measure "$4"
  topic=anchorline/v1/${name/\//\/devices\/} end=$((SECONDS + ${5:-30}))
  local receipts=(mosquitto_sub -h "${address%:*}" -p "${address##*:}" -i "anchorline-device-$name" -c -q 1 -t "$topic/receipts")
  # A session of its own keeps the receipts that come between two connections.
  if "${receipts[@]}" -E; then
    for n in $(waiting); do
      mosquitto_pub -h "${address%:*}" -p "${address##*:}" -q 1 -t "$topic/readings" -f "$outbox/$n.cose"
      echo "reading $n published"
    done
    while [[ -n $(waiting) ]] && ((SECONDS < end)); do
      message=$("${receipts[@]}" -C 1 -W $((end - SECONDS)) -F %x) || break
      take "$message" || echo "receipts refused: not in the form that they have" >&2
    done
  fi
  [[ -z $(waiting) ]] && return
  echo "no receipt yet of readings $(waiting | paste -sd ' '): kept, and sent again next time" >&2
  return 1
}

name=${2:-} id=${name#*/} outbox=${name#*/}.outbox
case ${1:-}/$# in
request/3) request "$3" ;;
publish/6 | publish/7) publish "${@:3}" ;;
*) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
esac
