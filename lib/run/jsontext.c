#include "jsontext.h"

#include <string.h>

#include "printable.h"

#define TEXT_MAX 8192

json_t *jsontext(const char *text)
{
	char safe[TEXT_MAX];

	return json_string(printable(safe, sizeof safe, text, strlen(text)));
}
