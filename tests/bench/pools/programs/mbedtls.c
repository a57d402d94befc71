// SPDX-License-Identifier: MIT OR Apache-2.0
// Mbed TLS: devices, some at a time, connect to a server in the same program, send messages and get
// them back. Two know the server by its certificate, the others by a secret that they share with
// it; some resume the session that they had. Whatever is on its way lies in packets.
#include <mbedtls/ecp.h>
#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/x509_crt.h>
#include <string.h>

#include "program.h"

enum {
  DEVICES = 5,
  WITH_CERTIFICATE = 2,
  AT_A_TIME = 4,
  CONNECTIONS = 16,
  CACHED = 4,
  SEGMENT = 536,
  MOST_UNREAD = 8,
  MOST_ROUNDS = 100000
};

struct packet {
  struct packet* next;
  size_t read;
  size_t bytes;
  uint8_t content[];
};

struct device {
  mbedtls_ssl_config config;
  mbedtls_ssl_session session;
  int has_session;
  struct end* end;  // null: not connected
};

// One end of a connection.
struct end {
  mbedtls_ssl_context tls;
  struct end* other;      // null: has closed
  struct device* device;  // null: the server's end
  struct packet *first, *last;
  uint32_t unread;  // packets
  int is_open;
  uint8_t* message;
  uint32_t message_bytes;
  uint32_t sent;
  uint8_t* received;
  uint32_t bytes;  // received
  uint32_t exchanges;
};

static struct device devices[DEVICES];
static struct end* servers[DEVICES];  // the other ends, by device
static mbedtls_ssl_config server;
static mbedtls_ssl_cache_context cache;
static mbedtls_pk_context key;
static mbedtls_x509_crt certificate;
static uint32_t results;
static uint32_t finished;
static uint32_t wrong;

static void must(int result) {
  if (result != 0) wrong++;
}

static int random_bytes(void* unused, unsigned char* to, size_t bytes) {
  (void)unused;
  for (size_t i = 0; i < bytes; i++) to[i] = (uint8_t)random_below(256);
  return 0;
}

// ---- The wire ----

static int send(void* user, const unsigned char* from, size_t bytes) {
  struct end* const to = ((struct end*)user)->other;
  results = digest_of(results, from, bytes);
  if (to == NULL) return (int)bytes;
  for (size_t done = 0; done < bytes;) {
    const size_t part = bytes - done < SEGMENT ? bytes - done : SEGMENT;
    struct packet* const packet = demand(sizeof *packet + part);
    packet->next = NULL;
    packet->read = 0;
    packet->bytes = part;
    memcpy(packet->content, from + done, part);
    if (to->first == NULL) {
      to->first = packet;
    } else {
      to->last->next = packet;
    }
    to->last = packet;
    to->unread++;
    done += part;
  }
  return (int)bytes;
}

static int receive(void* user, unsigned char* to, size_t bytes) {
  struct end* const end = user;
  struct packet* const packet = end->first;
  if (packet == NULL) return MBEDTLS_ERR_SSL_WANT_READ;
  if (bytes > packet->bytes - packet->read) bytes = packet->bytes - packet->read;
  memcpy(to, packet->content + packet->read, bytes);
  packet->read += bytes;
  if (packet->read == packet->bytes) {
    end->first = packet->next;
    end->unread--;
    give_back(packet);
  }
  return (int)bytes;
}

// ---- The ends ----

static struct end* make_end(const mbedtls_ssl_config* config) {
  struct end* const end = demand_zeroed(1, sizeof *end);
  mbedtls_ssl_init(&end->tls);
  must(mbedtls_ssl_setup(&end->tls, config));
  mbedtls_ssl_set_bio(&end->tls, end, send, receive, NULL);
  return end;
}

static void free_end(struct end* end) {
  if (end->other != NULL) end->other->other = NULL;
  while (end->first != NULL) {
    struct packet* const next = end->first->next;
    give_back(end->first);
    end->first = next;
  }
  mbedtls_ssl_free(&end->tls);
  give_back(end->received);
  give_back(end->message);
  give_back(end);
}

static void make_message(struct end* end) {
  end->message_bytes = 20 + random_below(random_below(2) == 0 ? 300 : 6000);
  end->message = demand(end->message_bytes);
  memset(end->message, (int)random_below(256), end->message_bytes);
  memcpy(end->message, &end->message_bytes, 4);
  end->sent = 0;
}

static void connect(uint32_t number) {
  struct device* const device = &devices[number];
  struct end* const end = make_end(&device->config);
  device->end = end;
  end->device = device;
  must(mbedtls_ssl_set_hostname(&end->tls, "server"));
  if (device->has_session && random_below(8) != 0)
    must(mbedtls_ssl_set_session(&end->tls, &device->session));
  end->exchanges = 1 + random_below(4);
  make_message(end);
  servers[number] = make_end(&server);
  servers[number]->other = end;
  end->other = servers[number];
}

static void keep_session(struct end* end) {
  struct device* const device = end->device;
  mbedtls_ssl_session_free(&device->session);
  mbedtls_ssl_session_init(&device->session);
  must(mbedtls_ssl_get_session(&end->tls, &device->session));
  device->has_session = 1;
}

// All of a message has come. Ends with 0 if that was the last.
static int use_message(struct end* end) {
  if (end->device == NULL) {
    end->message = end->received;
    end->message_bytes = end->bytes;
    end->sent = 0;
  } else {
    if (end->bytes != end->message_bytes || memcmp(end->received, end->message, end->bytes) != 0)
      wrong++;
    give_back(end->received);
    give_back(end->message);
    end->message = NULL;
    if (--end->exchanges != 0) make_message(end);
  }
  end->received = NULL;
  end->bytes = 0;
  return end->message != NULL;
}

// As far as it goes now. Ends with 0 if the connection is to be closed.
static int go_on(struct end* end) {
  if (!end->is_open) {
    const int result = mbedtls_ssl_handshake(&end->tls);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) return 1;
    must(result);
    end->is_open = 1;
    if (end->device != NULL) keep_session(end);
  }
  while (end->message != NULL && end->sent < end->message_bytes) {
    if (end->other == NULL || end->other->unread >= MOST_UNREAD) return 1;
    const int result =
        mbedtls_ssl_write(&end->tls, end->message + end->sent, end->message_bytes - end->sent);
    if (result <= 0) return wrong++, 0;
    end->sent += (uint32_t)result;
  }
  if (end->device == NULL) {
    give_back(end->message);
    end->message = NULL;
  }
  for (;;) {
    uint8_t piece[256];
    const int result = mbedtls_ssl_read(&end->tls, piece, sizeof piece);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) return 1;
    if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) return 0;
    if (result <= 0) return wrong++, 0;
    end->received = demand_again(end->received, end->bytes + (uint32_t)result);
    memcpy(end->received + end->bytes, piece, (size_t)result);
    end->bytes += (uint32_t)result;
    uint32_t expected;
    memcpy(&expected, end->received, 4);
    if (end->bytes == expected) return use_message(end);
  }
}

// ---- All of it ----

// The server's certificate.
static void make_certificate(void) {
  mbedtls_pk_init(&key);
  must(mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
  must(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), random_bytes, NULL));

  mbedtls_x509write_cert writer;
  mbedtls_x509write_crt_init(&writer);
  mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_mpi serial;
  mbedtls_mpi_init(&serial);
  must(mbedtls_mpi_lset(&serial, 1));
  must(mbedtls_x509write_crt_set_serial(&writer, &serial));
  mbedtls_mpi_free(&serial);
  must(mbedtls_x509write_crt_set_validity(&writer, "20200101000000", "20500101000000"));
  must(mbedtls_x509write_crt_set_issuer_name(&writer, "CN=server"));
  must(mbedtls_x509write_crt_set_subject_name(&writer, "CN=server"));
  mbedtls_x509write_crt_set_issuer_key(&writer, &key);
  mbedtls_x509write_crt_set_subject_key(&writer, &key);
  mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
  uint8_t text[1024];  // of which it takes the end
  const int bytes = mbedtls_x509write_crt_der(&writer, text, sizeof text, random_bytes, NULL);
  mbedtls_x509write_crt_free(&writer);

  mbedtls_x509_crt_init(&certificate);
  if (bytes <= 0) {
    wrong++;
  } else {
    must(mbedtls_x509_crt_parse_der(&certificate, text + sizeof text - bytes, (size_t)bytes));
  }
}

static void make_config(mbedtls_ssl_config* config, int end) {
  mbedtls_ssl_config_init(config);
  must(mbedtls_ssl_config_defaults(config, end, MBEDTLS_SSL_TRANSPORT_STREAM,
                                   MBEDTLS_SSL_PRESET_DEFAULT));
  mbedtls_ssl_conf_rng(config, random_bytes, NULL);
}

static void share_secret(mbedtls_ssl_config* config) {
  static const uint8_t secret[] = "sixteen letters.", name[] = "device";
  must(mbedtls_ssl_conf_psk(config, secret, sizeof secret - 1, name, sizeof name - 1));
}

static void begin(void) {
  static const int with_secret[] = {MBEDTLS_TLS_PSK_WITH_AES_128_GCM_SHA256, 0};
  static const uint8_t records[] = {MBEDTLS_SSL_MAX_FRAG_LEN_512, MBEDTLS_SSL_MAX_FRAG_LEN_1024,
                                    MBEDTLS_SSL_MAX_FRAG_LEN_2048};
  mbedtls_platform_set_calloc_free(demand_zeroed, give_back);
  make_certificate();
  mbedtls_ssl_cache_init(&cache);
  mbedtls_ssl_cache_set_max_entries(&cache, CACHED);
  make_config(&server, MBEDTLS_SSL_IS_SERVER);
  must(mbedtls_ssl_conf_own_cert(&server, &certificate, &key));
  share_secret(&server);
  mbedtls_ssl_conf_session_cache(&server, &cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
  for (uint32_t i = 0; i < DEVICES; i++) {
    make_config(&devices[i].config, MBEDTLS_SSL_IS_CLIENT);
    if (i < WITH_CERTIFICATE) {
      mbedtls_ssl_conf_ca_chain(&devices[i].config, &certificate, NULL);
    } else {
      mbedtls_ssl_conf_ciphersuites(&devices[i].config, with_secret);
      share_secret(&devices[i].config);
    }
    must(mbedtls_ssl_conf_max_frag_len(&devices[i].config, records[i % sizeof records]));
    mbedtls_ssl_session_init(&devices[i].session);
  }
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  random_begin(seed);
  begin();
  uint32_t begun = 0;
  for (uint32_t round = 0; finished < CONNECTIONS && wrong == 0; round++) {
    if (round == MOST_ROUNDS) return WRONG;
    const uint32_t number = random_below(DEVICES);
    struct device* const device = &devices[number];
    if (device->end == NULL && servers[number] == NULL && begun < CONNECTIONS &&
        begun - finished < AT_A_TIME) {
      connect(number);
      begun++;
    }
    if (device->end != NULL && !go_on(device->end)) {
      must(mbedtls_ssl_close_notify(&device->end->tls));
      free_end(device->end);
      device->end = NULL;
    }
    if (servers[number] != NULL && !go_on(servers[number])) {
      free_end(servers[number]);
      servers[number] = NULL;
      finished++;
    }
  }
  *digest = results;
  return wrong == 0 ? DONE : WRONG;
}
