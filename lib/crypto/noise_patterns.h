/*
 * noise_patterns: the handshake patterns of Noise (revision 34, sections 7.4, 7.5 and 18.1) as
 * tables of tokens, and how psk modifiers (section 9) change them.
 */
#ifndef NOISE_PATTERNS_H
#define NOISE_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_PATTERN_MESSAGES 4	/* the longest pattern has as many */
#define NOISE_PATTERN_TOKENS 5		/* in one message */
#define NOISE_TOKENS_MAX (NOISE_PATTERN_TOKENS + 2)	/* with psk0 in front and psk1 behind */

/* The first letter of a DH token is the initiator's key, the second the responder's. */
enum noise_token {
	NOISE_TOKEN_NONE = 0, /* ends a shorter message, and a shorter pattern */
	NOISE_TOKEN_E,
	NOISE_TOKEN_S,
	NOISE_TOKEN_EE,
	NOISE_TOKEN_ES,
	NOISE_TOKEN_SE,
	NOISE_TOKEN_SS,
	NOISE_TOKEN_PSK,
};

/* Message 0 is the initiator's, then the sides take turns. The only pre-message there is
 * without fallback is a static key. */
struct noise_pattern {
	char name[5];
	bool initiator_known; /* "-> s" before the start */
	bool responder_known; /* "<- s" before the start */
	uint8_t tokens[NOISE_PATTERN_MESSAGES][NOISE_PATTERN_TOKENS];
};

/* The pattern called by the ${len} characters at ${name} (without modifiers), or NULL. */
const struct noise_pattern *noise_pattern_find(const char *name, size_t len);

/* The ${index}th pattern, or NULL behind the last. */
const struct noise_pattern *noise_pattern_at(size_t index);

/* Number of messages: 1 (a one-way pattern) to NOISE_PATTERN_MESSAGES. */
unsigned noise_pattern_messages(const struct noise_pattern *pattern);

/* Does a message of this side carry its static key? */
bool noise_pattern_sends_static(const struct noise_pattern *pattern, bool initiator);

/* The tokens of message ${index} with the psk modifiers of the bit set ${psks}, in order, to
 * ${out}; returns how many. */
size_t noise_pattern_tokens(const struct noise_pattern *pattern, unsigned psks, unsigned index,
    enum noise_token out[NOISE_TOKENS_MAX]);

#endif
