/* The lines of known_hosts and authorized_keys. */
#include <stdbool.h>
#include <string.h>

#include "trust.h"

static bool trust_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int trust_key(struct trust_entry *entry, char label[KEYFILE_COMMENT_MAX], const char *line, size_t len,
    const char **why)
{
	int rc;

	memset(entry, 0, sizeof(*entry));
	rc = keyfile_line(&entry->key, label, line, len);
	if (rc == 0)
		return 0;
	if (rc < 0) {
		*why = rc == KEYTEXT_E_FORM ? "does not begin with a public key (vk1... or vx1...)"
					    : keytext_strerror(rc);
		return -1;
	}
	if (entry->key.form != KEY_PUBLIC && entry->key.form != KEY_XPUBLIC) {
		memset(entry, 0, sizeof(*entry));
		*why = "a secret key does not belong here; put the public one";
		return -1;
	}
	if (key_x25519_public(entry->x25519, &entry->key)) {
		*why = keytext_strerror(KEYTEXT_E_KEY);
		return -1;
	}
	return 1;
}

int trust_authorized_line(struct trust_entry *entry, char label[KEYFILE_COMMENT_MAX],
    const char *line, size_t len, const char **why)
{
	struct rule rule;
	ssize_t used;
	int rc;

	while (len > 0 && trust_blank(line[0]))
		line++, len--;
	used = rule_parse(&rule, line, len, why);
	if (used < 0) {
		memset(entry, 0, sizeof(*entry));
		return -1;
	}
	rc = trust_key(entry, label, line + used, len - (size_t)used, why);
	if (rc == 0 && used > 0) {
		*why = "no key after the options";
		rc = -1;
	}
	if (rc < 1)
		rule_free(&rule);
	entry->rule = rule;
	return rc;
}

int trust_known_line(const char **name, size_t *namelen, struct trust_entry *entry,
    char label[KEYFILE_COMMENT_MAX], const char *line, size_t len, const char **why)
{
	size_t n = 0;
	int rc;

	while (len > 0 && trust_blank(line[0]))
		line++, len--;
	if (len == 0 || line[0] == '#')
		return 0;
	while (n < len && !trust_blank(line[n]))
		n++;
	*name = line;
	*namelen = n;
	if (trust_names_kind(line, n) == TRUST_NAMES_BAD) {
		*why = "neither a name nor patterns nor a hidden name";
		return -1;
	}
	rc = trust_key(entry, label, line + n, len - n, why);
	if (rc != 0)
		return rc;
	*why = "no key after the name";
	return -1;
}
