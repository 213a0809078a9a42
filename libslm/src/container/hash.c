/* XXH3-64. xxHash is taken as its header: its streaming state can then lie on the stack, with no allocation behind the caller's back
 * and no dependence on the layout another release of the shared library has. */
#include "hash.h"

#include <stdatomic.h>

#include "hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(XXH3_state_t) <= sizeof(slmi_hasher), "slmi_hasher has no room for this xxHash");
_Static_assert(_Alignof(XXH3_state_t) <= _Alignof(slmi_hasher), "slmi_hasher is not aligned for this xxHash");

#define SHORT 240 /* bytes up to which XXH3 has no vector loop */

static XXH3_state_t *state_of(slmi_hasher *hasher) { return (XXH3_state_t *)(void *)hasher->bytes; }

#if SLM_HAVE_X86
/* Asking the processor costs as much as a chunk's sum where there is a hypervisor between, so it is asked once. */
static bool has_avx2(void) {
    static atomic_int known; /* 0: not asked yet; else 1 + the answer */
    int state = atomic_load_explicit(&known, memory_order_relaxed);
    if (state == 0) {
        state = 1 + slm_cpu_avx2();
        atomic_store_explicit(&known, state, memory_order_relaxed);
    }
    return state == 2;
}
#endif

uint64_t slmi_hash(const void *data, size_t size) {
#if SLM_HAVE_X86
    if (size > SHORT && has_avx2())
        return slmi_hash_avx2(data, size);
#endif
    return XXH3_64bits(data, size);
}

void slmi_hasher_start(slmi_hasher *hasher) {
    XXH3_INITSTATE(state_of(hasher));
    XXH3_64bits_reset(state_of(hasher));
}

void slmi_hasher_add(slmi_hasher *hasher, const void *data, size_t size) {
#if SLM_HAVE_X86
    if (size > SHORT && has_avx2()) {
        slmi_hasher_add_avx2(hasher, data, size);
        return;
    }
#endif
    XXH3_64bits_update(state_of(hasher), data, size);
}

uint64_t slmi_hasher_result(const slmi_hasher *hasher) { return XXH3_64bits_digest((const XXH3_state_t *)(const void *)hasher->bytes); }
