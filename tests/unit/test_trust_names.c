/* known_hosts: names, patterns and hidden names, and lines taken out while others are added. */
#include "keyfile_dir.h"

#include <sys/wait.h>

#include "run/trust.h"

/* ---- names ---- */

static void match_case(const char *names, const char *name, bool expected)
{
	if (trust_names_match(names, strlen(names), name) != expected)
		CHECK_STR(names, name);
}

static void test_patterns(void)
{
	match_case("a:1", "a:1", true);
	match_case("a:1", "a:11", false);
	match_case("a:11", "a:1", false);
	match_case("*", "", true);
	match_case("*", "anything:1", true);
	match_case("a:*", "a:5004", true);
	match_case("a:*", "ab:5004", false);
	match_case("*.example.org:5004", "x.y.example.org:5004", true);
	match_case("*.example.org:5004", "example.org:5004", false);
	match_case("host?:1", "host7:1", true);
	match_case("host?:1", "host:1", false);
	match_case("host?:1", "host77:1", false);
	match_case("a*b*c", "aXbXbXc", true);
	match_case("a*b*c", "aXbXbX", false);
	match_case("**a**", "bab", true);
	match_case("a:1,b:1", "b:1", true);
	match_case("a:1,b:1", "c:1", false);
	match_case("*:1,!b:1", "a:1", true);
	match_case("*:1,!b:1", "b:1", false);
	match_case("!b:1,*:1", "b:1", false);
	match_case("!b:1", "a:1", false);
	match_case("[::1]:*", "[::1]:22", true);
	/* A long text against many stars takes no time that anybody would notice. */
	match_case("*a*a*a*a*a*a*a*a*a*a*a*a*b",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false);
}

static void test_kinds(void)
{
	static const struct {
		const char *names;
		enum trust_names kind;
	} cases[] = {{"a:1", TRUST_NAMES_ONE}, {"[::1]:1", TRUST_NAMES_ONE}, {"/run/s", TRUST_NAMES_ONE},
	    {"a,b", TRUST_NAMES_PATTERN}, {"a*", TRUST_NAMES_PATTERN}, {"?", TRUST_NAMES_PATTERN},
	    {"!a", TRUST_NAMES_PATTERN}, {"a,,b", TRUST_NAMES_BAD}, {"a,", TRUST_NAMES_BAD}, {",a", TRUST_NAMES_BAD},
	    {"a,!", TRUST_NAMES_BAD}, {"!", TRUST_NAMES_BAD}, {"|", TRUST_NAMES_BAD}, {"|1|", TRUST_NAMES_BAD},
	    {"|1|AAAAAAAAAAAAAAAAAAAAAA|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TRUST_NAMES_HIDDEN},
	    {"|1|AAAAAAAAAAAAAAAAAAAAAB|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TRUST_NAMES_BAD},
	    {"|2|AAAAAAAAAAAAAAAAAAAAAA|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TRUST_NAMES_BAD},
	    {"|1|AAAAAAAAAAAAAAAAAAAAAA|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TRUST_NAMES_BAD}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (trust_names_kind(cases[i].names, strlen(cases[i].names)) != cases[i].kind)
			CHECK_STR(cases[i].names, "");
}

static void test_hidden(void)
{
	char hidden[TRUST_NAME_MAX], again[TRUST_NAME_MAX];

	trust_names_hide(hidden, "server:5004", &secret_rng);
	trust_names_hide(again, "server:5004", &secret_rng);
	CHECK(strcmp(hidden, again) != 0);
	CHECK_INT(trust_names_kind(hidden, strlen(hidden)), TRUST_NAMES_HIDDEN);
	match_case(hidden, "server:5004", true);
	match_case(again, "server:5004", true);
	match_case(hidden, "server:5005", false);
	match_case(hidden, hidden, false);
	hidden[strlen(hidden) - 2] ^= 1;
	match_case(hidden, "server:5004", false);
}

/* What a name can be made of cannot be mistaken for a pattern. */
static void test_escaped(void)
{
	static const char *const hosts[] = {"/a,b", "/a*b", "/a?b", "!h", "|1|h", "#h", "/x y"};
	char name[TRUST_NAME_MAX];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		CHECK_INT(trust_name(name, hosts[i], 1, NULL), 0);
		CHECK_INT(trust_names_kind(name, strlen(name)), TRUST_NAMES_ONE);
		match_case(name, name, true);
	}
}

/* ---- files ---- */

static void make_key(struct key *pub, uint8_t n)
{
	const struct key secret = {KEY_SECRET, {n, 1}};

	CHECK_INT(key_public(pub, &secret), 0);
}

static size_t count_of(const char *name)
{
	struct trust_list list;
	size_t n;

	CHECK_INT(trust_known_load(&list, path, name, NULL), 0);
	n = list.count;
	trust_free(&list);
	return n;
}

static void test_stays_hidden(void)
{
	struct trust_edited done;
	struct key k;

	unlink(path);
	make_key(&k, 1);
	CHECK_INT(trust_known_add(path, "a:1", &k, NULL, NULL), 0);
	CHECK_INT(trust_known_hide(path, &done, NULL), 0);
	CHECK_INT(done.changed, 1);
	CHECK_INT(trust_known_add(path, "b:1", &k, "note", NULL), 0);
	CHECK_INT(trust_known_hide(path, &done, NULL), 0);
	CHECK_INT(done.changed, 0);
	CHECK_INT(trust_known_add(path, "b:1", &k, NULL, NULL), 1);
	CHECK_INT(count_of("a:1"), 1);
	CHECK_INT(count_of("b:1"), 1);
	CHECK_INT(trust_known_remove(path, "a:1", &done, NULL), 0);
	CHECK_INT(done.changed, 1);
	CHECK_INT(count_of("a:1"), 0);
	CHECK_INT(count_of("b:1"), 1);
}

/* What is not a line of ours, and the last line without its newline, stay byte by byte. */
static void test_remove_keeps(void)
{
	char text[KEYTEXT_MAX], before[1024], after[1024], got[1024];
	struct trust_edited done;
	ssize_t n;
	int fd;

	key_text(text, KEY_PUBLIC);
	snprintf(before, sizeof(before), "# mine\r\n\nb:1 %s\n  a:1\t%s x\nrubbish\n*:1 %s\nb:2 %s", text, text, text, text);
	snprintf(after, sizeof(after), "# mine\r\n\nb:1 %s\nrubbish\n*:1 %s\nb:2 %s", text, text, text);
	put_text(path, 0640, before);
	CHECK_INT(trust_known_remove(path, "a:1", &done, NULL), 0);
	CHECK_INT(done.changed, 1);
	CHECK_INT(done.patterns, 1);
	fd = open(path, O_RDONLY);
	n = read(fd, got, sizeof(got) - 1);
	close(fd);
	got[n > 0 ? n : 0] = '\0';
	CHECK_STR(got, after);
}

/* Many processes add lines while others are taken out, each time by a new file: none gets lost. */
static void test_together(void)
{
	enum { WRITERS = 50, ROUNDS = 40 };
	struct trust_edited done;
	char name[32];
	struct key k;
	int status;

	unlink(path);
	make_key(&k, 1);
	CHECK_INT(trust_known_add(path, "start:1", &k, NULL, NULL), 0);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() != 0)
			continue;
		snprintf(name, sizeof(name), "host%d:1", w);
		_exit(trust_known_add(path, name, &k, NULL, NULL) != 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(trust_known_add(path, "gone:1", &k, NULL, NULL), 0);
		CHECK_INT(trust_known_remove(path, "gone:1", &done, NULL), 0);
		CHECK_INT(done.changed, 1);
	}
	while (wait(&status) > 0)
		CHECK_INT(status, 0);
	for (int w = 0; w < WRITERS; w++) {
		snprintf(name, sizeof(name), "host%d:1", w);
		CHECK_INT(count_of(name), 1);
	}
	CHECK_INT(count_of("start:1"), 1);
	CHECK_INT(count_of("gone:1"), 0);
	unlink(path);
}

int main(void)
{
	if (keyfile_dir_begin())
		return 1;
	RUN(test_patterns);
	RUN(test_kinds);
	RUN(test_hidden);
	RUN(test_escaped);
	RUN(test_stays_hidden);
	RUN(test_remove_keeps);
	RUN(test_together);
	UNIT_DONE();
}
