/* The lines of known_hosts, authorized_keys and key files. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "run/trust.h"

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_label(const char label[KEYFILE_COMMENT_MAX])
{
	must(memchr(label, '\0', KEYFILE_COMMENT_MAX) != NULL);
	for (const char *p = label; *p; p++)
		must((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void check_entry(const struct trust_entry *entry, const char *label)
{
	uint8_t x25519[KEY_BYTES];

	must(entry->key.form == KEY_PUBLIC || entry->key.form == KEY_XPUBLIC);
	must(key_x25519_public(x25519, &entry->key) == KEYTEXT_OK);
	must(memcmp(x25519, entry->x25519, KEY_BYTES) == 0);
	check_label(label);
}

static void check_line(const char *line, size_t len)
{
	const char *why = NULL, *name = NULL;
	char label[KEYFILE_COMMENT_MAX];
	struct trust_entry entry;
	size_t namelen = 0;
	struct key k;
	int rc;

	rc = trust_authorized_line(&entry, label, line, len, &why);
	must(rc == 0 || rc == 1 || (rc == -1 && why));
	if (rc == 1)
		check_entry(&entry, label);
	rule_free(&entry.rule);
	why = NULL;
	rc = trust_known_line(&name, &namelen, &entry, label, line, len, &why);
	must(rc == 0 || rc == 1 || (rc == -1 && why));
	if (rc == 1) {
		check_entry(&entry, label);
		must(namelen > 0 && name >= line && name + namelen < line + len);
		must(!memchr(name, ' ', namelen) && !memchr(name, '\t', namelen));
	}
	if (keyfile_line(&k, label, line, len) > 0)
		check_label(label);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	must(secret_init() == 0);
	while (size > 0) {
		const char *newline = memchr(text, '\n', size);
		size_t n = newline ? (size_t)(newline - text) : size, step = newline ? n + 1 : n;

		check_line(text, n);
		text += step;
		size -= step;
	}
	return 0;
}
