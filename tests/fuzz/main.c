/*
 * main: runs a fuzz target over given inputs, without a fuzzer.
 *
 *   NAME-replay PATH...   each file, and each file in each directory (not deeper)
 *   NAME-replay           standard input, as one input
 *
 * This is how committed corpora are replayed by any compiler, how a crash is looked at in a
 * debugger, and what AFL++ can drive with its @@ argument.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (16U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static unsigned inputs;

/* A copy of exactly the input's size, so that a read past its end is seen by a sanitizer. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		err(2, "malloc");
	for (size_t i = 0; i < size; i++)
		exact[i] = data[i];
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	inputs++;
}

static void run_stream(FILE *f, const char *name)
{
	uint8_t *buf = malloc(INPUT_MAX);
	size_t size;

	if (!buf)
		err(2, "malloc");
	size = fread(buf, 1, INPUT_MAX, f);
	if (ferror(f))
		err(2, "%s", name);
	if (!feof(f) && getc(f) != EOF)
		errx(2, "%s: larger than %u bytes", name, INPUT_MAX);
	run(buf, size);
	free(buf);
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		err(2, "%s", path);
	run_stream(f, path);
	fclose(f);
}

static void run_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	char name[4096];
	int n;

	if (!dir)
		err(2, "%s", path);
	while ((entry = readdir(dir))) {
		n = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (n < 0 || (size_t)n >= sizeof(name))
			errx(2, "%s/%s: name too long", path, entry->d_name);
		if (stat(name, &st) != 0)
			err(2, "%s", name);
		if (S_ISREG(st.st_mode))
			run_file(name);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (LLVMFuzzerInitialize)
		(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) != 0)
			err(2, "%s", argv[i]);
		if (S_ISDIR(st.st_mode))
			run_directory(argv[i]);
		else
			run_file(argv[i]);
	}
	if (argc == 1)
		run_stream(stdin, "stdin");
	printf("%u inputs\n", inputs);
	return 0;
}
