/* rule: the options before a key in authorized_keys. */
#include "run/rule.h"

#include <string.h>

#include "unit.h"

static ssize_t parse(struct rule *r, const char *text, const char **why)
{
	*why = "";
	return rule_parse(r, text, strlen(text), why);
}

static void test_none(void)
{
	static const char *const texts[] = {"", "vk1abc", "# comment", "command", "command \"x\"", "=x", "\"x\"", "UPPER=1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rule r;
		const char *why;

		CHECK_INT(parse(&r, texts[i], &why), 0);
		CHECK(!r.command && !r.forward && r.rate == 0 && r.max_clients == 0 && r.expires == 0);
	}
}

static void test_all(void)
{
	static const char text[] = "command=\"say \\\"hi\\\", \\\\ and $x\",forward=[::1]:80,rate=2M,max-clients=3,expires=2027-01-31";
	char line[200];
	struct rule r;
	const char *why;

	snprintf(line, sizeof(line), "%s vk1key label", text);
	CHECK_INT(parse(&r, line, &why), strlen(text));
	CHECK_STR(r.command, "say \"hi\", \\ and $x");
	CHECK_STR(r.forward, "[::1]:80");
	CHECK_INT(r.rate, 2 * 1024 * 1024);
	CHECK_INT(r.max_clients, 3);
	CHECK_INT(r.expires, 1801440000); /* the end of that day: 2027-02-01T00:00:00Z */
	rule_free(&r);
	CHECK(!r.command);
	CHECK_INT(parse(&r, "expires=2027-01-31T12:30:01Z\tvk1", &why), 28);
	CHECK_INT(r.expires, 1801398601);
	CHECK_INT(parse(&r, "command=\\a\\\"b", &why), 13); /* only in quotes a backslash means anything */
	CHECK_STR(r.command, "\\a\\\"b");
	rule_free(&r);
	CHECK_INT(parse(&r, "rate=1K", &why), 7);
	CHECK_INT(r.rate, 1024);
	CHECK_INT(parse(&r, "rate=1024G", &why), 10);
}

static void test_wrong(void)
{
	static const char *const texts[] = {"command=", "command=\"\"", "command=\"a", "command=\"a\\\"", "command=\"a\"b", "command=a,", "command=a,,rate=1",
	    "command=a,command=b", "forward=a,forward=b", "rate=0", "rate=-1", "rate= 1", "rate=1T", "rate=1025G", "rate=99999999999999999999G", "rate=1KK",
	    "max-clients=0", "max-clients=1K", "max-clients=1000001", "expires=2027", "expires=2027-13-01", "expires=2027-01-31T12:00:00", "expires=2027-01-31T12",
	    "expires=1969-01-01", "expires=2027-01-31x", "from=\"*\"", "rate=1,no-pty vk1", "x=1", "rate=1 ,max-clients=2x,"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) - 1; i++) {
		struct rule r;
		const char *why;

		CHECK_INT(parse(&r, texts[i], &why), -1);
		CHECK(why[0] != '\0');
		CHECK(!r.command && !r.forward);
	}
}

/* However the line is cut, nothing behind its end is read (ASan looks), and no text is kept. */
static void test_cut(void)
{
	static const char text[] = "command=\"a \\\\ b\",rate=10,expires=2027-01-31 vk1";

	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = malloc(n > 0 ? n : 1);
		struct rule r;
		const char *why = "";

		memcpy(copy, text, n);
		/* Whole are: nothing, the command, up to rate=1 and rate=10, and all of it. */
		CHECK_INT(rule_parse(&r, copy, n, &why) > 0, n == 16 || n == 23 || n == 24 || n >= 42 /* a day of one digit, too */);
		free(copy);
		rule_free(&r);
	}
}

static void test_only_for(void)
{
	static const struct {
		const char *text;
		bool stdio, commands, backends;
	} cases[] = {{"rate=1,max-clients=1,expires=2027-01-31", true, true, true}, {"command=a", false, true, false},
	    {"forward=a", false, false, true}, {"rate=1,command=a,forward=b", false, true, true}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule r;
		const char *why = "";

		CHECK(parse(&r, cases[i].text, &why) > 0);
		CHECK_INT(!rule_only_for(&r, RULE_STDIO), cases[i].stdio);
		CHECK_INT(!rule_only_for(&r, RULE_COMMANDS), cases[i].commands);
		CHECK_INT(!rule_only_for(&r, RULE_BACKENDS), cases[i].backends);
		rule_free(&r);
	}
}

int main(void)
{
	RUN(test_none);
	RUN(test_all);
	RUN(test_wrong);
	RUN(test_cut);
	RUN(test_only_for);
	UNIT_DONE();
}
