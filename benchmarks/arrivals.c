/* Calls one gRPC method over HTTP/2 in plain text, and checks every answer: its grpc-status, and its
 * messages byte for byte.
 *
 *     arrivals [--asleep] [--many] PORT PATH REQUEST REPLY CONNECTIONS STREAMS CALLS RATE [NAME VALUE]...
 *
 * REQUEST and REPLY are files of framed messages. With --many, each message is a call by itself with
 * the answer in the same place, and calls ask for them in turn. With a RATE, calls begin at random instants, that
 * many a second on average (a Poisson process), on the connections in turn; a call's time counts
 * from the instant at which it was to begin, so that a generator or a server that falls behind shows.
 * With RATE 0, each connection has STREAMS calls open all the time. NAME VALUE pairs are metadata.
 *
 * Prints the seconds in all, and the 50th, 99th and 99.9th percentile and the maximum of a call's time
 * in nanoseconds. It keeps its core busy, but with --asleep, which leaves the core to others until a
 * call is to begin or an answer comes. Exit code 1 and a line on standard error tell of an answer
 * that was not as it must be. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, WINDOW = 1 << 30, EVENTS = 64 };

struct bytes {
  uint8_t *data;
  size_t size;
};

struct call {
  int64_t due_ns;
  size_t at, sent, received; /* which request and answer; octets of them */
  int status; /* -1 until grpc-status has come */
  char message[128];
};

struct connection {
  int fd;
  int open;
  size_t filled, sent;
  nghttp2_session *session;
  uint8_t out[CHUNK];
};

static const int64_t SILENCE_NS = INT64_C(10000000000);
static struct bytes *requests, *replies;
static size_t different;
static nghttp2_nv *headers;
static size_t header_count;
static long begun, finished, calls;
static int64_t *times_ns;

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s: %s\n", what, detail);
  exit(EXIT_FAILURE);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct bytes contents(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail(path, strerror(errno));
  fseek(file, 0, SEEK_END);
  struct bytes read = {NULL, (size_t)ftell(file)};
  rewind(file);
  read.data = malloc(read.size + 1);
  if (fread(read.data, 1, read.size, file) != read.size) fail(path, "cannot be read");
  fclose(file);
  return read;
}

/* The framed messages of a file, or all of it as one. */
static size_t split(struct bytes whole, int many, struct bytes **parts) {
  size_t count = 0, at = 0;
  *parts = malloc((whole.size / 5 + 1) * sizeof **parts);
  while (many && at + 5 <= whole.size) {
    uint32_t size;
    memcpy(&size, whole.data + at + 1, sizeof size);
    (*parts)[count] = (struct bytes){whole.data + at, 5 + ntohl(size)};
    at += (*parts)[count++].size;
  }
  if (!many) (*parts)[count++] = whole;
  else if (count == 0 || at != whole.size) fail("a file", "is not of framed messages");
  return count;
}

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size,
                       uint32_t *flags, nghttp2_data_source *source, void *user) {
  (void)session, (void)stream, (void)user;
  struct call *call = source->ptr;
  struct bytes request = requests[call->at];
  size_t left = request.size - call->sent;
  if (size > left) size = left;
  memcpy(buffer, request.data + call->sent, size);
  call->sent += size;
  if (call->sent == request.size) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)size;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t size, uint8_t flags, void *user) {
  (void)flags, (void)user;
  struct call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (call == NULL) return 0;
  if (name_size == 11 && memcmp(name, "grpc-status", 11) == 0) call->status = atoi((const char *)value);
  if (name_size == 12 && memcmp(name, "grpc-message", 12) == 0)
    snprintf(call->message, sizeof call->message, "%.*s", (int)size, (const char *)value);
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t size, void *user) {
  (void)flags, (void)user;
  struct call *call = nghttp2_session_get_stream_user_data(session, stream);
  struct bytes reply = replies[call->at];
  if (call->received + size > reply.size || memcmp(reply.data + call->received, data, size) != 0)
    fail("an answer", "its message is another than it must be");
  call->received += size;
  return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user) {
  struct connection *connection = user;
  struct call *call = nghttp2_session_get_stream_user_data(session, stream);
  if (code != NGHTTP2_NO_ERROR && call->status != 0) fail("a stream was reset", nghttp2_http2_strerror(code));
  if (call->status != 0) {
    char text[192];
    snprintf(text, sizeof text, "grpc-status %d %s", call->status, call->message);
    fail("an answer", text);
  }
  if (call->received != replies[call->at].size) fail("an answer", "it is shorter than it must be");
  times_ns[finished++] = now_ns() - call->due_ns;
  connection->open--;
  free(call);
  return 0;
}

static void begin(struct connection *connection, int64_t due_ns) {
  struct call *call = calloc(1, sizeof *call);
  call->due_ns = due_ns;
  call->at = (size_t)begun % different;
  call->status = -1;
  nghttp2_data_provider body = {.source.ptr = call, .read_callback = on_read};
  if (nghttp2_submit_request(connection->session, NULL, headers, header_count, &body, call) < 0)
    fail("a request", "cannot be made");
  connection->open++;
  begun++;
}

/* Sends what is ready, many frames at once; what the socket does not take waits. */
static void flush(struct connection *connection) {
  for (;;) {
    while (connection->sent < connection->filled) {
      ssize_t size = send(connection->fd, connection->out + connection->sent,
                          connection->filled - connection->sent, MSG_NOSIGNAL);
      if (size < 0 && errno == EAGAIN) return;
      if (size < 0) fail("send", strerror(errno));
      connection->sent += (size_t)size;
    }
    connection->sent = connection->filled = 0;
    const uint8_t *data;
    ssize_t size = 0;
    /* A frame is at most 16 KiB and its head, so that one more always fits. */
    while (connection->filled + CHUNK / 2 <= CHUNK &&
           (size = nghttp2_session_mem_send(connection->session, &data)) > 0) {
      memcpy(connection->out + connection->filled, data, (size_t)size);
      connection->filled += (size_t)size;
    }
    if (size < 0) fail("HTTP/2", nghttp2_strerror((int)size));
    if (connection->filled == 0) return;
  }
}

static void receive(struct connection *connection) {
  static uint8_t buffer[CHUNK];
  ssize_t size;
  while ((size = recv(connection->fd, buffer, sizeof buffer, 0)) > 0) {
    ssize_t used = nghttp2_session_mem_recv(connection->session, buffer, (size_t)size);
    if (used < 0) fail("HTTP/2", nghttp2_strerror((int)used));
    if (size < (ssize_t)sizeof buffer) break;
  }
  if (size == 0) fail("a connection", "was closed");
  if (size < 0 && errno != EAGAIN) fail("recv", strerror(errno));
}

static void open_connection(struct connection *connection, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connect", strerror(errno));
  int yes = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_client_new(&connection->session, callbacks, connection);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW};
  nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &settings, 1);
  nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
  flush(connection);
}

/* The time to the next arrival, by a xorshift generator with a fixed seed. */
static int64_t gap_ns(double rate) {
  static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  double uniform = ((double)(state >> 11) + 1) / 9007199254740993.0;
  return (int64_t)(-log(uniform) / rate * 1e9);
}

/* Waits for answers; with a rate, not beyond the instant at which the next call is to begin. */
static int await(int poller, struct epoll_event *events, double rate, int asleep, int64_t due) {
  if (rate == 0) return epoll_wait(poller, events, EVENTS, 100);
  int64_t left = begun < calls ? due - now_ns() : INT64_C(100000000);
  if (!asleep || left < 0) left = 0;
  struct timespec most = {left / INT64_C(1000000000), left % INT64_C(1000000000)};
  return epoll_pwait2(poller, events, EVENTS, &most, NULL);
}

static int ascending(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static int64_t percentile(double share) { return times_ns[(long)(share * (double)(calls - 1))]; }

static void make_headers(char **arguments, int pairs, const char *path, const char *port) {
  static char authority[32];
  snprintf(authority, sizeof authority, "127.0.0.1:%s", port);
  const char *fixed[] = {":method", "POST", ":scheme", "http", ":path", path, ":authority", authority,
                         "content-type", "application/grpc", "te", "trailers"};
  header_count = sizeof fixed / sizeof *fixed / 2 + (size_t)pairs;
  headers = calloc(header_count, sizeof *headers);
  for (size_t i = 0; i < header_count; i++) {
    size_t own = sizeof fixed / sizeof *fixed / 2;
    const char *name = i < own ? fixed[2 * i] : arguments[2 * (i - own)];
    const char *value = i < own ? fixed[2 * i + 1] : arguments[2 * (i - own) + 1];
    headers[i] = (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
  }
}

int main(int argc, char **argv) {
  int asleep = argc > 1 && strcmp(argv[1], "--asleep") == 0;
  argc -= asleep, argv += asleep;
  int many = argc > 1 && strcmp(argv[1], "--many") == 0;
  argc -= many, argv += many;
  if (argc < 9 || argc % 2 == 0) fail(argv[0], "see the head of its source for the arguments");
  different = split(contents(argv[3]), many, &requests);
  if (split(contents(argv[4]), many, &replies) != different) fail(argv[4], "has not an answer for each");
  int connection_count = atoi(argv[5]), streams = atoi(argv[6]);
  calls = atol(argv[7]);
  double rate = atof(argv[8]);
  make_headers(argv + 9, (argc - 9) / 2, argv[2], argv[1]);
  times_ns = calloc((size_t)calls, sizeof *times_ns);

  struct connection *connections = calloc((size_t)connection_count, sizeof *connections);
  int poller = epoll_create1(0);
  for (int i = 0; i < connection_count; i++) {
    open_connection(&connections[i], atoi(argv[1]));
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &connections[i]};
    epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event);
  }

  int64_t start = now_ns(), due = start, heard = start;
  while (finished < calls) {
    int64_t now = now_ns();
    if (rate > 0) {
      for (; begun < calls && due <= now; due += gap_ns(rate)) {
        struct connection *next = &connections[begun % connection_count];
        begin(next, due);
        flush(next);
      }
    } else {
      for (int i = 0; i < connection_count; i++) {
        while (begun < calls && connections[i].open < streams) begin(&connections[i], now);
        flush(&connections[i]);
      }
    }
    struct epoll_event events[EVENTS];
    int ready = await(poller, events, rate, asleep, due);
    for (int i = 0; i < ready; i++) {
      receive(events[i].data.ptr);
      flush(events[i].data.ptr);
      heard = now;
    }
    if (now - heard > SILENCE_NS) fail("the server", "has been silent for ten seconds");
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  qsort(times_ns, (size_t)calls, sizeof *times_ns, ascending);
  printf("%.9f %ld %ld %ld %ld\n", seconds, (long)percentile(0.5), (long)percentile(0.99),
         (long)percentile(0.999), (long)times_ns[calls - 1]);
  return EXIT_SUCCESS;
}
