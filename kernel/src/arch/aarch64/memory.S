// memcpy, memmove and memset for a compiler that has no vector registers: they take
// precedence over the weak ones of compiler_builtins, which move 8 bytes at a time.
//
// Short ranges are covered by two accesses that may overlap in the middle, so no length
// needs a loop over bytes.

.section .text.memory, "ax"

// memcpy(x0 = to, x1 = from, x2 = bytes) -> x0. All loads of a step come before its
// stores, so up to 64 bytes the ranges may overlap.
.global memcpy
memcpy:
    add     x4, x1, x2                     // ends
    add     x5, x0, x2
    cmp     x2, #16
    b.lo    memcpy_below_16
    cmp     x2, #32
    b.hi    memcpy_above_32
    ldp     x6, x7, [x1]
    ldp     x8, x9, [x4, #-16]
    stp     x6, x7, [x0]
    stp     x8, x9, [x5, #-16]
    ret
memcpy_below_16:
    tbz     x2, #3, 1f
    ldr     x6, [x1]
    ldr     x7, [x4, #-8]
    str     x6, [x0]
    str     x7, [x5, #-8]
    ret
1:  tbz     x2, #2, 2f
    ldr     w6, [x1]
    ldr     w7, [x4, #-4]
    str     w6, [x0]
    str     w7, [x5, #-4]
    ret
2:  cbz     x2, 3f
    lsr     x3, x2, #1                     // 1, 2 or 3 bytes: first, middle, last
    ldrb    w6, [x1]
    ldrb    w7, [x1, x3]
    ldrb    w8, [x4, #-1]
    strb    w6, [x0]
    strb    w7, [x0, x3]
    strb    w8, [x5, #-1]
3:  ret
memcpy_above_32:
    cmp     x2, #64
    b.hi    memcpy_above_64
    ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x4, #-32]
    ldp     x12, x13, [x4, #-16]
    stp     x6, x7, [x0]
    stp     x8, x9, [x0, #16]
    stp     x10, x11, [x5, #-32]
    stp     x12, x13, [x5, #-16]
    ret
memcpy_above_64:
    mov     x3, x0
    sub     x2, x2, #64                    // bytes before the last 64
1:  ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x1, #32]
    ldp     x12, x13, [x1, #48]
    add     x1, x1, #64
    stp     x6, x7, [x3]
    stp     x8, x9, [x3, #16]
    stp     x10, x11, [x3, #32]
    stp     x12, x13, [x3, #48]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hi    1b
    ldp     x6, x7, [x4, #-64]
    ldp     x8, x9, [x4, #-48]
    ldp     x10, x11, [x4, #-32]
    ldp     x12, x13, [x4, #-16]
    stp     x6, x7, [x5, #-64]
    stp     x8, x9, [x5, #-48]
    stp     x10, x11, [x5, #-32]
    stp     x12, x13, [x5, #-16]
    ret

// memmove: as memcpy, but from the end where the target begins inside the source.
.global memmove
memmove:
    sub     x3, x0, x1
    cmp     x3, x2
    b.hs    memmove_forward                // also where the target lies before
    cmp     x2, #64
    b.ls    memcpy
    add     x4, x1, x2
    add     x5, x0, x2
    ldp     x14, x15, [x1]                 // the first 64 bytes, stored last
    ldp     x16, x17, [x1, #16]
    ldp     x6, x7, [x1, #32]
    ldp     x8, x9, [x1, #48]
    stp     x6, x7, [sp, #-32]!
    stp     x8, x9, [sp, #16]
    sub     x2, x2, #64
1:  ldp     x6, x7, [x4, #-16]
    ldp     x8, x9, [x4, #-32]
    ldp     x10, x11, [x4, #-48]
    ldp     x12, x13, [x4, #-64]
    sub     x4, x4, #64
    stp     x6, x7, [x5, #-16]
    stp     x8, x9, [x5, #-32]
    stp     x10, x11, [x5, #-48]
    stp     x12, x13, [x5, #-64]
    sub     x5, x5, #64
    subs    x2, x2, #64
    b.hi    1b
    ldp     x6, x7, [sp]
    ldp     x8, x9, [sp, #16]
    add     sp, sp, #32
    stp     x14, x15, [x0]
    stp     x16, x17, [x0, #16]
    stp     x6, x7, [x0, #32]
    stp     x8, x9, [x0, #48]
    ret
memmove_forward:
    cmp     x2, #64
    b.ls    memcpy
    // The target may lie up to 63 bytes before the source: the last 64 bytes are loaded
    // before the loop overwrites any of them.
    add     x4, x1, x2
    add     x5, x0, x2
    ldp     x14, x15, [x4, #-64]
    ldp     x16, x17, [x4, #-48]
    ldp     x6, x7, [x4, #-32]
    ldp     x8, x9, [x4, #-16]
    stp     x6, x7, [sp, #-32]!
    stp     x8, x9, [sp, #16]
    mov     x3, x0
    sub     x2, x2, #64
1:  ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x1, #32]
    ldp     x12, x13, [x1, #48]
    add     x1, x1, #64
    stp     x6, x7, [x3]
    stp     x8, x9, [x3, #16]
    stp     x10, x11, [x3, #32]
    stp     x12, x13, [x3, #48]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hi    1b
    ldp     x6, x7, [sp]
    ldp     x8, x9, [sp, #16]
    add     sp, sp, #32
    stp     x14, x15, [x5, #-64]
    stp     x16, x17, [x5, #-48]
    stp     x6, x7, [x5, #-32]
    stp     x8, x9, [x5, #-16]
    ret

// memset(x0 = to, w1 = byte, x2 = bytes) -> x0.
.global memset
memset:
    and     x1, x1, #0xff
    mov     x3, #0x0101010101010101
    mul     x1, x1, x3
    add     x5, x0, x2
    cmp     x2, #16
    b.lo    memset_below_16
    mov     x3, x0
    subs    x2, x2, #64
    b.ls    2f
1:  stp     x1, x1, [x3]
    stp     x1, x1, [x3, #16]
    stp     x1, x1, [x3, #32]
    stp     x1, x1, [x3, #48]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hi    1b
2:  add     x2, x2, #48                    // 1 to 64 bytes are left; 16 are stored below
    cmp     x2, #0
    b.le    4f
3:  stp     x1, x1, [x3], #16
    subs    x2, x2, #16
    b.hi    3b
4:  stp     x1, x1, [x5, #-16]
    ret
memset_below_16:
    tbz     x2, #3, 1f
    str     x1, [x0]
    str     x1, [x5, #-8]
    ret
1:  tbz     x2, #2, 2f
    str     w1, [x0]
    str     w1, [x5, #-4]
    ret
2:  cbz     x2, 3f
    lsr     x3, x2, #1
    strb    w1, [x0]
    strb    w1, [x0, x3]
    strb    w1, [x5, #-1]
3:  ret
