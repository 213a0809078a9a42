/* XXH3-64. xxHash is taken as its header: its streaming state can then lie on the stack, with no allocation behind the caller's back
 * and no dependence on the layout another release of the shared library has. */
#include "hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(slmi_hasher), "slmi_hasher has no room for this xxHash");
_Static_assert(_Alignof(XXH3_state_t) <= _Alignof(slmi_hasher), "slmi_hasher is not aligned for this xxHash");

static XXH3_state_t *state_of(slmi_hasher *hasher) { return (XXH3_state_t *)(void *)hasher->bytes; }

uint64_t slmi_hash(const void *data, size_t size) { return XXH3_64bits(data, size); }

void slmi_hasher_start(slmi_hasher *hasher) {
    XXH3_INITSTATE(state_of(hasher));
    XXH3_64bits_reset(state_of(hasher));
}

void slmi_hasher_add(slmi_hasher *hasher, const void *data, size_t size) { XXH3_64bits_update(state_of(hasher), data, size); }

uint64_t slmi_hasher_result(const slmi_hasher *hasher) { return XXH3_64bits_digest((const XXH3_state_t *)(const void *)hasher->bytes); }
