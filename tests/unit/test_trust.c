/* trust: known_hosts and authorized_keys. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "run/trust.h"

static char dir[] = "/tmp/vault-trust.XXXXXX";
static char path[256];

/* Identity number ${n} in one of its forms. */
static struct key key_of(uint8_t n, enum key_form form)
{
	struct key seed = {KEY_SECRET, {n}}, k = {.form = form};

	if (form == KEY_SECRET)
		return seed;
	if (form == KEY_PUBLIC)
		CHECK_INT(key_public(&k, &seed), KEYTEXT_OK);
	else
		CHECK_INT(key_x25519_public(k.bytes, &seed), KEYTEXT_OK);
	return k;
}

static const char *text_of(uint8_t n, enum key_form form)
{
	static char text[8][KEYTEXT_MAX];
	static int turn;
	struct key k = key_of(n, form);

	turn = (turn + 1) % 8;
	keytext_format(text[turn], &k);
	return text[turn];
}

static const uint8_t *x25519_of(uint8_t n)
{
	static struct key k;

	k = key_of(n, KEY_XPUBLIC);
	return k.bytes;
}

static void put(mode_t mode, const char *text)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CHECK_INT(fchmod(fd, mode), 0);
	CHECK_INT(close(fd), 0);
}

static const char *contents(void)
{
	static char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* ---- names ---- */

static void name_case(const char *host, unsigned port, const char *expected)
{
	char name[TRUST_NAME_MAX];

	CHECK_INT(trust_name(name, host, port, NULL), 0);
	CHECK_STR(name, expected);
}

static void test_names(void)
{
	char name[TRUST_NAME_MAX], host[TRUST_NAME_MAX];
	struct error e = {.code = ERROR_OK};

	name_case("Server.Example.ORG", 5004, "server.example.org:5004");
	name_case("192.0.2.1", 1, "192.0.2.1:1");
	name_case("2001:DB8:0:0::1", 5004, "[2001:db8::1]:5004");
	name_case("::1", 5004, "[::1]:5004");
	name_case("fe80::1%Eth0", 5004, "[fe80::1%eth0]:5004");
	name_case("/run/Vault/s", 77, "/run/Vault/s");
	name_case("/a b\tc\\d\n", 0, "/a\\040b\\011c\\134d\\012");
	name_case("#h", 1, "\\043h:1");
	memset(host, 'h', sizeof(host));
	host[sizeof(host) - 1] = '\0';
	CHECK_INT(trust_name(name, host, 1, &e), -1);
	CHECK_INT(e.code, ERROR_IO);
}

/* ---- known_hosts ---- */

static void known(const char *name, uint8_t n, enum trust_verdict verdict, unsigned line)
{
	const struct trust_entry *entry = NULL;
	struct error e = {.code = ERROR_OK};
	struct trust_list list;

	CHECK_INT(trust_known_load(&list, path, name, &e), 0);
	CHECK_STR(e.text, "");
	CHECK_INT(trust_known_check(&list, x25519_of(n), &entry), verdict);
	CHECK_INT(entry ? entry->line : 0, line);
	trust_free(&list);
}

static void test_known(void)
{
	char text[4096];

	snprintf(text, sizeof(text), "# servers\n\n a:1 %s first\nb:1\t%s\na:1 %s\n#a:1 %s\na:10 %s",
	    text_of(1, KEY_PUBLIC), text_of(2, KEY_XPUBLIC), text_of(3, KEY_PUBLIC),
	    text_of(4, KEY_PUBLIC), text_of(5, KEY_PUBLIC));
	put(0644, text);
	known("a:1", 1, TRUST_MATCH, 3);
	known("a:1", 3, TRUST_MATCH, 5);
	known("a:1", 2, TRUST_CHANGED, 3);
	known("a:1", 4, TRUST_CHANGED, 3);
	known("b:1", 2, TRUST_MATCH, 4);
	known("b:1", 1, TRUST_CHANGED, 4);
	known("a:10", 5, TRUST_MATCH, 7);
	known("a:", 1, TRUST_UNKNOWN, 0);
	known("c:1", 1, TRUST_UNKNOWN, 0);
	unlink(path);
	known("a:1", 1, TRUST_UNKNOWN, 0);
}

static void test_known_entry(void)
{
	struct key k = key_of(2, KEY_XPUBLIC);
	struct trust_list list;
	char text[256];

	snprintf(text, sizeof(text), "b:1 %s two \x1b words\n", text_of(2, KEY_XPUBLIC));
	put(0600, text);
	CHECK_INT(trust_known_load(&list, path, "b:1", NULL), 0);
	CHECK_INT(list.count, 1);
	CHECK_MEM(&list.entries[0].key, &k, sizeof(k));
	CHECK_STR(list.entries[0].label, "two \\x1b words");
	CHECK_STR(list.path, path);
	trust_free(&list);
}

static void known_bad(mode_t mode, const char *line, enum error_code code, const char *message)
{
	struct error e = {.code = ERROR_OK};
	struct key k = key_of(1, KEY_PUBLIC);
	struct trust_list list;
	char text[1024];

	snprintf(text, sizeof(text), "# one\n%s\n", line);
	put(mode, text);
	CHECK_INT(trust_known_load(&list, path, "some:1", &e), -1);
	CHECK_INT(e.code, code);
	CHECK_INT(list.count, 0);
	if (!strstr(e.text, message) || !strstr(e.text, path))
		CHECK_STR(e.text, message);
	/* Nothing is added to a file that is not understood. */
	CHECK_INT(trust_known_add(path, "some:1", &k, NULL, NULL), -1);
	CHECK_STR(contents(), text);
}

static void test_known_bad(void)
{
	char line[512];

	known_bad(0600, "other:1", ERROR_IO, ":2: no key");
	known_bad(0600, "other:1 # comment", ERROR_IO, ":2: no key");
	known_bad(0600, "other:1 ssh-ed25519 AAAA", ERROR_IO, ":2: does not begin with a public key");
	known_bad(0600, text_of(1, KEY_PUBLIC), ERROR_IO, ":2: no key");
	snprintf(line, sizeof(line), "other:1 %s", text_of(1, KEY_SECRET));
	known_bad(0600, line, ERROR_IO, ":2: a secret key does not belong here");
	snprintf(line, sizeof(line), "other:1 %sx", text_of(1, KEY_PUBLIC));
	known_bad(0600, line, ERROR_IO, ":2: wrong length");
	snprintf(line, sizeof(line), "other:1 %s", text_of(1, KEY_PUBLIC));
	known_bad(0622, line, ERROR_SAFETY, "chmod go-w");
	known_bad(0620, line, ERROR_SAFETY, "chmod go-w");
}

static int add(const char *name, uint8_t n, enum key_form form, const char *comment)
{
	struct key k = key_of(n, form);

	return trust_known_add(path, name, &k, comment, NULL);
}

static void test_add(void)
{
	char expected[2048], deep[512];
	struct error e = {.code = ERROR_OK};
	struct key k = key_of(9, KEY_PUBLIC), secret = key_of(9, KEY_SECRET);
	struct stat st;

	unlink(path);
	CHECK_INT(add("a:1", 1, KEY_PUBLIC, "with\nnewline"), 0);
	CHECK_INT(add("a:1", 1, KEY_PUBLIC, NULL), 1);
	CHECK_INT(add("a:1", 1, KEY_XPUBLIC, NULL), 1);
	CHECK_INT(add("b:1", 2, KEY_XPUBLIC, NULL), 0);
	snprintf(expected, sizeof(expected), "a:1 %s with\\x0anewline\nb:1 %s\n", text_of(1, KEY_PUBLIC),
	    text_of(2, KEY_XPUBLIC));
	CHECK_STR(contents(), expected);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK_INT(trust_known_add(path, "a:1", &k, NULL, &e), -1);
	CHECK_INT(e.code, ERROR_AUTH);
	CHECK_STR(contents(), expected);
	CHECK_INT(trust_known_add(path, "c:1", &secret, NULL, NULL), -1);
	CHECK_STR(contents(), expected);

	put(0644, "# no newline at the end");
	CHECK_INT(add("a:1", 1, KEY_PUBLIC, ""), 0);
	snprintf(expected, sizeof(expected), "# no newline at the end\na:1 %s\n", text_of(1, KEY_PUBLIC));
	CHECK_STR(contents(), expected);
	known("a:1", 1, TRUST_MATCH, 2);

	snprintf(deep, sizeof(deep), "%s/new/known_hosts", dir);
	CHECK_INT(trust_known_add(deep, "a:1", &k, NULL, NULL), 0);
	unlink(deep);
	*strrchr(deep, '/') = '\0';
	CHECK(stat(deep, &st) == 0 && (st.st_mode & 07777) == 0700);
	rmdir(deep);
}

/* A full disk, for which a limit on file sizes stands in: no half line stays. */
static void test_add_full(void)
{
	struct rlimit old, less;
	char before[256];

	signal(SIGXFSZ, SIG_IGN);
	snprintf(before, sizeof(before), "a:1 %s\n", text_of(1, KEY_PUBLIC));
	put(0600, before);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	less = old;
	for (rlim_t more = 0; more < 50; more += 7) {
		less.rlim_cur = strlen(before) + more;
		CHECK_INT(setrlimit(RLIMIT_FSIZE, &less), 0);
		CHECK_INT(add("b:1", 2, KEY_PUBLIC, NULL), -1);
		CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
		CHECK_STR(contents(), before);
	}
	CHECK_INT(add("b:1", 2, KEY_PUBLIC, NULL), 0);
}

/* Many at once: each line whole, none twice. */
static void test_add_together(void)
{
	enum { WRITERS = 8, HOSTS = 12 };
	int status, bad = 0;
	char name[32];

	unlink(path);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() != 0)
			continue;
		for (int h = 0; h < HOSTS; h++) {
			snprintf(name, sizeof(name), "host%d:1", (h + w) % HOSTS);
			bad |= add(name, (uint8_t)((h + w) % HOSTS), KEY_PUBLIC, "c") < 0;
		}
		_exit(bad);
	}
	while (wait(&status) > 0)
		CHECK_INT(status, 0);
	for (int h = 0; h < HOSTS; h++) {
		struct trust_list list;

		snprintf(name, sizeof(name), "host%d:1", h);
		CHECK_INT(trust_known_load(&list, path, name, NULL), 0);
		CHECK_INT(list.count, 1);
		CHECK_INT(trust_known_check(&list, x25519_of((uint8_t)h), NULL), TRUST_MATCH);
		trust_free(&list);
	}
}

/* ---- authorized_keys ---- */

static void test_authorized(void)
{
	struct trust_list list;
	const struct trust_entry *entry;
	char text[4096];
	size_t n = 0;

	for (uint8_t i = 1; i <= 20; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s user%d\n",
		    text_of(i, i % 2 ? KEY_PUBLIC : KEY_XPUBLIC), i);
	snprintf(text + n, sizeof(text) - n, "# again\n%s again\n%s", text_of(3, KEY_XPUBLIC),
	    text_of(21, KEY_PUBLIC));
	put(0644, text);
	CHECK_INT(trust_authorized_load(&list, path, NULL), 0);
	CHECK_INT(list.count, 22);
	for (uint8_t i = 1; i <= 20; i++) {
		char label[16];

		snprintf(label, sizeof(label), "user%d", i);
		entry = trust_authorized_find(&list, x25519_of(i));
		CHECK(entry != NULL);
		if (!entry)
			continue;
		CHECK_STR(entry->label, label);
		CHECK_INT(entry->line, i);
	}
	entry = trust_authorized_find(&list, x25519_of(21));
	CHECK(entry && entry->label[0] == '\0' && entry->line == 23);
	CHECK(trust_authorized_find(&list, x25519_of(22)) == NULL);
	for (uint8_t i = 1; i <= 22; i++) { /* the even ones have no identity in the list, the last is not there */
		struct key identity = key_of(i, KEY_PUBLIC);

		CHECK_INT(trust_authorized_paired(&list, identity.bytes, x25519_of(i)), i % 2);
		CHECK(!trust_authorized_paired(&list, identity.bytes, x25519_of((uint8_t)(i + 1))));
		identity.bytes[31] ^= 0x80;
		CHECK(!trust_authorized_paired(&list, identity.bytes, x25519_of(i)));
	}
	trust_free(&list);
}

static void test_authorized_options(void)
{
	struct error e = {.code = ERROR_OK};
	const struct trust_entry *entry;
	struct trust_list list;
	char text[2048];

	snprintf(text, sizeof(text), "  rate=1K,max-clients=2,command=\"a b\"\t%s the label\n%s plain\n", text_of(1, KEY_PUBLIC),
	    text_of(2, KEY_PUBLIC));
	put(0600, text);
	CHECK_INT(trust_authorized_load(&list, path, &e), 0);
	CHECK_INT(list.count, 2);
	entry = trust_authorized_find(&list, x25519_of(1));
	CHECK(entry && entry->rule.rate == 1024 && entry->rule.max_clients == 2);
	CHECK_STR(entry ? entry->rule.command : "", "a b");
	CHECK_STR(entry ? entry->label : "", "the label");
	entry = trust_authorized_find(&list, x25519_of(2));
	CHECK(entry && entry->rule.rate == 0 && !entry->rule.command);
	trust_free(&list);
}

static void test_authorized_empty(void)
{
	struct error e = {.code = ERROR_OK};
	struct trust_list list;

	put(0600, "\n# nobody\n");
	CHECK_INT(trust_authorized_load(&list, path, &e), 0);
	CHECK_INT(list.count, 0);
	CHECK(trust_authorized_find(&list, x25519_of(1)) == NULL);
	trust_free(&list);
	unlink(path);
	CHECK_INT(trust_authorized_load(&list, path, &e), 1);
	CHECK_INT(e.code, ERROR_OK);
	CHECK_INT(list.count, 0);
	CHECK_INT(trust_authorized_load(&list, dir, &e), -1);
	CHECK_INT(e.code, ERROR_IO);
}

static void authorized_bad(const char *line, const char *message)
{
	struct error e = {.code = ERROR_OK};
	struct trust_list list;
	char text[1024];

	snprintf(text, sizeof(text), "%s good\n%s\n", text_of(1, KEY_PUBLIC), line);
	put(0600, text);
	CHECK_INT(trust_authorized_load(&list, path, &e), -1);
	CHECK_INT(e.code, ERROR_IO);
	CHECK_INT(list.count, 0);
	if (!strstr(e.text, message))
		CHECK_STR(e.text, message);
}

static void test_authorized_bad(void)
{
	char line[512];

	snprintf(line, sizeof(line), "command=\"true\"%s", text_of(2, KEY_PUBLIC));
	authorized_bad(line, ":2: neither a comma nor a blank");
	snprintf(line, sizeof(line), "expires=now,%s", text_of(2, KEY_PUBLIC));
	authorized_bad(line, ":2: expires= is neither a day");
	snprintf(line, sizeof(line), "from=\"10.0.0.1\" %s", text_of(2, KEY_PUBLIC));
	authorized_bad(line, ":2: an option that is not known");
	authorized_bad("rate=1", ":2: no key after the options");
	snprintf(line, sizeof(line), "-%s", text_of(2, KEY_PUBLIC));
	authorized_bad(line, ":2: does not begin with a public key");
	snprintf(line, sizeof(line), "%s,rate=1", text_of(2, KEY_PUBLIC));
	authorized_bad(line, ":2: a character");
	authorized_bad(text_of(2, KEY_SECRET), ":2: a secret key does not belong here");
	authorized_bad("vk1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ":2: ");
}

static void test_authorized_foreign(void)
{
	struct error e = {.code = ERROR_OK}, e2 = e;
	struct trust_list list;

	put(0646, text_of(1, KEY_PUBLIC));
	CHECK_INT(trust_authorized_load(&list, path, &e), -1);
	CHECK_INT(e.code, ERROR_SAFETY);
	if (geteuid() != 0)
		return;
	put(0644, text_of(1, KEY_PUBLIC));
	CHECK_INT(chown(path, 12345, 12345), 0);
	CHECK_INT(trust_authorized_load(&list, path, &e2), -1);
	CHECK_INT(e2.code, ERROR_SAFETY);
}

static void test_nothing_left(void)
{
	unlink(path);
	CHECK_INT(rmdir(dir), 0);
}

int main(void)
{
	if (secret_init() || !mkdtemp(dir))
		return 1;
	umask(022);
	snprintf(path, sizeof(path), "%s/file", dir);
	RUN(test_names);
	RUN(test_known);
	RUN(test_known_entry);
	RUN(test_known_bad);
	RUN(test_add);
	RUN(test_add_full);
	RUN(test_add_together);
	RUN(test_authorized);
	RUN(test_authorized_options);
	RUN(test_authorized_empty);
	RUN(test_authorized_bad);
	RUN(test_authorized_foreign);
	RUN(test_nothing_left);
	UNIT_DONE();
}
