/*
 * pattern: a reproducible pseudo-random stream, written or checked, faster than any pipe.
 *
 * pattern SIZE SEED            write SIZE bytes to standard output
 * pattern --check SIZE SEED    standard input must be exactly that stream
 * pattern --prefix SIZE SEED   standard input must be the beginning of it; prints its length
 *
 * SIZE may end in K, M or G (1024). Status: 0, 1 (differs, short, long, or input/output failed), 2.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 262144
#define WORDS (BLOCK / 8)

/* Fill a block: word i of the stream is a mix of seed and i, so that any place can be computed. */
static void fill(uint64_t *words, uint64_t seed, uint64_t first)
{
	uint64_t x = seed * 0xd1342543de82ef95u + (first + 1) * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < WORDS; i++, x += 0x9e3779b97f4a7c15u) {
		uint64_t z = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;

		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		words[i] = z ^ (z >> 31);
	}
}

static int parse_number(const char *text, bool size, uint64_t *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	*out = strtoull(text, &end, 10);
	if (size && *end != '\0' && end[1] == '\0') {
		const char *units = "KMG", *unit = strchr(units, *end);

		if (!unit)
			return -1;
		*out <<= 10 * (unit - units + 1);
		end++;
	}
	return *end == '\0' ? 0 : -1;
}

static int write_pattern(uint64_t *block, uint64_t size, uint64_t seed)
{
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK, done = 0;

		fill(block, seed, at / 8);
		while (done < n) {
			ssize_t w = write(STDOUT_FILENO, (uint8_t *)block + done, n - done);

			if (w < 0) {
				perror("pattern: write");
				return 1;
			}
			done += (size_t)w;
		}
		at += n;
	}
	return 0;
}

/* Read until the buffer is full or the input ends. */
static ssize_t read_full(uint8_t *buf, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r = read(STDIN_FILENO, buf + have, n - have);

		if (r < 0)
			return -1;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return (ssize_t)have;
}

static int differs(const uint8_t *got, const uint8_t *want, size_t n, uint64_t at)
{
	size_t i = 0;

	while (i < n && got[i] == want[i])
		i++;
	fprintf(stderr, "pattern: differs at byte %llu: %02x, not %02x\n",
	    (unsigned long long)(at + i), got[i], want[i]);
	return 1;
}

static int check_pattern(uint64_t *block, uint64_t size, uint64_t seed, bool prefix)
{
	static uint8_t got[BLOCK];
	uint64_t at = 0;
	ssize_t n;

	do {
		n = read_full(got, BLOCK);
		if (n < 0) {
			perror("pattern: read");
			return 1;
		}
		if ((uint64_t)n > size - at) {
			fprintf(stderr, "pattern: longer than %llu bytes\n",
			    (unsigned long long)size);
			return 1;
		}
		fill(block, seed, at / 8);
		if (memcmp(got, block, (size_t)n) != 0)
			return differs(got, (uint8_t *)block, (size_t)n, at);
		at += (uint64_t)n;
	} while (n == BLOCK);
	if (prefix)
		printf("%llu\n", (unsigned long long)at);
	else if (at < size)
		fprintf(stderr, "pattern: %llu bytes, not %llu\n", (unsigned long long)at,
		    (unsigned long long)size);
	return prefix || at == size ? 0 : 1;
}

int main(int argc, char **argv)
{
	static uint64_t block[WORDS];
	bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	bool prefix = argc > 1 && strcmp(argv[1], "--prefix") == 0;
	uint64_t size, seed;

	argv += check || prefix;
	argc -= check || prefix;
	if (argc != 3 || parse_number(argv[1], true, &size) < 0 ||
	    parse_number(argv[2], false, &seed) < 0) {
		fprintf(stderr, "Usage: pattern [--check | --prefix] SIZE SEED\n");
		return 2;
	}
	if (check || prefix)
		return check_pattern(block, size, seed, prefix);
	return write_pattern(block, size, seed);
}
