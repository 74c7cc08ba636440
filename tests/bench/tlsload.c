/*
 * tlsload: an HTTP load generator for mutual TLS, one thread over epoll.
 *
 * What is measured is a server that meets strangers: every K requests come over a new connection with a full TLS 1.3
 * handshake, and sessions are never resumed. Either C connections are kept busy (closed loop), or connections arrive
 * at random at a given rate (open loop), whether or not the server keeps up: then a latency counts from the moment at
 * which the connection should have begun, so that a stall is not hidden by the requests it delays.
 *
 * It only ever talks to 127.0.0.1. One line of JSON goes to standard output; the exit code is 0 if the run could be
 * made, even if requests failed.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NUMBERED "<Value>host-00000000" /* where the body of a request has room for its number */

enum {
    MAX_ANSWER = 64 * 1024,
    MAX_BODY = 64 * 1024,
    MAX_EVENTS = 256,
    MAX_OPEN_LOOP_CONNECTIONS = 2000,
};

struct options {
    int port;
    int requests_per_connection;
    int concurrency;
    int connections;
    double rate;          /* connections per second; 0: closed loop */
    double limit_seconds; /* the run ends here, whatever is still open */
    const char *certificate;
    const char *body;
    const char *path;
};

struct message {
    char *bytes;
    size_t length;
    char *number; /* eight digits in it; NULL where the body has no NUMBERED */
};

enum state { UNUSED, HANDSHAKING, WRITING, READING };

struct connection {
    enum state state;
    int fd;
    uint32_t watched;
    SSL *ssl;
    int answered;
    size_t written;
    unsigned long number; /* of the request: no two are the same, or a gateway would answer from its ledger */
    double scheduled;       /* when the connection should have begun */
    double request_started; /* for the first request: scheduled */
    size_t received;
    char answer[MAX_ANSWER];
};

struct samples {
    double *values;
    long count;
};

/* What the run counts. A failed request is one whose connection broke; a refused one has another status than 200. */
struct results {
    struct samples latencies;
    struct samples handshakes;
    int started;
    int finished;
    long failed;
    long refused;
};

static struct options options = {
    .requests_per_connection = 1,
    .concurrency = 8,
    .connections = 1000,
    .limit_seconds = 60,
    .path = "/",
};
static struct results results;
static struct message request, last_request;
static unsigned long numbered;
static SSL_CTX *tls;
static int poller;

static void die(const char *what)
{
    fprintf(stderr, "tlsload: %s: %s\n", what, errno ? strerror(errno) : ERR_reason_error_string(ERR_peek_error()));
    exit(2);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- one connection ----------------------------------------------------------------------------------------------- */

static void watch(struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};

    if (connection->watched == events)
        return;
    epoll_ctl(poller, connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->fd, &event);
    connection->watched = events;
}

static void start(struct connection *connection, double scheduled)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)options.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    /* In progress, refused or done: the handshake will tell. */
    (void)connect(connection->fd, (struct sockaddr *)&address, sizeof address);

    connection->ssl = SSL_new(tls);
    SSL_set_fd(connection->ssl, connection->fd);
    SSL_set_connect_state(connection->ssl);
    SSL_set_tlsext_host_name(connection->ssl, "localhost");

    connection->state = HANDSHAKING;
    connection->answered = 0;
    connection->written = 0;
    connection->number = 0;
    connection->received = 0;
    connection->scheduled = scheduled;
    connection->request_started = scheduled;
    connection->watched = 0;
    results.started++;
    watch(connection, EPOLLOUT);
}

static void finish(struct connection *connection)
{
    SSL_shutdown(connection->ssl);
    SSL_free(connection->ssl);
    close(connection->fd);
    connection->state = UNUSED;
    results.finished++;
}

static void fail(struct connection *connection, const char *during)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (results.failed++ == 0)
        fprintf(stderr, "tlsload: first failure, during %s: %s\n", during, reason ? reason : strerror(errno));
    ERR_clear_error();
    SSL_set_quiet_shutdown(connection->ssl, 1);
    finish(connection);
}

/* Go on when the socket is ready, or give the connection up. */
static void wait_or_fail(struct connection *connection, int result, const char *during)
{
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        watch(connection, EPOLLIN);
        break;
    case SSL_ERROR_WANT_WRITE:
        watch(connection, EPOLLOUT);
        break;
    default:
        fail(connection, during);
    }
}

static bool handshake(struct connection *connection)
{
    int result = SSL_do_handshake(connection->ssl);

    if (result != 1) {
        wait_or_fail(connection, result, "the handshake");
        return false;
    }
    results.handshakes.values[results.handshakes.count++] = now() - connection->scheduled;
    connection->state = WRITING;
    return true;
}

/* The buffer is shared: each piece is written with the number of its own connection. */
static void put_number(const struct message *message, unsigned long number)
{
    char digits[9];

    if (!message->number)
        return;
    snprintf(digits, sizeof digits, "%08lu", number % 100000000UL);
    memcpy(message->number, digits, 8);
}

static bool write_request(struct connection *connection)
{
    bool is_last = connection->answered + 1 == options.requests_per_connection;
    const struct message *message = is_last ? &last_request : &request;
    int result;

    if (connection->answered > 0 && connection->written == 0)
        connection->request_started = now();
    if (connection->number == 0)
        connection->number = ++numbered;
    put_number(message, connection->number);
    result = SSL_write(connection->ssl, message->bytes + connection->written, (int)(message->length - connection->written));
    if (result <= 0) {
        wait_or_fail(connection, result, "a request");
        return false;
    }
    connection->written += (size_t)result;
    if (connection->written == message->length) {
        connection->state = READING;
        connection->received = 0;
        connection->number = 0;
    }
    return true;
}

/* Content-Length or chunked; an answer that has neither, or is too long, never becomes complete. */
static bool answer_is_complete(const struct connection *connection)
{
    const char *answer = connection->answer;
    const char *body = strstr(answer, "\r\n\r\n");
    const char *length;

    if (!body)
        return false;
    body += 4;
    length = strcasestr(answer, "\r\ncontent-length:");
    if (length && length < body)
        return connection->received >= (size_t)(body - answer) + strtoul(length + 17, NULL, 10);
    return connection->received >= 5 && memcmp(answer + connection->received - 5, "0\r\n\r\n", 5) == 0;
}

static bool read_answer(struct connection *connection)
{
    size_t room = sizeof connection->answer - 1 - connection->received;
    int result = SSL_read(connection->ssl, connection->answer + connection->received, (int)room);

    if (result <= 0) {
        wait_or_fail(connection, result, "an answer");
        return false;
    }
    connection->received += (size_t)result;
    connection->answer[connection->received] = '\0';
    if (!answer_is_complete(connection))
        return true;

    if (strncmp(connection->answer, "HTTP/1.1 200 ", 13) != 0 && results.refused++ == 0)
        fprintf(stderr, "tlsload: first refusal: %.*s\n", 600, connection->answer);
    results.latencies.values[results.latencies.count++] = now() - connection->request_started;
    connection->answered++;
    connection->written = 0;
    connection->state = WRITING;
    if (connection->answered < options.requests_per_connection)
        return true;
    finish(connection);
    return false;
}

/* Do all that can be done without waiting. */
static void advance(struct connection *connection)
{
    bool progress = true;

    while (progress) {
        switch (connection->state) {
        case HANDSHAKING:
            progress = handshake(connection);
            break;
        case WRITING:
            progress = write_request(connection);
            break;
        case READING:
            progress = read_answer(connection);
            break;
        case UNUSED:
            return;
        }
    }
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void keep_busy(struct connection *connections, int slots)
{
    for (int i = 0; i < slots && results.started < options.connections; i++)
        if (connections[i].state == UNUSED)
            start(&connections[i], now());
}

/* Start what is due, and return how many milliseconds there are until the next arrival. */
static int let_arrive(struct connection *connections, int slots, double *next_arrival)
{
    int slot = 0;
    double wait;

    while (results.started < options.connections && *next_arrival <= now()) {
        while (slot < slots && connections[slot].state != UNUSED)
            slot++;
        if (slot == slots)
            break; /* too many are open: this arrival is served late, and its latency says so */
        start(&connections[slot], *next_arrival);
        *next_arrival += -log(1 - drand48()) / options.rate;
    }
    wait = (*next_arrival - now()) * 1000;
    return wait < 0 ? 0 : wait > 100 ? 100 : (int)wait + 1;
}

static void run(void)
{
    bool open_loop = options.rate > 0;
    int slots = open_loop ? MAX_OPEN_LOOP_CONNECTIONS : options.concurrency;
    struct connection *connections = calloc((size_t)slots, sizeof *connections);
    struct epoll_event events[MAX_EVENTS];
    double begin = now(), next_arrival = begin;

    if (!connections)
        die("memory");
    while (results.finished < options.connections && now() - begin < options.limit_seconds) {
        int timeout = 100, ready;

        if (open_loop)
            timeout = let_arrive(connections, slots, &next_arrival);
        else
            keep_busy(connections, slots);
        ready = epoll_wait(poller, events, MAX_EVENTS, timeout);
        for (int i = 0; i < ready; i++)
            advance(events[i].data.ptr);
    }
    free(connections);
}

/* --- before and after --------------------------------------------------------------------------------------------- */

static struct message compose(const struct message *body, const char *more_headers)
{
    struct message message;
    int length = asprintf(&message.bytes,
                          "POST %s HTTP/1.1\r\n"
                          "Host: localhost\r\n"
                          "Content-Type: application/soap+xml; charset=utf-8\r\n"
                          "User-Agent: MS-WebServices/1.0\r\n"
                          "%s"
                          "Content-Length: %zu\r\n"
                          "\r\n"
                          "%s",
                          options.path, more_headers, body->length, body->bytes);

    if (length < 0)
        die("memory");
    message.length = (size_t)length;
    message.number = strstr(message.bytes, NUMBERED);
    if (message.number)
        message.number += strlen(NUMBERED) - 8;
    return message;
}

static void compose_requests(void)
{
    static char bytes[MAX_BODY + 1]; /* text: it ends with the zero that is never overwritten */
    struct message body = {.bytes = bytes};
    FILE *file = fopen(options.body, "rb");

    if (!file)
        die(options.body);
    body.length = fread(bytes, 1, MAX_BODY, file);
    fclose(file);
    request = compose(&body, "");
    last_request = compose(&body, "Connection: close\r\n");
}

static void prepare_tls(void)
{
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    /* The server's certificate is not verified: that would only cost the client. */
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    errno = 0;
    if (options.certificate && (SSL_CTX_use_certificate_chain_file(tls, options.certificate) != 1 ||
                                SSL_CTX_use_PrivateKey_file(tls, options.certificate, SSL_FILETYPE_PEM) != 1))
        die(options.certificate);
}

static void reserve(struct samples *samples, size_t most)
{
    samples->values = calloc(most, sizeof *samples->values);
    if (!samples->values)
        die("memory");
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, (size_t)samples->count, sizeof *samples->values, compare);
    return samples->values[(long)((double)(samples->count - 1) * percent / 100)] * 1000;
}

static void report(double seconds)
{
    struct rusage usage;
    double cpu;

    getrusage(RUSAGE_SELF, &usage);
    cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"requests\": %ld, \"connections\": %d, \"unfinished\": %d, \"failed\": %ld, \"refused\": %ld, "
           "\"seconds\": %.4f, \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
           "\"handshake_p50_ms\": %.3f, \"client_cpu_seconds\": %.4f}\n",
           results.latencies.count, results.started, options.connections - results.finished, results.failed,
           results.refused, seconds, percentile_ms(&results.latencies, 50), percentile_ms(&results.latencies, 90),
           percentile_ms(&results.latencies, 99), percentile_ms(&results.latencies, 100),
           percentile_ms(&results.handshakes, 50), cpu);
}

static void usage(void)
{
    fputs("usage: tlsload -p PORT -b BODY-FILE [-u PATH] [-e CERTIFICATE-AND-KEY] [-n CONNECTIONS] [-k REQUESTS-EACH]\n"
          "               [-c CONCURRENCY | -r CONNECTIONS-PER-SECOND] [-t LIMIT-SECONDS]\n",
          stderr);
    exit(2);
}

static void parse_options(int count, char **arguments)
{
    int option;

    while ((option = getopt(count, arguments, "p:b:u:e:n:k:c:r:t:")) != -1) {
        switch (option) {
        case 'p': options.port = atoi(optarg); break;
        case 'b': options.body = optarg; break;
        case 'u': options.path = optarg; break;
        case 'e': options.certificate = optarg; break;
        case 'n': options.connections = atoi(optarg); break;
        case 'k': options.requests_per_connection = atoi(optarg); break;
        case 'c': options.concurrency = atoi(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 't': options.limit_seconds = atof(optarg); break;
        default: usage();
        }
    }
    if (!options.port || !options.body || options.connections < 1 || options.requests_per_connection < 1)
        usage();
    if (options.concurrency < 1 || options.rate < 0)
        usage();
}

int main(int count, char **arguments)
{
    double begin;

    parse_options(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    compose_requests();
    prepare_tls();
    poller = epoll_create1(EPOLL_CLOEXEC);
    reserve(&results.latencies, (size_t)options.connections * (size_t)options.requests_per_connection);
    reserve(&results.handshakes, (size_t)options.connections);

    begin = now();
    run();
    report(now() - begin);
    return 0;
}
