// Copies between kernel and user memory with LDTR/STTR, so that the access is
// checked as the program's own. x0 = destination, x1 = source, x2 = bytes; returns
// in x0 the bytes that were not copied.
//
// A fault in the 64-byte loop falls back to the byte loop, a fault there ends the
// copy at the exact byte. The ranges are listed in .user_copy_table as
// {first instruction, one past the last, where to go on}.

.macro COPY_TABLE first, end, fixup
    .pushsection .user_copy_table, "a"
    .balign 8
    .quad   \first, \end, \fixup
    .popsection
.endm

.section .text.user_copy, "ax"

.global user_copy_in
user_copy_in:
    subs    x3, x2, #64
    b.lo    user_copy_in_bytes
user_copy_in_block:
    ldtr    x4, [x1]
    ldtr    x5, [x1, #8]
    ldtr    x6, [x1, #16]
    ldtr    x7, [x1, #24]
    ldtr    x8, [x1, #32]
    ldtr    x9, [x1, #40]
    ldtr    x10, [x1, #48]
    ldtr    x11, [x1, #56]
user_copy_in_block_end:
    stp     x4, x5, [x0]
    stp     x6, x7, [x0, #16]
    stp     x8, x9, [x0, #32]
    stp     x10, x11, [x0, #48]
    add     x0, x0, #64
    add     x1, x1, #64
    mov     x2, x3
    subs    x3, x3, #64
    b.hs    user_copy_in_block
user_copy_in_bytes:
    subs    x3, x2, #8
    b.lo    user_copy_in_rest
user_copy_in_word:
    ldtr    x4, [x1]
user_copy_in_word_end:
    str     x4, [x0], #8
    add     x1, x1, #8
    mov     x2, x3
    subs    x3, x3, #8
    b.hs    user_copy_in_word
user_copy_in_rest:
    cbz     x2, user_copy_done
user_copy_in_byte:
    ldtrb   w4, [x1]
user_copy_in_byte_end:
    strb    w4, [x0], #1
    add     x1, x1, #1
    subs    x2, x2, #1
    b.ne    user_copy_in_byte
user_copy_done:
    mov     x0, x2
    ret
COPY_TABLE user_copy_in_block, user_copy_in_block_end, user_copy_in_bytes
COPY_TABLE user_copy_in_word, user_copy_in_word_end, user_copy_in_rest
COPY_TABLE user_copy_in_byte, user_copy_in_byte_end, user_copy_done

.global user_copy_out
user_copy_out:
    subs    x3, x2, #64
    b.lo    user_copy_out_bytes
user_copy_out_next:
    ldp     x4, x5, [x1]
    ldp     x6, x7, [x1, #16]
    ldp     x8, x9, [x1, #32]
    ldp     x10, x11, [x1, #48]
user_copy_out_block:
    sttr    x4, [x0]
    sttr    x5, [x0, #8]
    sttr    x6, [x0, #16]
    sttr    x7, [x0, #24]
    sttr    x8, [x0, #32]
    sttr    x9, [x0, #40]
    sttr    x10, [x0, #48]
    sttr    x11, [x0, #56]
user_copy_out_block_end:
    add     x0, x0, #64
    add     x1, x1, #64
    mov     x2, x3
    subs    x3, x3, #64
    b.hs    user_copy_out_next
user_copy_out_bytes:
    subs    x3, x2, #8
    b.lo    user_copy_out_rest
user_copy_out_word_next:
    ldr     x4, [x1]
user_copy_out_word:
    sttr    x4, [x0]
user_copy_out_word_end:
    add     x0, x0, #8
    add     x1, x1, #8
    mov     x2, x3
    subs    x3, x3, #8
    b.hs    user_copy_out_word_next
user_copy_out_rest:
    cbz     x2, user_copy_done
user_copy_out_byte_next:
    ldrb    w4, [x1], #1
user_copy_out_byte:
    sttrb   w4, [x0]
user_copy_out_byte_end:
    add     x0, x0, #1
    subs    x2, x2, #1
    b.ne    user_copy_out_byte_next
    mov     x0, x2
    ret
COPY_TABLE user_copy_out_block, user_copy_out_block_end, user_copy_out_bytes
COPY_TABLE user_copy_out_word, user_copy_out_word_end, user_copy_out_rest
COPY_TABLE user_copy_out_byte, user_copy_out_byte_end, user_copy_done

// user_load_u32(address: x0) -> x0 = value, or all ones where it faults.
.global user_load_u32
user_load_u32:
    ldtr    w0, [x0]
user_load_u32_end:
    ret
user_load_u32_fault:
    mov     x0, #-1
    ret
COPY_TABLE user_load_u32, user_load_u32_end, user_load_u32_fault
