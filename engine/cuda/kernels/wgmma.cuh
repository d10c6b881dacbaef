// Hopper's matrix instructions (sm_90a) and what feeds them: swizzled tiles in
// shared memory, their descriptors, and barriers between the warps that copy
// and the warpgroups that multiply.
//
// A tile is rows of 64 bf16, 128 bytes each, in panels: panel p holds columns
// 64p..64p+63 of all rows, and within it the 16-byte group g of row r lies in
// place g ^ (r % 8), which the matrix units undo. Tiles start at multiples of
// 1024 bytes.

#pragma once

#include "common.cuh"

enum { WARPGROUP = 128, PANEL = 64, PANEL_ROW = 128 };

// --- Barriers in shared memory -------------------------------------------------

DEVICE void barrier_init(uint32_t barrier, uint32_t arrivals) { asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory"); }
DEVICE void barrier_arrive(uint32_t barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory"); }
// barrier_arrive_copied arrives when the asynchronous copies that this thread
// has started are done.
DEVICE void barrier_arrive_copied(uint32_t barrier) { asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory"); }
// barrier_wait waits for the end of the phase of the parity given; phases count from 0.
DEVICE void barrier_wait(uint32_t barrier, uint32_t parity) {
  asm volatile("{\n"
               ".reg .pred done;\n"
               "again:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
               "@!done bra again;\n"
               "}" ::"r"(barrier),
               "r"(parity)
               : "memory");
}
// fence_copies lets the matrix units see what copies wrote to shared memory.
DEVICE void fence_copies() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// The barriers of a block's warps, numbered from 1 (0 is __syncthreads).
DEVICE void named_sync(int barrier, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory"); }
DEVICE void named_arrive(int barrier, int threads) { asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory"); }

// give_registers and take_registers move registers from warpgroups that copy to
// those that multiply.
template <int COUNT> DEVICE void give_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT)); }
template <int COUNT> DEVICE void take_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT)); }

// --- Rings of tiles ------------------------------------------------------------

enum {
  STAGES = 2,    // tiles of a ring
  CONSUMERS = 8, // warps that multiply
};

// place is a position in a ring of STAGES tiles: its slot, and the parity of
// the round that is under way.
struct place {
  uint32_t slot = 0, parity = 0;
  __device__ __forceinline__ void next() {
    if (++slot == STAGES)
      slot = 0, parity ^= 1;
  }
};

// ring is STAGES tiles of BYTES each with a barrier for each that it is full
// and one that it is empty.
template <int BYTES> struct ring {
  uint32_t tiles, barriers;
  __device__ __forceinline__ uint32_t tile_at(const place &p) const { return tiles + p.slot * BYTES; }
  __device__ __forceinline__ uint32_t full(const place &p) const { return barriers + p.slot * 16; }
  __device__ __forceinline__ uint32_t empty(const place &p) const { return barriers + p.slot * 16 + 8; }
  __device__ __forceinline__ void init() const {
    for (int i = 0; i < STAGES; i++) {
      barrier_init(barriers + i * 16, WARPGROUP);
      barrier_init(barriers + i * 16 + 8, CONSUMERS);
    }
  }
  // The copying side waits for an empty place; in the first round all are.
  __device__ __forceinline__ void await_empty(const place &p) const { barrier_wait(empty(p), p.parity ^ 1); }
  __device__ __forceinline__ void publish(const place &p) const { barrier_arrive_copied(full(p)); }
  // The multiplying side.
  __device__ __forceinline__ void await_full(const place &p) const {
    barrier_wait(full(p), p.parity);
    fence_copies();
  }
  __device__ __forceinline__ void release(const place &p) const {
    __syncwarp();
    if (threadIdx.x % WARP == 0)
      barrier_arrive(empty(p));
  }
};

// --- Descriptors ---------------------------------------------------------------

// by_rows describes an operand whose inner dimension is a row's: for each step
// of 16 columns within a panel add STEP_COLUMNS, for the next panel its bytes / 16.
DEVICE uint64_t by_rows(uint32_t address) {
  const uint64_t eight_rows = 8 * PANEL_ROW / 16, swizzle128 = 1;
  return (address & 0x3FFFF) / 16 | (uint64_t)1 << 16 | eight_rows << 32 | swizzle128 << 62;
}
// by_columns describes an operand whose inner dimension is the rows, of a tile
// with panels of so many bytes: for each step of 16 rows add STEP_ROWS.
DEVICE uint64_t by_columns(uint32_t address, uint32_t panel_bytes) {
  const uint64_t eight_rows = 8 * PANEL_ROW / 16, swizzle128 = 1;
  return (address & 0x3FFFF) / 16 | (uint64_t)(panel_bytes / 16) << 16 | eight_rows << 32 | swizzle128 << 62;
}
enum { STEP_COLUMNS = 16 * 2 / 16, STEP_ROWS = 16 * PANEL_ROW / 16 };

// --- Products ------------------------------------------------------------------

DEVICE void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int PENDING> DEVICE void products_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory"); }

// settle keeps the compiler from moving uses of registers across the wait for
// the product that writes them.
template <int N> DEVICE void settle(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++)
    asm volatile("" : "+f"(d[i])::"memory");
}

#define LIST8(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define LIST32(d, i) LIST8(d, i), LIST8(d, i + 8), LIST8(d, i + 16), LIST8(d, i + 24)
#define NAMES32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES64 NAMES32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// product adds a 64 x 16 times 16 x N product to d, 64 x N in accumulator
// layout: warp w of the group has rows 16w..; element 4j+i of lane l is row
// l/4 + 8(i/2), column 8j + 2(l%4) + i%2. ADD 0 starts from zero instead.
// A and B are by rows: d = A B^T.
template <int ADD> DEVICE void product(float (&d)[32], uint64_t a, uint64_t b) {
  asm volatile("{.reg .pred add; setp.ne.b32 add, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES32 "}, %32, %33, add, 1, 1, 0, 0;}" : LIST32(d, 0) : "l"(a), "l"(b), "n"(ADD));
}
template <int ADD> DEVICE void product(float (&d)[64], uint64_t a, uint64_t b) {
  asm volatile("{.reg .pred add; setp.ne.b32 add, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NAMES64 "}, %64, %65, add, 1, 1, 0, 0;}" : LIST32(d, 0), LIST32(d, 32) : "l"(a), "l"(b), "n"(ADD));
}
// A in registers, B by columns: d += A B.
DEVICE void product(float (&d)[32], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" NAMES32 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;" : LIST32(d, 0) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
DEVICE void product(float (&d)[64], const uint32_t (&a)[4], uint64_t b) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" NAMES64 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;" : LIST32(d, 0), LIST32(d, 32) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

// rows_product starts d = A B^T over D channels. a and b describe the first
// panels; the others follow A_ROWS and B_ROWS rows later.
template <int D, int A_ROWS, int B_ROWS, int N> DEVICE void rows_product(float (&d)[N], uint64_t a, uint64_t b) {
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    const int panel = k / PANEL, step = k % PANEL / 16 * STEP_COLUMNS;
    const uint64_t ak = a + panel * (A_ROWS * PANEL_ROW / 16) + step, bk = b + panel * (B_ROWS * PANEL_ROW / 16) + step;
    if (k == 0)
      product<0>(d, ak, bk);
    else
      product<1>(d, ak, bk);
  }
}

// weights_product starts d += W B: W is bf16 in registers, B by columns.
template <int K, int N> DEVICE void weights_product(float (&d)[N], const uint32_t (&w)[K / 16][4], uint64_t b) {
#pragma unroll
  for (int k = 0; k < K / 16; k++)
    product(d, w[k], b + k * STEP_ROWS);
}

// round_weights turns a matrix in accumulator layout into the A operand.
template <int K> DEVICE void round_weights(uint32_t (&w)[K / 16][4], const float (&x)[K / 2]) {
#pragma unroll
  for (int k = 0; k < K / 16; k++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      w[k][i] = narrow2(x[k * 8 + i * 2], x[k * 8 + i * 2 + 1]);
}
