#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An Anchorline device in Python.

It signs readings (COSE_Sign1, Ed25519), keeps each one on disk until its receipt was verified, and sends
again what has none. See README.md and docs/devices.md.

    device.py request OWNER/ID CHANNEL
    device.py publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]
"""

import base64
import hashlib
import json
import os
import pathlib
import queue
import sys
import time
import urllib.parse

import cbor2
import paho.mqtt.client as mqtt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key)

EDDSA, SENML_JSON = -8, 110


def encode(value):
    # Shortest heads and sorted keys. cbor2 sorts shorter keys first; no map here has keys for which
    # that differs from RFC 8949. Give it integers: 3.0 would become a float.
    return cbor2.dumps(value, canonical=True)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def write_durably(path, data):
    """Writes a file so that after a power cut it is there as a whole, or the one before is."""
    descriptor = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".tmp", path)
    folder = os.open(".", os.O_RDONLY)  # the new name has to survive too
    os.fsync(folder)
    os.close(folder)


class Key:
    """A device's key, PKCS#8 PEM, made when there is none."""

    def __init__(self, path):
        if not os.path.exists(path):
            made = Ed25519PrivateKey.generate()
            write_durably(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.private = load_pem_private_key(pathlib.Path(path).read_bytes(), None)
        x = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.cose = encode({1: 1, -1: 6, -2: x})
        self.id = hashlib.sha256(self.cose).digest()[:8]

    def sign1(self, header, payload):
        protected = encode(header)
        signature = self.private.sign(encode(["Signature1", protected, b"", payload]))
        return encode(cbor2.CBORTag(18, [protected, {}, payload, signature]))


class Stream:
    """A stream whose receipts are taken: its name and its public key, a COSE_Key in base64url."""

    def __init__(self, name, text):
        self.name, cose = name, from_base64url(text)
        key = cbor2.loads(cose)
        if set(key) != {1, -1, -2} or (key[1], key[-1]) != (1, 6):
            raise SystemExit("the stream's key is no Ed25519 key")
        self.id, self.public = hashlib.sha256(cose).digest()[:8], Ed25519PublicKey.from_public_bytes(key[-2])

    def verify(self, receipt, reading):
        """Raises unless the key signed the root of a tree that holds the reading; says where it is."""
        protected, unprotected, payload, signature = cbor2.loads(receipt).value
        header = cbor2.loads(protected)
        claims = header[15]
        if claims[1] != self.name:
            raise ValueError(f"it is of stream {claims[1]}")
        if header[4] != self.id or (header[1], header[395], payload) != (EDDSA, 1, None):
            raise ValueError(f"it is signed by key {header[4].hex()}, or in a form that is not known")
        [proof] = unprotected[396][-1]
        size, index, path = cbor2.loads(proof)
        root = root_of(size, index, reading, path)
        try:
            self.public.verify(signature, encode(["Signature1", protected, b"", root]))
        except InvalidSignature:
            raise ValueError("the signature does not fit this reading") from None
        return (f"reading {index + 1} of {size} in batch {claims[-70003]} of {claims[1]}, "
                f"transaction {claims[-70005].hex()}")


def root_of(size, index, leaf, path):
    """The root of the tree of RFC 9162 to which a path leads (section 2.1.3.2)."""
    node, fn, sn = hashlib.sha256(b"\0" + leaf).digest(), index, size - 1
    if not 0 <= index < size:
        raise ValueError("it names no leaf of its tree")
    for sibling in path:
        if len(sibling) != 32 or sn == 0:
            raise ValueError("its path does not fit its tree")
        if fn & 1 or fn == sn:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise ValueError("its path does not fit its tree")
    return node


class Device:
    """A device and its memory: the last number that was used, and the readings without a receipt."""

    def __init__(self, name):
        self.name, self.id = name, name.split("/")[1]
        self.key, self.path = Key(self.id + ".key"), self.id + ".state"
        self.last, self.waiting = 0, {}
        if os.path.exists(self.path):
            self.last, self.waiting = cbor2.loads(pathlib.Path(self.path).read_bytes())

    def save(self):
        write_durably(self.path, cbor2.dumps([self.last, self.waiting]))

    def request(self, channel):
        """The line that the operator gives to `anchorline device import`."""
        header = {1: EDDSA, 4: self.key.id, 16: "application/anchorline-possession+cwt"}
        proof = self.key.sign1(header, encode({1: self.name, 3: channel}))
        return json.dumps({"id": self.id, "key": base64url(self.key.cose), "proof": base64url(proof)})

    def measure(self, value):
        """Signs the next reading and stores it with its number in one write, before it can be sent."""
        claims = {1: self.name, 2: self.id, -70001: self.last + 1, -70002: time.time_ns() // 1_000_000}
        header = {1: EDDSA, 3: SENML_JSON, 4: self.key.id, 15: claims, 16: "application/anchorline-reading+cose"}
        payload = json.dumps([{"bn": self.id + ":", "n": "temperature", "u": "Cel", "v": value}]).encode()
        self.last += 1
        self.waiting[self.last] = self.key.sign1(header, payload)
        self.save()

    def take(self, message, stream):
        """Takes one message of receipts, and forgets the readings that they prove."""
        try:
            entries = [(int(sequence), bytes(receipt)) for sequence, receipt in cbor2.loads(message)]
        except Exception as error:  # whatever came over the network, the readings stay
            print(f"receipts refused: {error!r}", file=sys.stderr, flush=True)
            return
        for sequence, receipt in entries:
            if sequence not in self.waiting:
                continue  # proven before
            try:
                place = stream.verify(receipt, self.waiting[sequence])
            except Exception as error:
                print(f"receipt of {sequence} refused: {error!r}", file=sys.stderr, flush=True)
                continue
            del self.waiting[sequence]
            self.save()
            print(f"receipt of {sequence} verified: {place}", flush=True)

    def publish(self, url, stream, seconds):
        """Sends what waits, and says whether all receipts were verified in time."""
        topic, received = "anchorline/v1/" + self.name.replace("/", "/devices/"), queue.Queue()

        def connected(client, *_):
            client.subscribe(topic + "/receipts", qos=1)
            for sequence, reading in list(self.waiting.items()):
                client.publish(topic + "/readings", reading, qos=1)
                print(f"reading {sequence} published", flush=True)

        version = [mqtt.CallbackAPIVersion.VERSION2] if hasattr(mqtt, "CallbackAPIVersion") else []  # paho 2, paho 1
        client = mqtt.Client(*version, client_id="anchorline-device-" + self.name, clean_session=False)
        client.on_connect, client.on_message = connected, lambda _, __, message: received.put(message.payload)
        client.connect_async(url.hostname, url.port or 1883)
        client.loop_start()
        end = time.monotonic() + seconds
        while self.waiting and (left := end - time.monotonic()) > 0:
            try:
                self.take(received.get(timeout=left), stream)
            except queue.Empty:
                break
        client.disconnect()
        client.loop_stop()
        return not self.waiting


def main(command=None, name=None, *args):
    if command == "request" and len(args) == 1:
        print(Device(name).request(*args))
    elif command == "publish" and len(args) in (4, 5):
        url, stream, key, value, seconds = *args[:4], args[4] if args[4:] else "30"
        device, trusted = Device(name), Stream(stream, key)
        device.measure(float(value))
        if not device.publish(urllib.parse.urlparse(url), trusted, float(seconds)):
            raise SystemExit(f"no receipt yet of readings {list(device.waiting)}: kept, and sent again next time")
    else:
        print(__doc__, file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
