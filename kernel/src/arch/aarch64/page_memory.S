// Zeroing and copying whole pages, without the vector registers.

.set PAGE_BYTES, 4096

.section .text.page_memory, "ax"

// page_zero(page: x0): by DC ZVA where it is allowed, in blocks of DCZID_EL0.BS words
// (ARM ARM C5.3.8).
.global page_zero
page_zero:
    mrs     x1, dczid_el0
    cmp     x1, #4                         // allowed, 64 bytes
    b.ne    page_zero_other
    add     x2, x0, #PAGE_BYTES
page_zero_64:
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    dc      zva, x0
    add     x0, x0, #64
    cmp     x0, x2
    b.lo    page_zero_64
    ret
page_zero_other:
    add     x2, x0, #PAGE_BYTES
    tbnz    x1, #4, page_zero_stores       // prohibited
    and     x1, x1, #0xf
    mov     x3, #4
    lsl     x1, x3, x1                     // at most 2048 bytes
page_zero_any:
    dc      zva, x0
    add     x0, x0, x1
    cmp     x0, x2
    b.lo    page_zero_any
    ret
page_zero_stores:
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x2
    b.lo    page_zero_stores
    ret

// page_copy(destination: x0, source: x1): 128 bytes a turn, loads before stores.
.global page_copy
page_copy:
    add     x18, x1, #PAGE_BYTES
page_copy_next:
    ldp     x2, x3, [x1]
    ldp     x4, x5, [x1, #16]
    ldp     x6, x7, [x1, #32]
    ldp     x8, x9, [x1, #48]
    ldp     x10, x11, [x1, #64]
    ldp     x12, x13, [x1, #80]
    ldp     x14, x15, [x1, #96]
    ldp     x16, x17, [x1, #112]
    add     x1, x1, #128
    stp     x2, x3, [x0]
    stp     x4, x5, [x0, #16]
    stp     x6, x7, [x0, #32]
    stp     x8, x9, [x0, #48]
    stp     x10, x11, [x0, #64]
    stp     x12, x13, [x0, #80]
    stp     x14, x15, [x0, #96]
    stp     x16, x17, [x0, #112]
    add     x0, x0, #128
    cmp     x1, x18
    b.lo    page_copy_next
    ret
