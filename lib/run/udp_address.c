#include "udp_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool udp_address_is_v4(const struct udp_address *a)
{
	static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->ip, v4, sizeof v4) == 0;
}

bool udp_address_from(struct udp_address *a, const struct sockaddr *sa)
{
	memset(a, 0, sizeof *a);
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;

		a->ip[10] = a->ip[11] = 0xff;
		memcpy(a->ip + 12, &v4->sin_addr, 4);
		a->port = ntohs(v4->sin_port);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sa;

		memcpy(a->ip, &v6->sin6_addr, 16);
		a->port = ntohs(v6->sin6_port);
		a->scope = IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? v6->sin6_scope_id : 0;
		return true;
	}
	return false;
}

socklen_t udp_address_to(struct sockaddr_storage *sa, const struct udp_address *a, int family)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)sa;

	memset(sa, 0, sizeof *sa);
	if (family == AF_INET) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(a->port);
		memcpy(&v4->sin_addr, a->ip + 12, 4);
		return sizeof *v4;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(a->port);
	v6->sin6_scope_id = a->scope;
	memcpy(&v6->sin6_addr, a->ip, 16);
	return sizeof *v6;
}

char *udp_address_text(char out[ADDRESS_TEXTMAX], const struct udp_address *a)
{
	struct sockaddr_storage sa;
	socklen_t len = udp_address_to(&sa, a, udp_address_is_v4(a) ? AF_INET : AF_INET6);

	return address_of(out, (struct sockaddr *)&sa, len);
}

bool udp_address_numeric(struct udp_address *at, const struct address *a)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

	if (inet_pton(AF_INET, a->host, &v4.sin_addr) == 1)
		return udp_address_from(at, (struct sockaddr *)&v4);
	return inet_pton(AF_INET6, a->host, &v6.sin6_addr) == 1 && udp_address_from(at, (struct sockaddr *)&v6);
}
