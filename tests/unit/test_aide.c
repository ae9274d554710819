/* aide: work is done once, by whoever comes to it, before finish() comes back; also when there is none. */
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "run/aide.h"
#include "unit.h"

static unsigned done, wanted;

static void work(void *arg)
{
	unsigned *rounds = arg;

	for (volatile unsigned i = 0; i < *rounds; i++)
		;
	done++;
}

static void test_work(void)
{
	struct session_config config = {0};
	struct aide *a = aide_new();
	unsigned rounds;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		CHECK(a == NULL);
		return;
	}
	CHECK(a != NULL);
	aide_join(a, &config);
	CHECK(config.aide != NULL && config.squash_buf != NULL);
	memset(config.squash_buf, 1, SQUASH_PAIR);
	for (rounds = 0; rounds < 2000; rounds++) {
		config.aide->start(config.aide, work, &rounds);
		/* Sometimes it has begun by now, sometimes it has not. */
		for (volatile unsigned i = 0; i < rounds % 7 * 300; i++)
			;
		config.aide->finish(config.aide);
		CHECK_INT(done, ++wanted);
	}
	/* Nobody asked: nothing to be done. */
	config.aide->finish(config.aide);
	CHECK_INT(done, wanted);
	aide_free(a);
}

static void test_never_used(void)
{
	aide_free(aide_new());
	aide_free(NULL);
	CHECK_INT(done, wanted);
}

int main(void)
{
	if (secret_init() != 0)
		return 1;
	RUN(test_work);
	RUN(test_never_used);
	UNIT_DONE();
}
