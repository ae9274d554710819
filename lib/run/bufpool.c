#include "bufpool.h"

#include <stdlib.h>
#include <string.h>

void *bufpool_take(struct bufpool *pool, size_t size)
{
	for (int i = 0; pool && i < BUFPOOL_SIZES; i++) {
		void *block = pool->lists[i].first;

		if (pool->lists[i].size == size && block) {
			memcpy(&pool->lists[i].first, block, sizeof(void *));
			pool->lists[i].count--;
			return block;
		}
	}
	return malloc(size);
}

void bufpool_give(struct bufpool *pool, void *block, size_t size)
{
	for (int i = 0; pool && i < BUFPOOL_SIZES; i++) {
		if (pool->lists[i].size == 0)
			pool->lists[i].size = size;
		if (pool->lists[i].size != size)
			continue;
		if ((pool->lists[i].count + 1) * size > BUFPOOL_KEPT)
			break;
		memcpy(block, &pool->lists[i].first, sizeof(void *));
		pool->lists[i].first = block;
		pool->lists[i].count++;
		return;
	}
	free(block);
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
