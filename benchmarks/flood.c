/* An abusive client: sends bytes over HTTP/2 connections as fast as the server takes them, and opens
 * a connection anew as soon as the server has ended one.
 *
 *     flood PORT OPENING REPEATED STEP MOST AFTER CONNECTIONS SECONDS
 *
 * OPENING and REPEATED are files of bytes. Each connection sends OPENING once, and then REPEATED, at
 * most MOST times where that is not negative. REPEATED is whole frames, and with each repetition STEP
 * is added to the number of every stream in it but 0. What comes then is AFTER: `hold` keeps the
 * connection until the server ends it, `leave` ends it at once; `deaf` is `hold` without reading what
 * the server sends. PORT 0 stands for a socket of this process that is read by nobody else, so that
 * the same work is done, and no server is troubled.
 *
 * Prints how many connections were opened, how many bytes were sent, and how often the server ended
 * a connection. It keeps its core busy. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, HEAD = 9 };

struct bytes {
  uint8_t *data;
  size_t size;
};

struct connection {
  int fd;
  size_t opened; /* how much of OPENING is sent */
  size_t filled, sent;
  long repeated;
  uint32_t added;
  uint8_t *out;
};

static struct bytes opening, repeated;
static uint32_t step;
static long most;
static int leaves, listens = 1, port, listener;
static size_t chunk_repeats;
static long opened, sent_bytes, ended;

static void fail(const char *what) {
  perror(what);
  exit(EXIT_FAILURE);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct bytes contents(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path);
  fseek(file, 0, SEEK_END);
  struct bytes read = {NULL, (size_t)ftell(file)};
  rewind(file);
  read.data = malloc(read.size + 1);
  if (fread(read.data, 1, read.size, file) != read.size) fail(path);
  fclose(file);
  return read;
}

static void swallow(void) {
  static uint8_t taken[CHUNK];
  static int sink = -1;
  if (sink < 0) sink = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  while (recv(sink, taken, sizeof taken, 0) > 0) {
  }
}

static void open_connection(struct connection *connection) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connection->fd < 0) fail("socket");
  int yes = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  /* Reset when closed, so that ports are free at once. */
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
    fail("connect");
  connection->opened = connection->filled = connection->sent = 0;
  connection->repeated = 0;
  connection->added = 0;
  opened++;
}

static void close_connection(struct connection *connection) {
  close(connection->fd);
  connection->fd = -1;
}

/* Writes as many repetitions as a chunk holds, the streams' numbers counted on. */
static void fill(struct connection *connection) {
  size_t count = chunk_repeats;
  if (most >= 0 && (long)count > most - connection->repeated) count = (size_t)(most - connection->repeated);
  connection->filled = count * repeated.size;
  connection->sent = 0;
  for (size_t i = 0; i < count; i++) {
    uint8_t *start = connection->out + i * repeated.size;
    memcpy(start, repeated.data, repeated.size);
    if (step == 0) continue;
    for (size_t at = 0; at + HEAD <= repeated.size;) {
      uint8_t *frame = start + at;
      uint32_t stream;
      memcpy(&stream, frame + 5, sizeof stream);
      if (stream != 0) {
        stream = htonl(ntohl(stream) + connection->added);
        memcpy(frame + 5, &stream, sizeof stream);
      }
      at += HEAD + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);
    }
    connection->added += step;
  }
  connection->repeated += (long)count;
}

/* 1 where the socket took all, 0 where it takes no more now, -1 where the connection is over. */
static int send_from(struct connection *connection, const uint8_t *data, size_t size, size_t *done) {
  while (*done < size) {
    ssize_t sent = send(connection->fd, data + *done, size - *done, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
    *done += (size_t)sent;
    sent_bytes += sent;
  }
  return 1;
}

/* Sends what there is to send now; 1 where all has been sent that a connection sends. */
static int advance(struct connection *connection) {
  int went = send_from(connection, opening.data, opening.size, &connection->opened);
  if (went <= 0) return went;
  if (connection->sent == connection->filled) {
    if (repeated.size == 0 || (most >= 0 && connection->repeated >= most)) return 1;
    fill(connection);
  }
  went = send_from(connection, connection->out, connection->filled, &connection->sent);
  return went < 0 ? -1 : 0;
}

/* Whether the server has ended the connection. */
static int is_over(struct connection *connection) {
  static uint8_t taken[CHUNK];
  ssize_t size = recv(connection->fd, taken, sizeof taken, listens ? 0 : MSG_PEEK);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != ENOTCONN);
}

static void listen_here(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
}

int main(int argc, char **argv) {
  if (argc != 9) {
    fprintf(stderr, "%s: see the head of its source for the arguments\n", argv[0]);
    return EXIT_FAILURE;
  }
  port = atoi(argv[1]);
  opening = contents(argv[2]);
  repeated = contents(argv[3]);
  step = (uint32_t)atol(argv[4]);
  most = atol(argv[5]);
  leaves = strcmp(argv[6], "leave") == 0;
  listens = strcmp(argv[6], "deaf") != 0;
  int count = atoi(argv[7]), to_itself = port == 0;
  double end_s = now_s() + atof(argv[8]);
  chunk_repeats = repeated.size == 0 || repeated.size >= CHUNK ? 1 : CHUNK / repeated.size;
  if (to_itself) listen_here();

  struct connection *connections = calloc((size_t)count, sizeof *connections);
  for (int i = 0; i < count; i++) {
    connections[i].out = malloc(chunk_repeats * repeated.size + 1);
    open_connection(&connections[i]);
  }
  while (now_s() < end_s) {
    for (int i = 0; i < count; i++) {
      struct connection *each = &connections[i];
      int went = advance(each);
      if (to_itself) swallow();
      if (went < 0 || is_over(each)) {
        ended++;
        went = -1;
      }
      if (went < 0 || (went > 0 && leaves)) {
        close_connection(each);
        open_connection(each);
      }
    }
  }
  printf("%ld %ld %ld\n", opened, sent_bytes, ended);
  return EXIT_SUCCESS;
}
