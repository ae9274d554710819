#include "bufpool.h"

#include <stdlib.h>
#include <string.h>

/* Where blocks of this size are counted; NULL: nowhere. */
static struct bufpool_list *list_of(struct bufpool *pool, size_t size)
{
	for (int i = 0; pool && i < BUFPOOL_SIZES; i++) {
		if (pool->lists[i].size == 0)
			pool->lists[i].size = size;
		if (pool->lists[i].size == size)
			return &pool->lists[i];
	}
	return NULL;
}

void *bufpool_take(struct bufpool *pool, size_t size)
{
	struct bufpool_list *l = list_of(pool, size);
	void *block = l ? l->first : NULL;

	if (block) {
		memcpy(&l->first, block, sizeof(void *));
		l->count--;
	} else
		block = malloc(size);
	if (l && block)
		l->lent++;
	return block;
}

void bufpool_give(struct bufpool *pool, void *block, size_t size)
{
	struct bufpool_list *l = list_of(pool, size);

	if (l)
		l->lent--;
	if (!l || (l->count + 1) * size > BUFPOOL_KEPT) {
		free(block);
		return;
	}
	memcpy(block, &l->first, sizeof(void *));
	l->first = block;
	l->count++;
}

bool bufpool_crowded(const struct bufpool *pool, size_t size)
{
	for (int i = 0; pool && i < BUFPOOL_SIZES; i++)
		if (pool->lists[i].size == size)
			return pool->lists[i].lent * size > BUFPOOL_LENT;
	return false;
}

void bufpool_free(struct bufpool *pool)
{
	for (int i = 0; i < BUFPOOL_SIZES; i++)
		while (pool->lists[i].first) {
			void *block = pool->lists[i].first;

			memcpy(&pool->lists[i].first, block, sizeof(void *));
			free(block);
		}
	memset(pool, 0, sizeof *pool);
}
