/*
 * slowread: a reader that takes its time, to prove that back-pressure is no fault.
 *
 * slowread RATE                   copy standard input to output at RATE bytes a second
 * slowread --hold-until FILE      read nothing until FILE exists, then copy at full speed
 * slowread --stop-after N         copy N bytes, then leave (the writer finds a closed pipe)
 * slowread --limit SECONDS ...    give up after so long in all: status 4 (default 60)
 *
 * RATE and N may end in K, M or G (1024). Status: 0, 1 (input/output failed), 2, 4.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICKS 50 /* reads a second at a bounded rate */

struct slow {
	uint64_t rate, stop_after;
	const char *hold;
	unsigned limit;
};

static void tick(void)
{
	struct timespec ts = {0, 1000000000 / TICKS};

	nanosleep(&ts, NULL);
}

static int parse_size(const char *text, uint64_t *out)
{
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return -1;
	*out = strtoull(text, &end, 10);
	if (*end != '\0' && end[1] == '\0') {
		const char *units = "KMG", *unit = strchr(units, *end);

		if (!unit)
			return -1;
		*out <<= 10 * (unit - units + 1);
		end++;
	}
	return *end == '\0' && *out > 0 ? 0 : -1;
}

static int parse(struct slow *s, int argc, char **argv)
{
	uint64_t limit;

	for (int i = 1; i < argc; i++) {
		const char *value = argv[i + 1]; /* NULL behind the last */

		if (strcmp(argv[i], "--hold-until") == 0 && value) {
			s->hold = value;
			i++;
		} else if (strcmp(argv[i], "--stop-after") == 0) {
			if (parse_size(value, &s->stop_after) < 0)
				return -1;
			i++;
		} else if (strcmp(argv[i], "--limit") == 0) {
			if (parse_size(value, &limit) < 0)
				return -1;
			s->limit = (unsigned)limit;
			i++;
		} else if (parse_size(argv[i], &s->rate) < 0) {
			return -1;
		}
	}
	return s->rate || s->hold || s->stop_after ? 0 : -1;
}

static int write_all(const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(STDOUT_FILENO, p, n);

		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static int copy(const struct slow *s)
{
	static uint8_t buf[65536];
	uint64_t copied = 0;

	while (s->stop_after == 0 || copied < s->stop_after) {
		size_t want = sizeof(buf);
		ssize_t n;

		if (s->rate > 0 && s->rate / TICKS < want)
			want = s->rate < TICKS ? 1 : (size_t)(s->rate / TICKS);
		if (s->stop_after > 0 && s->stop_after - copied < want)
			want = (size_t)(s->stop_after - copied);
		n = read(STDIN_FILENO, buf, want);
		if (n == 0)
			break;
		if (n < 0 || write_all(buf, (size_t)n) < 0) {
			perror("slowread");
			return 1;
		}
		copied += (uint64_t)n;
		if (s->rate > 0)
			tick();
	}
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
	_exit(4);
}

int main(int argc, char **argv)
{
	struct slow s = {.limit = 60};

	if (parse(&s, argc, argv) < 0) {
		fprintf(stderr, "Usage: slowread [RATE] [--hold-until FILE] [--stop-after N] "
		    "[--limit SECONDS]\n");
		return 2;
	}
	signal(SIGALRM, on_alarm);
	alarm(s.limit);
	while (s.hold && access(s.hold, F_OK) != 0)
		tick();
	return copy(&s);
}
