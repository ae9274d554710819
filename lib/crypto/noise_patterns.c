/* see noise_patterns.h */
#include "noise_patterns.h"

#include <string.h>

#define E NOISE_TOKEN_E
#define S NOISE_TOKEN_S
#define EE NOISE_TOKEN_EE
#define ES NOISE_TOKEN_ES
#define SE NOISE_TOKEN_SE
#define SS NOISE_TOKEN_SS

/* clang-format off */
static const struct noise_pattern patterns[] = {
	/* one-way */
	{ "N",    0, 1, { { E, ES } } },
	{ "K",    1, 1, { { E, ES, SS } } },
	{ "X",    0, 1, { { E, ES, S, SS } } },
	/* fundamental */
	{ "NN",   0, 0, { { E },             { E, EE } } },
	{ "NK",   0, 1, { { E, ES },         { E, EE } } },
	{ "NX",   0, 0, { { E },             { E, EE, S, ES } } },
	{ "XN",   0, 0, { { E },             { E, EE },            { S, SE } } },
	{ "XK",   0, 1, { { E, ES },         { E, EE },            { S, SE } } },
	{ "XX",   0, 0, { { E },             { E, EE, S, ES },     { S, SE } } },
	{ "KN",   1, 0, { { E },             { E, EE, SE } } },
	{ "KK",   1, 1, { { E, ES, SS },     { E, EE, SE } } },
	{ "KX",   1, 0, { { E },             { E, EE, SE, S, ES } } },
	{ "IN",   0, 0, { { E, S },          { E, EE, SE } } },
	{ "IK",   0, 1, { { E, ES, S, SS },  { E, EE, SE } } },
	{ "IX",   0, 0, { { E, S },          { E, EE, SE, S, ES } } },
	/* deferred */
	{ "NK1",  0, 1, { { E },             { E, EE, ES } } },
	{ "NX1",  0, 0, { { E },             { E, EE, S },         { ES } } },
	{ "X1N",  0, 0, { { E },             { E, EE },            { S },         { SE } } },
	{ "X1K",  0, 1, { { E, ES },         { E, EE },            { S },         { SE } } },
	{ "XK1",  0, 1, { { E },             { E, EE, ES },        { S, SE } } },
	{ "X1K1", 0, 1, { { E },             { E, EE, ES },        { S },         { SE } } },
	{ "X1X",  0, 0, { { E },             { E, EE, S, ES },     { S },         { SE } } },
	{ "XX1",  0, 0, { { E },             { E, EE, S },         { ES, S, SE } } },
	{ "X1X1", 0, 0, { { E },             { E, EE, S },         { ES, S },     { SE } } },
	{ "K1N",  1, 0, { { E },             { E, EE },            { SE } } },
	{ "K1K",  1, 1, { { E, ES },         { E, EE },            { SE } } },
	{ "KK1",  1, 1, { { E },             { E, EE, SE, ES } } },
	{ "K1K1", 1, 1, { { E },             { E, EE, ES },        { SE } } },
	{ "K1X",  1, 0, { { E },             { E, EE, S, ES },     { SE } } },
	{ "KX1",  1, 0, { { E },             { E, EE, SE, S },     { ES } } },
	{ "K1X1", 1, 0, { { E },             { E, EE, S },         { SE, ES } } },
	{ "I1N",  0, 0, { { E, S },          { E, EE },            { SE } } },
	{ "I1K",  0, 1, { { E, ES, S },      { E, EE },            { SE } } },
	{ "IK1",  0, 1, { { E, S },          { E, EE, SE, ES } } },
	{ "I1K1", 0, 1, { { E, S },          { E, EE, ES },        { SE } } },
	{ "I1X",  0, 0, { { E, S },          { E, EE, S, ES },     { SE } } },
	{ "IX1",  0, 0, { { E, S },          { E, EE, SE, S },     { ES } } },
	{ "I1X1", 0, 0, { { E, S },          { E, EE, S },         { SE, ES } } },
};
/* clang-format on */

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

const struct noise_pattern *noise_pattern_at(size_t index)
{
	return index < PATTERNS ? &patterns[index] : NULL;
}

const struct noise_pattern *noise_pattern_find(const char *name, size_t len)
{
	for (size_t i = 0; i < PATTERNS; i++)
		if (strlen(patterns[i].name) == len && memcmp(patterns[i].name, name, len) == 0)
			return &patterns[i];
	return NULL;
}

unsigned noise_pattern_messages(const struct noise_pattern *pattern)
{
	unsigned n = 0;

	while (n < NOISE_PATTERN_MESSAGES && pattern->tokens[n][0] != NOISE_TOKEN_NONE)
		n++;
	return n;
}

bool noise_pattern_sends_static(const struct noise_pattern *pattern, bool initiator)
{
	for (unsigned m = initiator ? 0 : 1; m < NOISE_PATTERN_MESSAGES; m += 2)
		if (memchr(pattern->tokens[m], NOISE_TOKEN_S, NOISE_PATTERN_TOKENS))
			return true;
	return false;
}

size_t noise_pattern_tokens(const struct noise_pattern *pattern, unsigned psks, unsigned index,
    enum noise_token out[NOISE_TOKENS_MAX])
{
	const uint8_t *tokens = pattern->tokens[index];
	size_t n = 0;

	if (index == 0 && (psks & 1))
		out[n++] = NOISE_TOKEN_PSK;
	for (size_t i = 0; i < NOISE_PATTERN_TOKENS && tokens[i] != NOISE_TOKEN_NONE; i++)
		out[n++] = (enum noise_token)tokens[i];
	if (psks >> (index + 1) & 1)
		out[n++] = NOISE_TOKEN_PSK;
	return n;
}
