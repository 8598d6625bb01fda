// SPDX-License-Identifier: Apache-2.0

// An Anchorline device in C, with libmosquitto and OpenSSL 3: what a small device runs. It signs a reading
// (COSE_Sign1, Ed25519), keeps it until its receipt was verified, and sends it again when it has none. One
// reading waits at a time. All memory is static. See README.md and docs/devices.md.
//
//   device request OWNER/ID CHANNEL
//   device publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]

#include <fcntl.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME = 193, READING = 1024, SIGNATURE = 64, HASH = 32, KID = 8, COSE_KEY = 8 + HASH };

static void fail(const char *what) {
  fprintf(stderr, "device: %s\n", what);
  exit(1);
}

// A buffer of CBOR that is written. What does not fit ends the program.
typedef struct {
  size_t length;
  uint8_t data[READING + 256];
} buffer;

static void put(buffer *b, const void *data, size_t n) {
  if (n > sizeof b->data - b->length) fail("reading too long");
  memcpy(b->data + b->length, data, n);
  b->length += n;
}

// The head of an item, in its shortest form.
static void put_head(buffer *b, unsigned major, uint64_t value) {
  unsigned size = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
  unsigned info = size == 0 ? value : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
  uint8_t first = major << 5 | info;
  put(b, &first, 1);
  while (size-- > 0) {
    uint8_t byte = value >> 8 * size;
    put(b, &byte, 1);
  }
}

static void put_int(buffer *b, int64_t v) { put_head(b, v < 0, v < 0 ? -1 - v : v); }
static void put_bytes(buffer *b, const void *data, size_t n) { put_head(b, 2, n), put(b, data, n); }
static void put_text(buffer *b, const char *text) { put_head(b, 3, strlen(text)), put(b, text, strlen(text)); }

// A reader of CBOR. It is broken once anything is not as it was expected.
typedef struct {
  const uint8_t *at, *end;
  bool broken;
} reader;

static uint64_t take_head(reader *r, unsigned major) {
  if (r->broken || r->at == r->end || *r->at >> 5 != major) return r->broken = true, 0;
  uint64_t value = *r->at++ & 31;
  if (value < 24) return value;
  size_t size = value < 28 ? 1u << (value - 24) : 9;
  if (size > 8 || size > (size_t)(r->end - r->at)) return r->broken = true, 0;
  for (value = 0; size > 0; size--) value = value << 8 | *r->at++;
  return value;
}

static reader take_string(reader *r, unsigned major) {
  uint64_t n = take_head(r, major);
  if (r->broken || n > (uint64_t)(r->end - r->at)) return r->broken = true, (reader){.broken = true};
  r->at += n;
  return (reader){r->at - n, r->at, false};
}

// What has only one form is compared as it is.
static void take_exactly(reader *r, const void *data, size_t n) {
  if (r->broken || n > (size_t)(r->end - r->at) || memcmp(r->at, data, n) != 0) r->broken = true;
  else r->at += n;
}

static bool done(reader r) { return !r.broken && r.at == r.end; }

// The device.
static const char *name, *id;
static EVP_PKEY *key;
static uint8_t cose_key[COSE_KEY] = {0xa3, 1, 1, 0x20, 6, 0x21, 0x58, HASH}, kid[HASH];

// Its memory: the last number that was used, and the reading that waits, in one file.
static struct {
  uint64_t last;
  uint32_t length; // of the reading, 0 when none waits
  uint8_t reading[READING];
} state;

// The stream whose receipts it takes.
static const char *stream;
static EVP_PKEY *stream_key;
static uint8_t stream_kid[HASH];

static void make_key(const char *path) {
  EVP_PKEY *made = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  FILE *f = fopen(path, "wx"); // never overwrites a key
  if (!made || !f || PEM_write_PrivateKey(f, made, NULL, NULL, 0, NULL, NULL) != 1 || fflush(f) || fsync(fileno(f)) || fclose(f))
    fail("cannot make a key");
  EVP_PKEY_free(made);
}

static void load_key(bool make) {
  char path[NAME + 8];
  snprintf(path, sizeof path, "%s.key", id);
  if (make && access(path, F_OK) != 0) make_key(path);
  FILE *f = fopen(path, "r");
  key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
  size_t n = HASH;
  if (!key || EVP_PKEY_id(key) != EVP_PKEY_ED25519 || EVP_PKEY_get_raw_public_key(key, cose_key + 8, &n) != 1)
    fail("there is no Ed25519 key: 'device request' makes one");
  fclose(f);
  SHA256(cose_key, COSE_KEY, kid); // its first 8 bytes name the key
}

// What a signature is over (RFC 9052 section 4.4).
static buffer sig_structure(const uint8_t *header, size_t header_length, const uint8_t *payload, size_t length) {
  buffer b = {0};
  put_head(&b, 4, 4), put_text(&b, "Signature1"), put_bytes(&b, header, header_length);
  put_bytes(&b, "", 0), put_bytes(&b, payload, length);
  return b;
}

static buffer sign1(const buffer *header, const void *payload, size_t length) {
  buffer message = {0}, tbs = sig_structure(header->data, header->length, payload, length);
  uint8_t signature[SIGNATURE];
  size_t n = sizeof signature;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, key) != 1 || EVP_DigestSign(c, signature, &n, tbs.data, tbs.length) != 1)
    fail("cannot sign");
  EVP_MD_CTX_free(c);
  put(&message, "\xd2\x84", 2), put_bytes(&message, header->data, header->length), put(&message, "\xa0", 1);
  put_bytes(&message, payload, length), put_bytes(&message, signature, n);
  return message;
}

static void print_base64url(const uint8_t *data, size_t n) {
  char text[4 * (READING + 256) / 3 + 8];
  EVP_EncodeBlock((uint8_t *)text, data, n);
  for (char *c = text; *c && *c != '='; c++) putchar(*c == '+' ? '-' : *c == '/' ? '_' : *c);
}

// Prints the line that the operator gives to `anchorline device import`.
static int request(const char *channel) {
  buffer header = {0}, claims = {0};
  put_head(&header, 5, 3), put_int(&header, 1), put_int(&header, -8), put_int(&header, 4), put_bytes(&header, kid, KID);
  put_int(&header, 16), put_text(&header, "application/anchorline-possession+cwt");
  put_head(&claims, 5, 2), put_int(&claims, 1), put_text(&claims, name), put_int(&claims, 3), put_text(&claims, channel);
  buffer proof = sign1(&header, claims.data, claims.length);
  printf("{\"id\":\"%s\",\"key\":\"", id), print_base64url(cose_key, COSE_KEY);
  printf("\",\"proof\":\""), print_base64url(proof.data, proof.length), printf("\"}\n");
  return 0;
}

static void load_state(void) {
  char path[NAME + 8];
  snprintf(path, sizeof path, "%s.state", id);
  FILE *f = fopen(path, "rb");
  if (!f) return; // the first reading
  if (fread(&state, sizeof state, 1, f) != 1 || state.length > READING) fail("the state is damaged: register under another id");
  fclose(f);
}

// After a power cut the file is there as a whole, or the one before is.
static void save_state(void) {
  char path[NAME + 8], next[NAME + 8];
  snprintf(path, sizeof path, "%s.state", id), snprintf(next, sizeof next, "%s.next", id);
  FILE *f = fopen(next, "wb");
  if (!f || fwrite(&state, sizeof state, 1, f) != 1 || fflush(f) || fsync(fileno(f)) || fclose(f) || rename(next, path))
    fail("cannot store the state");
  int folder = open(".", O_RDONLY);
  if (folder < 0 || fsync(folder) || close(folder)) fail("cannot store the state");
}

// Signs the next reading and stores it with its number in one write, before anybody can send it.
static void measure(double value) {
  char payload[NAME + 80];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(payload, sizeof payload, "[{\"bn\":\"%s:\",\"n\":\"temperature\",\"u\":\"Cel\",\"v\":%g}]", id, value);
  buffer h = {0};
  put_head(&h, 5, 5), put_int(&h, 1), put_int(&h, -8), put_int(&h, 3), put_int(&h, 110), put_int(&h, 4), put_bytes(&h, kid, KID);
  put_int(&h, 15), put_head(&h, 5, 4), put_int(&h, 1), put_text(&h, name), put_int(&h, 2), put_text(&h, id);
  put_int(&h, -70001), put_int(&h, state.last + 1);
  put_int(&h, -70002), put_int(&h, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  put_int(&h, 16), put_text(&h, "application/anchorline-reading+cose");
  buffer reading = sign1(&h, payload, length);
  if (reading.length > READING) fail("reading too long");
  state.last++, state.length = reading.length;
  memcpy(state.reading, reading.data, reading.length);
  save_state();
}

static void hash(uint8_t out[HASH], uint8_t prefix, const void *a, size_t a_length, const void *b, size_t b_length) {
  buffer all = {0};
  put(&all, &prefix, 1), put(&all, a, a_length), put(&all, b, b_length);
  SHA256(all.data, all.length, out);
}

// The root of the tree of RFC 9162 to which the path in p leads (section 2.1.3.2).
static void root_of(uint64_t size, uint64_t index, reader *p, uint8_t node[HASH]) {
  uint64_t left = take_head(p, 4), fn = index, sn = size - 1;
  if (index >= size) p->broken = true;
  for (; left > 0 && !p->broken; left--) {
    reader sibling = take_string(p, 2);
    if (sn == 0 || sibling.broken || sibling.end - sibling.at != HASH) {
      p->broken = true;
      return;
    }
    if (fn & 1 || fn == sn) {
      hash(node, 1, sibling.at, HASH, node, HASH);
      for (; fn && !(fn & 1); fn >>= 1) sn >>= 1;
    } else {
      hash(node, 1, node, HASH, sibling.at, HASH);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) p->broken = true;
}

// Whether the stream's key signed the root of a tree that holds the reading that waits; says where it is.
static bool verify(reader receipt) {
  take_exactly(&receipt, "\xd2\x84", 2);
  reader header = take_string(&receipt, 2), claims = header;
  take_exactly(&receipt, "\xa1\x19\x01\x8c\xa1\x20\x81", 7);
  reader proof = take_string(&receipt, 2);
  take_exactly(&receipt, "\xf6", 1);
  reader signature = take_string(&receipt, 2);
  if (!done(receipt) || header.end - header.at > READING) return false;

  take_exactly(&claims, "\xa4\x01\x27\x04\x48", 5), take_exactly(&claims, stream_kid, KID); // EdDSA and the key
  take_exactly(&claims, "\x0f\xa6\x01", 3);
  reader issuer = take_string(&claims, 3);
  take_exactly(&issuer, stream, strlen(stream));
  take_exactly(&claims, "\x02", 1), take_string(&claims, 3);
  take_exactly(&claims, "\x3a\x00\x01\x11\x72", 5);
  uint64_t number = take_head(&claims, 0);
  take_exactly(&claims, "\x3a\x00\x01\x11\x73", 5), take_string(&claims, 2);
  take_exactly(&claims, "\x3a\x00\x01\x11\x74", 5);
  reader transaction = take_string(&claims, 2);
  take_exactly(&claims, "\x3a\x00\x01\x11\x76", 5), take_head(&claims, 0);
  take_exactly(&claims, "\x19\x01\x8b\x01", 4); // the tree is that of RFC 9162
  if (!done(claims) || !done(issuer)) return false;

  uint8_t node[HASH];
  hash(node, 0, state.reading, state.length, NULL, 0);
  take_exactly(&proof, "\x83", 1);
  uint64_t size = take_head(&proof, 0), index = take_head(&proof, 0);
  root_of(size, index, &proof, node);
  if (!done(proof)) return false;

  buffer tbs = sig_structure(header.at, header.end - header.at, node, HASH);
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  bool good = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, stream_key) == 1 &&
              EVP_DigestVerify(c, signature.at, signature.end - signature.at, tbs.data, tbs.length) == 1;
  EVP_MD_CTX_free(c);
  if (!good) return false;
  printf("receipt of %" PRIu64 " verified: reading %" PRIu64 " of %" PRIu64 " in batch %" PRIu64 " of %s, transaction ",
         state.last, index + 1, size, number, stream);
  for (; transaction.at < transaction.end; transaction.at++) printf("%02x", *transaction.at);
  putchar('\n');
  return true;
}

// Takes one message of receipts, [[sequence, receipt], …], and forgets the reading that one proves.
static void take(struct mosquitto *m, void *context, const struct mosquitto_message *message) {
  (void)m, (void)context;
  reader r = {message->payload, (uint8_t *)message->payload + message->payloadlen, false};
  for (uint64_t left = take_head(&r, 4); left > 0 && !r.broken; left--) {
    take_exactly(&r, "\x82", 1);
    uint64_t sequence = take_head(&r, 0);
    reader receipt = take_string(&r, 2);
    if (r.broken || state.length == 0 || sequence != state.last) continue; // proven before
    if (!verify(receipt)) {
      fprintf(stderr, "receipt of %" PRIu64 " refused: the stream's key did not sign it for this reading\n", sequence);
      continue;
    }
    state.length = 0;
    save_state();
  }
  if (r.broken) fprintf(stderr, "receipts refused: not in the form that they have\n");
}

static char receipts[2 * NAME], readings[2 * NAME];

static void send_again(struct mosquitto *m) {
  if (mosquitto_publish(m, NULL, readings, state.length, state.reading, 1, false) == MOSQ_ERR_SUCCESS)
    printf("reading %" PRIu64 " published\n", state.last), fflush(stdout);
}

static void connected(struct mosquitto *m, void *context, int refused) {
  (void)context;
  if (refused) return (void)fprintf(stderr, "the broker refuses: %s\n", mosquitto_connack_string(refused));
  mosquitto_subscribe(m, NULL, receipts, 1);
  if (state.length > 0) send_again(m);
}

// Runs the connection until the reading that waits has its receipt; says whether it has.
static bool wait_for_receipt(struct mosquitto *m, time_t until) {
  while (state.length > 0 && time(NULL) < until) {
    if (mosquitto_loop(m, 200, 1) == MOSQ_ERR_SUCCESS) continue;
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    mosquitto_reconnect(m);
  }
  return state.length == 0;
}

static void load_stream(const char *text) {
  uint8_t cose[COSE_KEY + 8];
  char standard[64] = "";
  if (strlen(text) != 54) fail("the stream's key is no Ed25519 key");
  for (size_t i = 0; i < 54; i++) standard[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
  memcpy(standard + 54, "==", 3);
  if (EVP_DecodeBlock(cose, (uint8_t *)standard, 56) < 0 || memcmp(cose, cose_key, 8) != 0) fail("the stream's key is no Ed25519 key");
  SHA256(cose, COSE_KEY, stream_kid);
  stream_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, cose + 8, HASH);
}

static int publish(char *url, double value, int seconds) {
  char client[NAME + 20], *slash = strchr(name, '/'), *host = strncmp(url, "mqtt://", 7) ? url : url + 7, *port = strrchr(host, ':');
  snprintf(receipts, sizeof receipts, "anchorline/v1/%.*s/devices/%s/receipts", (int)(slash - name), name, id);
  snprintf(readings, sizeof readings, "anchorline/v1/%.*s/devices/%s/readings", (int)(slash - name), name, id);
  snprintf(client, sizeof client, "anchorline-device-%s", name);
  if (port) *port++ = 0;
  load_state();
  bool before = state.length > 0; // a reading of before waits, and comes first
  if (!before) measure(value);
  mosquitto_lib_init();
  struct mosquitto *m = mosquitto_new(client, false, NULL);
  if (!m) fail("out of memory");
  mosquitto_connect_callback_set(m, connected), mosquitto_message_callback_set(m, take);
  mosquitto_connect(m, host, port ? atoi(port) : 1883, 60);
  time_t until = time(NULL) + seconds;
  bool proven = wait_for_receipt(m, until);
  if (proven && before) {
    measure(value), send_again(m);
    proven = wait_for_receipt(m, until);
  }
  if (!proven) fprintf(stderr, "no receipt yet of reading %" PRIu64 ": kept, and sent again next time\n", state.last);
  mosquitto_disconnect(m), mosquitto_loop(m, 200, 1), mosquitto_destroy(m), mosquitto_lib_cleanup();
  return !proven;
}

int main(int n, char **args) {
  name = n > 2 ? args[2] : "";
  id = strchr(name, '/') ? strchr(name, '/') + 1 : NULL;
  bool known = n > 1 && id && strlen(name) <= NAME && (strcmp(args[1], "request") ? strcmp(args[1], "publish") == 0 && (n == 7 || n == 8) : n == 4);
  if (!known) return fprintf(stderr, "usage: device request OWNER/ID CHANNEL\n       device publish OWNER/ID BROKER-URL STREAM STREAM-KEY VALUE [SECONDS]\n"), 2;
  umask(077);
  load_key(args[1][0] == 'r');
  if (args[1][0] == 'r') return request(args[3]);
  stream = args[4];
  load_stream(args[5]);
  return publish(args[3], atof(args[6]), n == 8 ? atoi(args[7]) : 30);
}
