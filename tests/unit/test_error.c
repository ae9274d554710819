/* error: the first one stays, its text is one line, and its status is the documented one. */
#include "unit.h"

#include "proto/error.h"

static void test_first_stays(void)
{
	struct error e = {.code = ERROR_OK};

	CHECK_INT(error_set(&e, ERROR_TIMEOUT, BLAME_PEER, "after %d s", 3), -1);
	CHECK_INT(error_set(&e, ERROR_IO, BLAME_LOCAL, "later"), -1);
	CHECK_INT(e.code, ERROR_TIMEOUT);
	CHECK_INT(e.blame, BLAME_PEER);
	CHECK_STR(e.text, "after 3 s");
	CHECK_INT(error_set(NULL, ERROR_IO, BLAME_LOCAL, "nowhere"), -1);
}

static void test_one_line(void)
{
	struct error e = {.code = ERROR_OK}, cut = {.code = ERROR_OK};
	char name[2 * ERROR_TEXTMAX];

	error_set(&e, ERROR_IO, BLAME_LOCAL, "%s", "a\nb\r\x1b\x7f\xc3\xa9");
	CHECK_STR(e.text, "a?b???\xc3\xa9");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	error_set(&cut, ERROR_IO, BLAME_LOCAL, "%s", name);
	CHECK_INT(strlen(cut.text), ERROR_TEXTMAX - 1);
}

static void test_statuses(void)
{
	static const struct {
		enum error_code code;
		int status;
		const char *name;
	} documented[] = {
	    {ERROR_OK, 0, "ok"},
	    {ERROR_IO, 1, "io"},
	    {ERROR_USAGE, 2, "usage"},
	    {ERROR_NETWORK, 3, "network"},
	    {ERROR_TIMEOUT, 4, "timeout"},
	    {ERROR_AUTH, 5, "auth"},
	    {ERROR_TRUNCATED, 6, "truncated"},
	    {ERROR_PEER, 7, "peer"},
	    {ERROR_PROTOCOL, 8, "protocol"},
	    {ERROR_SAFETY, 9, "safety"},
	};

	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++) {
		CHECK_INT(error_status(documented[i].code), documented[i].status);
		CHECK_STR(error_name(documented[i].code), documented[i].name);
	}
}

int main(void)
{
	RUN(test_first_stays);
	RUN(test_one_line);
	RUN(test_statuses);
	UNIT_DONE();
}
