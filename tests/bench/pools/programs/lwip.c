// SPDX-License-Identifier: MIT OR Apache-2.0
// lwIP: clients, some at a time, send a message each over TCP to a server in the same stack, which
// sends it back when it has all of it.
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <string.h>

#include "program.h"

enum { CLIENTS = 8, MESSAGES = 80, PORT = 7, MOST_ROUNDS = 100000 };

// One end of a connection.
struct end {
  struct tcp_pcb* connection;
  uint8_t* received;
  uint32_t bytes;     // received
  uint32_t expected;  // 0: not known yet
  uint8_t* message;
  uint32_t message_bytes;
  uint32_t sent;
  int is_client;
};

static uint32_t now;
static uint32_t live;
static uint32_t finished;
static uint32_t results;
static uint32_t wrong;

u32_t sys_now(void) {
  return now;
}

static void finish(struct end* end) {
  struct tcp_pcb* const connection = end->connection;
  tcp_arg(connection, NULL);
  tcp_recv(connection, NULL);
  tcp_sent(connection, NULL);
  tcp_err(connection, NULL);
  if (tcp_close(connection) != ERR_OK) wrong++;
  give_back(end->received);
  give_back(end->message);
  give_back(end);
}

// As much as the connection takes now; the rest when that has arrived.
static void send_more(struct end* end) {
  while (end->sent < end->message_bytes) {
    uint32_t bytes = end->message_bytes - end->sent;
    if (bytes > tcp_sndbuf(end->connection)) bytes = tcp_sndbuf(end->connection);
    if (bytes == 0) break;
    const uint8_t* const from = end->message + end->sent;
    if (tcp_write(end->connection, from, (u16_t)bytes, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
    end->sent += bytes;
  }
  tcp_output(end->connection);
}

static err_t on_sent(void* user, struct tcp_pcb* connection, u16_t bytes) {
  (void)connection;
  (void)bytes;
  send_more(user);
  return ERR_OK;
}

static void on_error(void* user, err_t error) {
  (void)user;
  (void)error;
  wrong++;
}

static err_t on_received(void* user, struct tcp_pcb* connection, struct pbuf* packet, err_t error) {
  struct end* const end = user;
  (void)error;
  if (packet == NULL) {  // the other end has closed
    finish(end);
    return ERR_OK;
  }
  end->received = demand_again(end->received, end->bytes + packet->tot_len);
  pbuf_copy_partial(packet, end->received + end->bytes, packet->tot_len, 0);
  end->bytes += packet->tot_len;
  tcp_recved(connection, packet->tot_len);
  pbuf_free(packet);
  if (end->expected == 0 && end->bytes >= 4) memcpy(&end->expected, end->received, 4);
  if (end->expected == 0 || end->bytes < end->expected) return ERR_OK;

  if (end->is_client) {
    if (memcmp(end->received, end->message, end->message_bytes) != 0) wrong++;
    results = digest_of(results, end->received, end->bytes);
    finished++;
    live--;
    finish(end);
  } else {
    end->message = end->received;
    end->message_bytes = end->bytes;
    end->received = NULL;
    send_more(end);
  }
  return ERR_OK;
}

static struct end* make_end(struct tcp_pcb* connection) {
  struct end* const end = demand_zeroed(1, sizeof *end);
  end->connection = connection;
  tcp_arg(connection, end);
  tcp_recv(connection, on_received);
  tcp_sent(connection, on_sent);
  tcp_err(connection, on_error);
  return end;
}

static err_t on_accept(void* unused, struct tcp_pcb* connection, err_t error) {
  (void)unused;
  (void)error;
  make_end(connection);
  return ERR_OK;
}

static err_t on_connected(void* user, struct tcp_pcb* connection, err_t error) {
  (void)connection;
  (void)error;
  send_more(user);
  return ERR_OK;
}

static void begin_client(void) {
  struct end* const end = make_end(tcp_new());
  end->is_client = 1;
  end->message_bytes = 20 + random_below(random_below(2) == 0 ? 300 : 6000);
  end->message = demand(end->message_bytes);
  memset(end->message, (int)random_below(256), end->message_bytes);
  memcpy(end->message, &end->message_bytes, 4);
  live++;
  ip_addr_t here;
  IP_ADDR4(&here, 127, 0, 0, 1);
  if (tcp_connect(end->connection, &here, PORT, on_connected) != ERR_OK) wrong++;
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  random_begin(seed);
  lwip_init();
  struct tcp_pcb* server = tcp_new();
  tcp_bind(server, IP_ANY_TYPE, PORT);
  server = tcp_listen(server);
  tcp_accept(server, on_accept);
  uint32_t begun = 0;
  for (uint32_t round = 0; finished < MESSAGES && wrong == 0; round++) {
    if (round == MOST_ROUNDS) return WRONG;
    if (begun < MESSAGES && live < CLIENTS && random_below(4) == 0) {
      begin_client();
      begun++;
    }
    netif_poll_all();
    now += 10;
    sys_check_timeouts();
  }
  *digest = results;
  return wrong == 0 ? DONE : WRONG;
}
