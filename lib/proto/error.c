#include "error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* One line whatever was put in: a message may quote a path or a host name. */
static void error_flatten(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int error_set(struct error *e, enum error_code code, enum error_blame blame, const char *format, ...)
{
	va_list ap;

	if (!e || e->code != ERROR_OK)
		return -1;
	e->code = code;
	e->blame = blame;
	va_start(ap, format);
	if (vsnprintf(e->text, sizeof(e->text), format, ap) < 0)
		e->text[0] = '\0';
	va_end(ap);
	error_flatten(e->text);
	return -1;
}

int error_status(enum error_code code)
{
	switch (code) {
#define X(name, status, text) \
	case ERROR_##name: \
		return status;
		ERROR_MAP(X)
#undef X
	}
	return 1;
}

const char *error_name(enum error_code code)
{
	switch (code) {
#define X(name, status, text) \
	case ERROR_##name: \
		return text;
		ERROR_MAP(X)
#undef X
	}
	return "unknown";
}
