/*
 * pingpong: how long messages take there and back over a session that is there.
 *
 *   pingpong COUNT TO_CLIENT FROM_CLIENT TO_SERVER FROM_SERVER SIZE...
 *
 * The four are descriptors: the standard input and output of both ends. A message goes into the
 * client, comes out of the server, goes into the server and comes out of the client; only then the
 * next one. COUNT times for each SIZE in turn, after a tenth of that as a warm-up. What comes out must
 * be what went in. A line of JSON for each SIZE: the 50th and 99th percentile in microseconds.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_MESSAGE 65536
#define COUNT_MAX 10000000
#define LIMIT 300 /* seconds, then SIGALRM */

enum { TO_CLIENT, FROM_CLIENT, TO_SERVER, FROM_SERVER, FDS };

static uint8_t sent[SIZE_MAX_MESSAGE], come[SIZE_MAX_MESSAGE];
static int fds[FDS];

static void die(const char *what)
{
	fprintf(stderr, "pingpong: %s\n", what);
	exit(1);
}

static long number(const char *text, long low, long high)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < low || n > high)
		die("Usage: pingpong COUNT TO_CLIENT FROM_CLIENT TO_SERVER FROM_SERVER SIZE...");
	return n;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* In at one end, out at the other. */
static void pass(int in, int out, size_t size)
{
	size_t done;
	ssize_t n;

	for (done = 0; done < size; done += (size_t)n)
		if ((n = write(in, sent + done, size - done)) <= 0)
			die(strerror(errno));
	for (done = 0; done < size; done += (size_t)n)
		if ((n = read(out, come + done, size - done)) <= 0)
			die(n == 0 ? "an end has left" : strerror(errno));
	if (memcmp(sent, come, size) != 0)
		die("what comes out is not what went in");
}

/* Both ways, no two messages alike in a row; how long that took. */
static double one(long i, size_t size)
{
	double begin;

	memset(sent, (int)(i & 0xff), size);
	memset(come, ~(int)(i & 0xff), size);
	begin = now_us();
	pass(fds[TO_CLIENT], fds[FROM_SERVER], size);
	pass(fds[TO_SERVER], fds[FROM_CLIENT], size);
	return now_us() - begin;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	double *took;
	long i, count;
	int a;

	if (argc < 3 + FDS)
		die("too few arguments");
	count = number(argv[1], 1, COUNT_MAX);
	for (a = 0; a < FDS; a++)
		fds[a] = (int)number(argv[2 + a], 0, 65535);
	took = malloc((size_t)count * sizeof(*took));
	if (!took)
		die("no memory");
	alarm(LIMIT);
	for (a = 2 + FDS; a < argc; a++) {
		size_t size = (size_t)number(argv[a], 1, SIZE_MAX_MESSAGE);

		for (i = 0; i < count / 10; i++)
			(void)one(i, size);
		for (i = 0; i < count; i++)
			took[i] = one(i, size);
		qsort(took, (size_t)count, sizeof(*took), by_size);
		printf("{\"size\": %zu, \"count\": %ld, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", size,
		    count, took[count / 2], took[count * 99 / 100]);
	}
	free(took);
	return 0;
}
