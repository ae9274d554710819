/* The names of known_hosts: one name, patterns, or a name that is hidden. */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "trust.h"

#define HIDDEN "|1|"
#define SALT_BYTES 16
#define SALT_CHARS 22
#define HASH_CHARS 43
#define HIDDEN_LEN (3 + SALT_CHARS + 1 + HASH_CHARS)

/* '*' is any text, '?' one character. */
static bool glob(const char *pattern, size_t len, const char *text)
{
	size_t p = 0, t = 0, star = len, resume = 0, n = strlen(text);

	while (t < n) {
		if (p < len && pattern[p] == '*') {
			star = p++;
			resume = t;
		} else if (p < len && (pattern[p] == '?' || pattern[p] == text[t])) {
			p++;
			t++;
		} else if (star < len) {
			p = star + 1;
			t = ++resume;
		} else {
			return false;
		}
	}
	while (p < len && pattern[p] == '*')
		p++;
	return p == len;
}

static void hidden_text(char out[HIDDEN_LEN + 1], const uint8_t salt[SALT_BYTES], const char *name)
{
	uint8_t hash[32];

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)name, strlen(name), salt, SALT_BYTES);
	memcpy(out, HIDDEN, 3);
	sodium_bin2base64(out + 3, SALT_CHARS + 1, salt, SALT_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out[3 + SALT_CHARS] = '|';
	sodium_bin2base64(out + 3 + SALT_CHARS + 1, HASH_CHARS + 1, hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* The salt of a hidden name; -1 if it is not written as one. */
static int hidden_salt(uint8_t salt[SALT_BYTES], const char *names, size_t len)
{
	size_t n;

	if (len != HIDDEN_LEN || memcmp(names, HIDDEN, 3) != 0 || names[3 + SALT_CHARS] != '|')
		return -1;
	if (sodium_base642bin(salt, SALT_BYTES, names + 3, SALT_CHARS, NULL, &n, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) ||
	    n != SALT_BYTES)
		return -1;
	return 0;
}

void trust_names_hide(char out[TRUST_NAME_MAX], const char *name, const struct rng *rng)
{
	uint8_t salt[SALT_BYTES];

	rng->fill(rng->ctx, salt, sizeof(salt));
	hidden_text(out, salt, name);
}

enum trust_names trust_names_kind(const char *names, size_t len)
{
	uint8_t salt[SALT_BYTES];
	size_t start = 0;

	if (len > 0 && names[0] == '|')
		return hidden_salt(salt, names, len) ? TRUST_NAMES_BAD : TRUST_NAMES_HIDDEN;
	if (!memchr(names, ',', len) && !memchr(names, '*', len) && !memchr(names, '?', len) && names[0] != '!')
		return TRUST_NAMES_ONE;
	for (size_t i = 0; i <= len; i++)
		if (i == len || names[i] == ',') {
			if (i == start || (i == start + 1 && names[start] == '!'))
				return TRUST_NAMES_BAD;
			start = i + 1;
		}
	return TRUST_NAMES_PATTERN;
}

static bool patterns_match(const char *names, size_t len, const char *name)
{
	bool match = false;

	for (size_t i = 0; i < len;) {
		const char *comma = memchr(names + i, ',', len - i);
		size_t n = comma ? (size_t)(comma - names) - i : len - i;
		bool not = names[i] == '!';

		if (glob(names + i + not, n - not, name)) {
			if (not)
				return false;
			match = true;
		}
		i += n + 1;
	}
	return match;
}

bool trust_names_match(const char *names, size_t len, const char *name)
{
	char expected[HIDDEN_LEN + 1];
	uint8_t salt[SALT_BYTES];

	switch (trust_names_kind(names, len)) {
	case TRUST_NAMES_ONE:
		return len == strlen(name) && memcmp(names, name, len) == 0;
	case TRUST_NAMES_PATTERN:
		return patterns_match(names, len, name);
	case TRUST_NAMES_HIDDEN:
		if (hidden_salt(salt, names, len))
			return false;
		hidden_text(expected, salt, name);
		return memcmp(expected, names, len) == 0;
	case TRUST_NAMES_BAD:
		break;
	}
	return false;
}

/* ---- how a name is written ---- */

/* Copy without what would break a line; 0, or -1 if it does not fit. */
static int trust_escape(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool plain = *p > 0x20 && *p != 0x7f && !strchr("\\,*?", *p) && !(n == 0 && strchr("#!|", *p));

		if (n + 5 > size)
			return -1;
		n += (size_t)snprintf(out + n, size - n, plain ? "%c" : "\\%03o", *p);
	}
	out[n] = '\0';
	return 0;
}

int trust_name(char out[TRUST_NAME_MAX], const char *host, unsigned port, struct error *e)
{
	char plain[TRUST_NAME_MAX], shortest[INET6_ADDRSTRLEN];
	struct in6_addr address;
	int n;

	if (strchr(host, '/')) {
		n = snprintf(plain, sizeof(plain), "%s", host);
	} else {
		if (inet_pton(AF_INET6, host, &address) == 1 &&
		    inet_ntop(AF_INET6, &address, shortest, sizeof(shortest)))
			host = shortest;
		n = snprintf(plain, sizeof(plain), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
		for (char *p = plain; n > 0 && *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
	}
	if (n < 0 || (size_t)n >= sizeof(plain) || trust_escape(out, TRUST_NAME_MAX, plain))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "the server's name is too long to be remembered");
	return 0;
}
