#include "keypicture.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 17
#define ROWS 9

static const char *word_of(char c)
{
	static const char *const letters[] = {"alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel",
	    "india", "juliett", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra",
	    "tango", "uniform", "victor", "whiskey", "xray", "yankee", "zulu"};
	static const char *const digits[] = {"two", "three", "four", "five", "six", "seven"};

	if (c >= 'a' && c <= 'z')
		return letters[c - 'a'];
	return c >= '2' && c <= '7' ? digits[c - '2'] : "?";
}

void keypicture_words(char out[KEYPICTURE_WORDS_MAX], const char *fingerprint)
{
	size_t n = 0;
	char between = 0;

	out[0] = '\0';
	for (const char *p = fingerprint; *p && n + 16 < KEYPICTURE_WORDS_MAX; p++) {
		if (*p == '-') {
			between = '\n';
			continue;
		}
		if (between)
			out[n++] = between;
		n += (size_t)snprintf(out + n, KEYPICTURE_WORDS_MAX - n, "%s", word_of(*p));
		between = ' ';
	}
}

static int clamp(int at, int most)
{
	return at < 0 ? 0 : at > most ? most : at;
}

int keypicture_draw(char out[KEYPICTURE_MAX], const struct key *k)
{
	static const char shades[] = " .:-=+*%#@";
	uint8_t hash[FINGERPRINT_HASH], visits[ROWS][COLUMNS];
	int column = COLUMNS / 2, row = ROWS / 2, rc = key_fingerprint_hash(hash, k);
	size_t n = 0;

	out[0] = '\0';
	if (rc)
		return rc;
	memset(visits, 0, sizeof(visits));
	for (int step = 0; step < FINGERPRINT_HASH * 4; step++) {
		unsigned two = hash[step / 4] >> step % 4 * 2 & 3;

		column = clamp(column + (two & 1 ? 1 : -1), COLUMNS - 1);
		row = clamp(row + (two & 2 ? 1 : -1), ROWS - 1);
		if (visits[row][column] < sizeof(shades) - 2)
			visits[row][column]++;
	}
	for (int r = -1; r <= ROWS; r++) {
		bool edge = r < 0 || r == ROWS;

		out[n++] = edge ? '+' : '|';
		for (int c = 0; c < COLUMNS; c++) {
			if (edge)
				out[n++] = '-';
			else if (r == row && c == column)
				out[n++] = 'E';
			else
				out[n++] = r == ROWS / 2 && c == COLUMNS / 2 ? 'S' : shades[visits[r][c]];
		}
		out[n++] = edge ? '+' : '|';
		out[n++] = '\n';
	}
	out[n] = '\0';
	return KEYTEXT_OK;
}
